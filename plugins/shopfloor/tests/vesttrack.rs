//! `vesttrack`: people in, workers out.

mod common;

use common::{frame, frame_of, harness, person};
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
fn vests_name_workers() {
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
fn only_the_vests_that_count_are_workers() {
    let (mut harness, _bus) = harness("vesttrack vests=blue");
    let mut last = None;
    for n in 0..5 {
        let people = vec![person(80.0, "red", NOWHERE), person(160.0, "blue", NOWHERE)];
        last = Some(harness.push_and_pull(frame_of(n, people)).unwrap());
    }
    assert_eq!(workers(&last.unwrap()), ["visitor", "blue"]);
}

#[test]
fn a_hidden_worker_coasts_and_a_flush_forgets() {
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
fn uninferred_frames_coast_and_bare_frames_pass() {
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
fn a_property_acts_while_playing() {
    let (mut harness, _bus) = harness("vesttrack");
    for n in 0..5 {
        harness
            .push_and_pull(frame_of(n, vec![person(80.0, "red", NOWHERE)]))
            .unwrap();
    }
    harness.element().unwrap().set_property("max-age", 0_u32);
    for n in 5..8 {
        harness.push_and_pull(frame_of(n, vec![])).unwrap();
    }
    let gone = harness.push_and_pull(frame_of(8, vec![])).unwrap();
    assert!(people_meta::scene(&gone).unwrap().people.is_empty());
}

#[test]
fn people_are_regions_of_interest_unless_unwanted() {
    let (mut harness, _bus) = harness("vesttrack");
    let regions = |buffer: &gst::BufferRef| -> Vec<(i32, (u32, u32, u32, u32))> {
        let regions = buffer.iter_meta::<gst_video::VideoRegionOfInterestMeta>();
        regions.map(|region| (region.id(), region.rect())).collect()
    };
    let people = vec![person(80.0, "red", NOWHERE), person(160.0, "none", NOWHERE)];
    let once = harness.push_and_pull(frame_of(0, people)).unwrap();
    let first = if cfg!(feature = "analytics") { 0 } else { 1 }; // that of its detection
    let expected = [(first, (60, 60, 40, 120)), (first + 1, (140, 60, 40, 120))];
    assert_eq!(regions(&once), expected);
    // as behind a vesttrack of somebody else's
    let twice = harness.push_and_pull(once).unwrap();
    assert_eq!(regions(&twice), expected);
    harness.element().unwrap().set_property("roi-metas", false);
    let without = harness
        .push_and_pull(frame_of(3, vec![person(80.0, "red", NOWHERE)]))
        .unwrap();
    assert!(regions(&without).is_empty());
}

#[cfg(feature = "analytics")]
#[test]
fn people_are_in_gstreamers_analytics_unless_unwanted() {
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
