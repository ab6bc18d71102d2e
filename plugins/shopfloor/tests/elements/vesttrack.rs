//! `vesttrack`: people in, tracks and workers out.

use std::time::Duration;

use crate::common::{frame, frame_of, harness, person, texts};
use gst::meta::CustomMeta;
use gst::prelude::*;
use people::{Inference, Scene, SkipReason};
use vision::Point;

const NOWHERE: Point = Point::new(0.0, 0.0);

fn workers(buffer: &gst::BufferRef) -> Vec<String> {
    let scene = people_meta::scene(buffer).unwrap();
    scene
        .people
        .iter()
        .map(|p| p.worker().map_or("visitor", |w| w).to_owned())
        .collect()
}

#[test]
fn vests_identify_workers() {
    let (mut harness, _bus) = harness("vesttrack");
    let mut last = None;
    for n in 0..5 {
        let people = vec![
            person(80.0, "red", NOWHERE),
            person(160.0, "blue", NOWHERE),
            person(240.0, "none", NOWHERE),
        ];
        last = Some(harness.push_and_pull(frame_of(n, people)).unwrap());
    }
    assert_eq!(workers(&last.unwrap()), ["red", "blue", "visitor"]);
    let stats: gst::Structure = harness.element().unwrap().property("stats");
    assert_eq!(stats.get::<String>("workers-seen").unwrap(), "blue,red");
    assert_eq!(stats.get::<u64>("frames").unwrap(), 5);
    assert_eq!(stats.get::<u32>("people-now").unwrap(), 3);
}

#[test]
fn only_the_vests_of_the_property_are_workers() {
    let (mut harness, _bus) = harness("vesttrack vests=blue");
    let mut last = None;
    for n in 0..5 {
        let people = vec![person(80.0, "red", NOWHERE), person(160.0, "blue", NOWHERE)];
        last = Some(harness.push_and_pull(frame_of(n, people)).unwrap());
    }
    assert_eq!(workers(&last.unwrap()), ["visitor", "blue"]);
}

#[test]
fn hidden_workers_are_predicted_until_a_flush() {
    let (mut harness, _bus) = harness("vesttrack");
    for n in 0..5 {
        harness
            .push_and_pull(frame_of(n, vec![person(80.0, "red", NOWHERE)]))
            .unwrap();
    }
    let hidden = harness.push_and_pull(frame_of(5, vec![])).unwrap();
    let scene = people_meta::scene(&hidden).unwrap();
    assert_eq!(
        (
            scene.people.len(),
            scene.people[0].track.as_ref().unwrap().frames_since_update
        ),
        (1, 1)
    );

    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    let after = harness.push_and_pull(frame_of(0, vec![])).unwrap();
    assert!(people_meta::scene(&after).unwrap().people.is_empty());
}

#[test]
fn skipped_frames_are_predicted_and_frames_without_a_scene_pass() {
    let (mut harness, _bus) = harness("vesttrack");
    for n in 0..5 {
        harness
            .push_and_pull(frame_of(n, vec![person(80.0, "red", NOWHERE)]))
            .unwrap();
    }
    let mut skipped = frame(5);
    let scene = Scene {
        inference: Inference::Skipped(SkipReason::Overload),
        ..Scene::default()
    };
    people_meta::set_scene(skipped.get_mut().unwrap(), scene);
    let skipped = harness.push_and_pull(skipped).unwrap();
    assert_eq!(workers(&skipped), ["red"]);
    let bare = harness.push_and_pull(frame(6)).unwrap();
    assert!(people_meta::scene(&bare).is_none());
}

#[test]
fn properties_apply_while_playing() {
    let (mut harness, _bus) = harness("vesttrack");
    for n in 0..5 {
        harness
            .push_and_pull(frame_of(n, vec![person(80.0, "red", NOWHERE)]))
            .unwrap();
    }
    harness.element().unwrap().set_property("max-age", 1_u32);
    let hidden = harness.push_and_pull(frame_of(5, vec![])).unwrap();
    assert_eq!(people_meta::scene(&hidden).unwrap().people.len(), 1);
    let gone = harness.push_and_pull(frame_of(6, vec![])).unwrap();
    assert!(people_meta::scene(&gone).unwrap().people.is_empty());
}

#[test]
fn simultaneous_property_writes_lose_none() {
    let (mut harness, _bus) = harness("vesttrack vests=red");
    let element = harness.element().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..500).for_each(|n| element.set_property("vests", if n % 2 == 0 { "red" } else { "blue" })));
        scope.spawn(|| (0..500).for_each(|n| element.set_property("min-hits", 499 - n as u32)));
        scope.spawn(|| (0..500).for_each(|n| element.set_property("max-age", n as u32)));
        for n in 0..50 {
            harness.push(frame_of(n, vec![])).unwrap();
            harness.pull().unwrap();
        }
    });
    assert_eq!(
        (
            element.property::<String>("vests").as_str(),
            element.property::<u32>("min-hits"),
            element.property::<u32>("max-age")
        ),
        ("blue", 0, 499)
    );
    // min-hits=0: a worker from the first frame on
    let people = vec![person(80.0, "red", NOWHERE), person(160.0, "blue", NOWHERE)];
    let first = harness.push_and_pull(frame_of(50, people)).unwrap();
    assert_eq!(workers(&first), ["visitor", "blue"]);
}

#[test]
fn regions_of_interest_are_attached_unless_switched_off() {
    let (mut harness, _bus) = harness("vesttrack");
    let regions = |buffer: &gst::BufferRef| -> Vec<(i32, (u32, u32, u32, u32))> {
        let regions = buffer.iter_meta::<gst_video::VideoRegionOfInterestMeta>();
        regions.map(|region| (region.id(), region.rect())).collect()
    };
    let people = vec![person(80.0, "red", NOWHERE), person(160.0, "none", NOWHERE)];
    let once = harness.push_and_pull(frame_of(0, people)).unwrap();
    let first = if cfg!(feature = "analytics") { 0 } else { 1 }; // the id of its detection
    let expected = [(first, (60, 60, 40, 120)), (first + 1, (140, 60, 40, 120))];
    assert_eq!(regions(&once), expected);
    // as after another vesttrack
    let twice = harness.push_and_pull(once).unwrap();
    assert_eq!(regions(&twice), expected);
    harness.element().unwrap().set_property("roi-metas", false);
    let without = harness
        .push_and_pull(frame_of(3, vec![person(80.0, "red", NOWHERE)]))
        .unwrap();
    assert!(regions(&without).is_empty());
}

#[test]
fn the_outcome_of_each_stage_is_exported_unless_switched_off() {
    let failed = Inference::Skipped(SkipReason::Failed);
    let field = |frame: &gst::BufferRef, name: &str| {
        let meta = CustomMeta::from_buffer(frame, people_meta::INFERENCE).unwrap();
        meta.structure()
            .value(name)
            .ok()
            .map(|value| value.serialize().unwrap().to_string())
    };
    let (mut harness, _bus) = harness("vesttrack");
    for (n, pose, vest, period, expected) in [
        (0, Inference::Done, None, None, [Some("done"), None, None]),
        (
            1,
            Inference::Done,
            Some(failed),
            Some(1200),
            [Some("done"), Some("failed"), Some("1200000000")],
        ),
        (
            2,
            failed,
            Some(failed),
            Some(100),
            [Some("failed"), Some("failed"), Some("100000000")],
        ),
    ] {
        let mut buffer = frame(n);
        let scene = Scene {
            inference: pose,
            vest_inference: vest,
            inference_period: period.map(Duration::from_millis),
            ..Scene::default()
        };
        people_meta::set_scene(buffer.get_mut().unwrap(), scene);
        let buffer = harness.push_and_pull(buffer).unwrap();
        let fields = ["inference", "vest-inference", "inference-period"].map(|name| field(&buffer, name));
        assert_eq!(fields.each_ref().map(Option::as_deref), expected);
        // as after another vesttrack
        let twice = harness.push_and_pull(buffer).unwrap();
        assert_eq!(field(&twice, "inference").as_deref(), expected[0]);
    }
    harness.element().unwrap().set_property("roi-metas", false);
    let mut bare = frame(3);
    people_meta::set_scene(bare.get_mut().unwrap(), Scene::default());
    let bare = harness.push_and_pull(bare).unwrap();
    assert!(CustomMeta::from_buffer(&bare, people_meta::INFERENCE).is_err());
}

#[cfg(feature = "analytics")]
#[test]
fn analytics_metas_are_attached_unless_switched_off() {
    let (mut harness, _bus) = harness("vesttrack");
    let analytics = |buffer: &gst::BufferRef| {
        let metas = buffer.iter_meta::<gst::Meta>();
        metas
            .filter(|meta| meta.api().name() == "GstAnalyticsRelationMetaAPI")
            .count()
    };
    let once = harness
        .push_and_pull(frame_of(0, vec![person(80.0, "red", NOWHERE)]))
        .unwrap();
    assert_eq!(analytics(&once), 1);
    let twice = harness.push_and_pull(once).unwrap();
    assert_eq!(analytics(&twice), 1);
    harness.element().unwrap().set_property("roi-metas", false);
    let without = harness
        .push_and_pull(frame_of(3, vec![person(80.0, "red", NOWHERE)]))
        .unwrap();
    assert_eq!(analytics(&without), 0);
}

#[test]
fn vests_that_the_model_does_not_know_are_one_warning() {
    let (mut harness, bus) = harness("vesttrack vests=Red,purpel,bleu");
    let play = |harness: &mut gst_check::Harness, frames: std::ops::Range<u64>| {
        let show = |n| {
            harness
                .push_and_pull(frame_of(n, vec![person(80.0, "red", NOWHERE)]))
                .unwrap()
        };
        frames.map(show).last().unwrap()
    };
    assert_eq!(workers(&play(&mut harness, 0..5)), ["red"]);
    let warnings = texts(&bus, gst::MessageType::Warning);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for fact in ["'purpel'", "'bleu' (did you mean 'blue'?)", "none, red, blue", "vests="] {
        assert!(warnings[0].contains(fact), "{fact}: {warnings:?}");
    }
    assert!(!warnings[0].contains("'Red'"), "{warnings:?}");
    harness.element().unwrap().set_property("vests", "red,grene");
    play(&mut harness, 5..8);
    assert_eq!(texts(&bus, gst::MessageType::Warning).len(), 1);
}
