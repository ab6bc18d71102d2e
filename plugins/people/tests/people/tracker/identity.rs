//! Assignment of workers to tracks over time.

use std::sync::Arc;

use people::tracker::TrackerOptions;
use people::{Inference, Person, Scene, SkipReason, VestName, VestScores};

use super::scenario::{FPS, Scenario, WALK, bbox, figure, leaning, options, roll, seen};

#[test]
fn crossing_people_keep_their_workers() {
    // Blue is hidden behind red while they overlap.
    for vests in [true, false] {
        let mut scenario = Scenario::new(options());
        let mut last = String::new();
        for frame in 0..60 {
            let way = WALK * frame as f32 / FPS as f32;
            let (red, blue) = (80.0 + way, 560.0 - way);
            let who = |x, vest| if vests { seen(x, vest) } else { figure(x) };
            let mut people = vec![who(red, "red")];
            if (red - blue).abs() > 30.0 {
                people.push(who(blue, "blue"));
            }
            last = roll(&scenario.show(people));
        }
        assert_eq!(last, if vests { "2 blue, 1 red" } else { "2 visitor, 1 visitor" });
    }
}

#[test]
fn overlapping_people_are_not_swapped() {
    // Both crops show the vest in front while the boxes overlap by half; before and after, an answer or two is wrong.
    let mut scenario = Scenario::new(options());
    for frame in 0..40 {
        let way = WALK * frame as f32 / FPS as f32;
        let (left, right) = (160.0 + way, 480.0 - way);
        let (a, b) = match frame {
            14 => ("blue", "red"),
            18..=22 => ("blue", "blue"),
            26 => ("none", "red"),
            _ => ("red", "blue"),
        };
        let people = scenario.show(vec![seen(left, a), seen(right, b)]);
        if frame > 0 {
            assert_eq!(
                (roll(&people[..1]), roll(&people[1..])),
                ("1 red".into(), "2 blue".into()),
                "frame {frame}"
            );
        }
    }
}

#[test]
fn a_wrong_vest_in_one_frame_is_ignored() {
    let mut scenario = Scenario::new(options());
    scenario.hold(10, &[seen(100.0, "red"), seen(300.0, "blue")]);
    for wrong in ["blue", "green", "none"] {
        let people = scenario.show(vec![seen(100.0, wrong), seen(300.0, "blue")]);
        assert_eq!(roll(&people), "1 red, 2 blue", "{wrong}");
        scenario.hold(5, &[seen(100.0, "red"), seen(300.0, "blue")]);
    }
}

#[test]
fn a_vest_that_stays_different_changes_the_worker() {
    let mut scenario = Scenario::new(options());
    scenario.hold(10, &[seen(100.0, "red")]);
    assert_eq!(roll(&scenario.hold(4, &[seen(100.0, "green")])), "1 green");
}

#[test]
fn a_vest_belongs_to_one_track_at_a_time() {
    let mut scenario = Scenario::new(options());
    scenario.hold(5, &[seen(100.0, "red")]);
    for frame in 0..20 {
        let people = scenario.show(vec![seen(100.0, "red"), seen(400.0, "red")]);
        assert_eq!(roll(&people), if frame == 0 { "1 red, -" } else { "1 red, 2 visitor" });
        assert!(frame == 0 || people[1].track.as_ref().is_some_and(|track| track.confidence < 0.1));
    }
    // The first one is gone; the vest is seen at the second.
    assert_eq!(roll(&scenario.hold(5, &[seen(400.0, "red")])), "1 red");
}

#[test]
fn a_worker_keeps_the_vest_when_another_scores_higher() {
    let mut scenario = Scenario::new(options());
    scenario.hold(5, &[leaning(100.0, "red", 0.7)]);
    for _ in 0..20 {
        scenario.show(vec![leaning(100.0, "red", 0.7), seen(400.0, "red")]);
    }
    assert_eq!(
        roll(&scenario.show(vec![figure(100.0), figure(400.0)])),
        "1 red, 2 visitor"
    );
}

#[test]
fn two_new_people_in_one_vest_are_a_worker_and_a_visitor() {
    let mut scenario = Scenario::new(options());
    let people = scenario.hold(2, &[seen(100.0, "red"), seen(400.0, "red")]);
    assert_eq!(
        people.iter().filter(|person| person.worker().is_some()).count(),
        1,
        "{}",
        roll(&people)
    );
}

#[test]
fn a_worker_is_identified_again_by_the_vest() {
    let mut scenario = Scenario::new(options());
    scenario.hold(10, &[seen(100.0, "red"), seen(300.0, "blue")]);
    scenario.hold(15, &[seen(300.0, "blue")]);
    // Far from where anyone could have walked, but in time: the same worker and id.
    scenario.show(vec![seen(300.0, "blue"), seen(600.0, "red")]);
    assert_eq!(
        roll(&scenario.show(vec![seen(300.0, "blue"), seen(600.0, "red")])),
        "2 blue, 1 red"
    );
    scenario.hold(40, &[seen(300.0, "blue")]);
    // Too late for the id; the worker is the same.
    assert_eq!(
        roll(&scenario.hold(2, &[seen(300.0, "blue"), seen(100.0, "red")])),
        "4 red, 2 blue"
    );
}

#[test]
fn ids_follow_the_vests_after_tracks_were_confused() {
    let mut scenario = Scenario::new(options());
    scenario.hold(10, &[seen(280.0, "red"), seen(320.0, "blue")]);
    // They change places unseen, and then for a while nobody asks the vest model.
    scenario.hold(4, &[]);
    assert_eq!(
        roll(&scenario.hold(2, &[figure(280.0), figure(320.0)])),
        "1 red, 2 blue"
    );
    assert_eq!(
        roll(&scenario.hold(4, &[seen(280.0, "blue"), seen(320.0, "red")])),
        "2 blue, 1 red"
    );
}

#[test]
fn options_decide_which_vests_are_workers() {
    let only_blue = TrackerOptions {
        vests: Some(vec![Arc::from("blue")]),
        ..options()
    };
    let strict = TrackerOptions {
        min_confidence: 0.999_999,
        ..options()
    };
    for (options, want) in [
        (options(), "1 red, 2 blue"),
        (only_blue, "1 visitor, 2 blue"),
        (strict, "1 visitor, 2 visitor"),
    ] {
        let mut scenario = Scenario::new(options);
        assert_eq!(
            roll(&scenario.hold(2, &[seen(100.0, "red"), seen(300.0, "blue")])),
            want
        );
    }
}

/// A frame whose vest inference was skipped; scores that it has all the same are none.
fn without_vests(reason: SkipReason, people: Vec<Person>) -> Scene {
    Scene {
        vest_inference: Some(Inference::Skipped(reason)),
        people,
        ..Scene::default()
    }
}

#[test]
fn frames_without_vests_move_tracks_and_keep_workers() {
    for reason in [SkipReason::Interval, SkipReason::Overload, SkipReason::Failed] {
        let mut scenario = Scenario::new(options());
        let known = scenario.hold(10, &[seen(100.0, "red"), seen(300.0, "none")]);
        for frame in 1..=40 {
            let x = 100.0 + WALK * frame as f32 / FPS as f32;
            let people = scenario.play_scene(without_vests(reason, vec![seen(x, "green"), figure(300.0)]));
            assert!(people.iter().all(|person| person.vest.is_none()), "{reason:?}");
            assert!(people[0].bbox.iou(&bbox(x)) > 0.99 && !people[0].is_coasting());
            let tracks = |people: &[Person]| people.iter().map(|person| person.track.clone()).collect::<Vec<_>>();
            assert_eq!(tracks(&people), tracks(&known), "{reason:?}, frame {frame}");
        }
        // Hidden for a moment, and found by the motion, which was followed.
        scenario.play_scene(without_vests(reason, vec![]));
        let x = 100.0 + WALK * 42.0 / FPS as f32;
        let people = scenario.play_scene(without_vests(reason, vec![figure(x), figure(300.0)]));
        assert_eq!(roll(&people), "2 visitor, 1 red", "{reason:?}");
    }
}

#[test]
fn nobody_becomes_a_worker_without_a_vest() {
    let any = TrackerOptions {
        min_confidence: 0.0,
        ..options()
    };
    let mut scenario = Scenario::new(any);
    scenario.hold(5, &[seen(100.0, "red")]);
    for _ in 0..5 {
        let people = scenario.play_scene(without_vests(SkipReason::Failed, vec![figure(100.0), figure(400.0)]));
        assert!(people[1].worker().is_none(), "{}", roll(&people));
    }
    // a model of one vest, whose scores of the first frame are not finite
    let vest = |probability| VestScores {
        labels: [VestName::from("red")].into(),
        probabilities: vec![probability],
    };
    let person = |probability| Person {
        vest: Some(vest(probability)),
        ..figure(100.0)
    };
    let mut scenario = Scenario::new(options());
    assert_eq!(roll(&scenario.hold(3, &[person(f32::NAN)])), "1 visitor");
    assert_eq!(roll(&scenario.hold(1, &[person(1.0)])), "1 red");
}

#[test]
fn vests_of_workers_are_names_of_labels() {
    for (vests, expected, unknown) in [
        (&["red", "blue"][..], "1 red, 2 blue", &[][..]),
        (&["RED", " Blue "], "1 red, 2 blue", &[]),
        (&["RED", "red"], "1 red, 2 visitor", &[]),
        (&["blue", "purpel"], "1 visitor, 2 blue", &["'purpel'"]),
        (
            &["gren", "none"],
            "1 visitor, 2 visitor",
            &["'gren' (did you mean 'green'?)", "'none' (no vest)"],
        ),
        (&[], "1 visitor, 2 visitor", &[]),
    ] {
        let mut scenario = Scenario::new(TrackerOptions {
            vests: Some(vests.iter().map(|&vest| vest.into()).collect()),
            ..options()
        });
        assert_eq!(scenario.tracker.unknown_vests().0, [], "no labels yet");
        scenario.hold(5, &[seen(100.0, "red"), seen(300.0, "blue")]);
        let people = scenario.show(vec![seen(100.0, "red"), seen(300.0, "blue")]);
        assert_eq!(roll(&people), expected, "{vests:?}");
        let named: Vec<_> = scenario
            .tracker
            .unknown_vests()
            .0
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(named, unknown, "{vests:?}");
    }
}
