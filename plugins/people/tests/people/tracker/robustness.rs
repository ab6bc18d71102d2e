//! Unusual streams, model outputs and options.

use std::sync::Arc;
use std::time::Duration;

use people::tracker::{MAX_TRACKS, Tracker, TrackerOptions};
use people::{Inference, Person, Scene, Track, VestName, VestScores};
use proptest::prelude::*;
use vision::Rect;
use vision::decode::MAX_PEOPLE;

use super::scenario::{SKIPPED, Scenario, figure, options, roll, seen};

#[test]
fn options_apply_from_the_next_frame() {
    let mut scenario = Scenario::new(options());
    scenario.hold(5, &[seen(100.0, "red")]);
    scenario.tracker.set_options(TrackerOptions {
        vests: Some(vec![]),
        ..options()
    });
    assert_eq!(roll(&scenario.show(vec![seen(100.0, "red")])), "1 visitor");
}

#[test]
fn reset_removes_tracks_and_ids_continue() {
    let mut scenario = Scenario::new(options());
    scenario.hold(5, &[seen(100.0, "red")]);
    scenario.tracker.reset();
    assert_eq!(roll(&scenario.show(vec![])), "");
    assert_eq!(roll(&scenario.hold(2, &[seen(100.0, "red")])), "2 red");
}

#[test]
fn without_a_vest_model_everyone_is_a_visitor_of_unknown_identity() {
    let mut scenario = Scenario::new(options());
    let people = scenario.hold(5, &[figure(100.0)]);
    assert_eq!(roll(&people), "1 visitor");
    assert_eq!(people[0].track.as_ref().map(|track| track.confidence), Some(0.0));
}

#[test]
fn another_label_list_resets_vests() {
    let mut scenario = Scenario::new(options());
    scenario.hold(5, &[seen(100.0, "red")]);
    let labels: Arc<[VestName]> = ["cook", "none"].map(Arc::from).into();
    let vest = Some(VestScores {
        labels,
        probabilities: vec![0.9, 0.1],
    });
    assert_eq!(roll(&scenario.show(vec![Person { vest, ..figure(100.0) }])), "1 cook");
}

#[test]
fn times_may_repeat_jump_and_go_back() {
    let mut tracker = Tracker::new(options());
    for millis in [5000, 5000, 0, 0, 100, u64::MAX / 2, 200, 300] {
        let mut scene = Scene {
            people: vec![seen(100.0, "red")],
            ..Scene::default()
        };
        tracker.update(Duration::from_millis(millis), &mut scene);
        assert!(
            scene.people.iter().all(|person| person.bbox.center().x.is_finite()),
            "{millis}"
        );
    }
    let mut scene = Scene {
        people: vec![seen(100.0, "red")],
        ..Scene::default()
    };
    tracker.update(Duration::from_millis(400), &mut scene);
    assert_eq!(scene.people[0].worker().map(|name| &**name), Some("red"));
}

#[test]
fn a_box_without_area_gets_no_track() {
    let mut scenario = Scenario::new(TrackerOptions {
        min_hits: 1,
        ..options()
    });
    let stale = Some(Track {
        id: 7,
        ..Track::default()
    });
    for bbox in [
        Rect::default(),
        Rect::new(f32::NAN, 0.0, 1.0, 1.0),
        Rect::new(0.0, 0.0, f32::INFINITY, 1.0),
    ] {
        let people = scenario.show(vec![Person {
            bbox,
            track: stale.clone(),
            ..figure(0.0)
        }]);
        assert_eq!(roll(&people), "-", "{bbox:?}");
    }
}

#[test]
fn of_too_many_people_the_best_are_tracked() {
    let mut scenario = Scenario::new(options());
    let crowd: Vec<Person> = (0..1500)
        .map(|i| Person {
            score: (i * 7 % 1500) as f32 / 1500.0,
            ..figure(100.0 * i as f32)
        })
        .collect();
    let people = scenario.hold(3, &crowd);
    assert_eq!(people.len(), crowd.len(), "the others are still in the scene");
    let is_best = |person: &&Person| person.score >= (1500 - MAX_PEOPLE) as f32 / 1500.0;
    assert_eq!(people.iter().filter(is_best).count(), MAX_PEOPLE);
    assert!(people.iter().all(|person| person.track.is_some() == is_best(&person)));
}

#[test]
fn people_who_are_elsewhere_in_each_frame_leave_only_so_many_tracks() {
    let mut scenario = Scenario::new(TrackerOptions {
        min_hits: 1,
        max_age: Some(1000),
        ..options()
    });
    for frame in 0..6 {
        let crowd = (0..300).map(|i| figure(1e5 * frame as f32 + 100.0 * i as f32));
        let people = scenario.show(crowd.collect());
        let tracked = people.iter().filter(|person| person.track.is_some()).count();
        assert!(tracked <= MAX_TRACKS, "{tracked} tracks in frame {frame}");
        let seen = people[..300].iter().filter(|person| person.track.is_some()).count();
        assert_eq!(seen, MAX_PEOPLE, "newcomers are tracked in frame {frame}");
    }
}

#[test]
fn a_prediction_that_overflows_is_not_shown() {
    let mut tracker = Tracker::new(options());
    for frame in 0..10 {
        let top = frame as f32 * 3e36;
        let giant = Person {
            bbox: Rect::new(0.0, top, 0.01, top + 1e38),
            ..figure(0.0)
        };
        let mut scene = Scene {
            people: vec![giant],
            ..Scene::default()
        };
        tracker.update(Duration::from_millis(100 * frame), &mut scene);
    }
    let mut soon = Scene::default();
    tracker.update(Duration::from_secs(1), &mut soon);
    assert_eq!(roll(&soon.people), "1 visitor+1");
    let mut late = Scene::default();
    tracker.update(Duration::from_secs(1_000_000), &mut late);
    assert_eq!(roll(&late.people), "");
}

/// People with extreme boxes and vest scores.
fn anyone() -> impl Strategy<Value = Person> {
    let edge = prop_oneof![
        8 => -50.0..700.0f32,
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::MAX, f32::MIN, 1e-30, -0.0]),
    ];
    let vest = prop_oneof![
        4 => prop::sample::select(vec!["none", "red", "blue", "green"]).prop_map(|vest| seen(0.0, vest).vest),
        1 => Just(None),
        1 => prop::collection::vec(prop::num::f32::ANY, 0..6)
            .prop_map(|probabilities| seen(0.0, "red").vest.map(|vest| VestScores { probabilities, ..vest })),
    ];
    ([edge.clone(), edge.clone(), edge.clone(), edge], vest).prop_map(|([left, top, right, bottom], vest)| Person {
        bbox: Rect::new(left, top, right, bottom),
        vest,
        ..figure(0.0)
    })
}

proptest! {
    #[test]
    fn ids_and_workers_are_unique_and_boxes_finite(
        frames in prop::collection::vec(
            (0..100_000u64, prop::bool::weighted(0.8), prop::collection::vec(anyone(), 0..6)), 1..40),
        min_hits in 0..3u32,
    ) {
        let mut tracker = Tracker::new(TrackerOptions { min_hits, ..options() });
        for (millis, inferred, people) in frames {
            let inference = if inferred { Inference::Done } else { SKIPPED };
            let mut scene = Scene { inference, people, ..Scene::default() };
            tracker.update(Duration::from_millis(millis), &mut scene);
            let tracks: Vec<_> = scene.people.iter().filter_map(|person| person.track.as_ref()).collect();
            for (index, track) in tracks.iter().enumerate() {
                prop_assert!(track.id > 0 && (0.0..=1.0).contains(&track.confidence) && track.frames_since_update <= 100);
                for other in &tracks[..index] {
                    prop_assert!(track.id != other.id);
                    prop_assert!(track.worker.is_none() || track.worker != other.worker);
                }
            }
            for person in scene.people.iter().filter(|person| person.track.is_some()) {
                let Rect { left, top, right, bottom } = person.bbox;
                prop_assert!([left, top, right, bottom].iter().all(|edge| edge.is_finite()));
            }
        }
    }
}
