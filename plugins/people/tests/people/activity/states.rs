//! The state of a station, and its worker.

use std::time::Duration;

use people::activity::ActivityTracker;
use people::station_file::Stations;
use people::{Activity, Person, StationStatus};
use vision::Keypoint;

use super::sequence::{ANYONE, INSIDE, RED, SIZE, inferred, options, person, play, pose, scene, states, tracker};

#[test]
fn states_of_an_assigned_station() {
    for (frames, expected) in [
        ("....", "...."),
        ("rrrr", "iiii"),
        ("rRrr", "iAAA"),
        ("RRrrrrrr", "AAAAAiii"),       // active is held for 300 ms, at which it still is
        ("R.....", "AAAA.."),           // a missed detection, then gone
        ("rr......", "iiiii..."),       // idle is held too
        ("R...R...", "AAAAAAAA"),       // no flicker
        ("R.....r", "AAAA..i"),         //
        ("R~~~~~~r", "AAAAAAAi"),       // coasting holds active, and ends with what is seen
        ("R~~~~~~.", "AAAAAAAi"),       // in view until just now
        ("R~~~~~~....", "AAAAAAAiii."), //
        ("r~~~~~~~", "iiiiiiii"),       // coasting is in view, and cannot start active
        ("~~", "ii"),                   //
        ("Rrrrr~~~", "AAAAiiii"),       // nor go back to it
        ("BbVv", "...."),               // others do not count
        ("R-----r", "AAAAAAi"),         // skipped frames state what was known,
        ("r--====--R", "iiiiii???A"),   // for as long as that is not too old, coasting people or not
        ("R-------~.", "AAAAAA??ii"),   // nobody coasts at a station of which nothing was known
        ("--==--", "??????"),           // nor is anything known before the first inference
        ("-.", "?."),                   //
        ("RVBVBVB", "AAAA..."),         //
    ] {
        let (_, views) = play(&mut tracker(RED), Duration::ZERO, frames);
        assert_eq!(states(&views), expected, "{frames}");
        assert!(
            views.iter().all(|view| view.worker.as_deref() == Some("red")),
            "{frames}"
        );
    }
}

#[test]
fn states_of_an_unassigned_station() {
    for (frames, states_expected, workers) in [
        ("....", "....", "????"),
        ("rb..", "iiii", "????"),
        ("rRrrrrbb", "iAAAAiii", "?rrrrrrr"), // the last one to work there stays named
        ("RBbbbbb", "AAAAAii", "rbbbbbb"),    // handed over
        ("VRvv", "AAAA", "?rrr"),             // a visitor has no name
        ("RVvv", "AAAA", "r???"),
        ("R^^^^^", "AAAAii", "rrrrrr"), // only the one whose hand it was holds it
        ("R~~~~~", "AAAAAA", "rrrrrr"),
    ] {
        let (_, views) = play(&mut tracker(ANYONE), Duration::ZERO, frames);
        assert_eq!(states(&views), states_expected, "{frames}");
        let initial = |view: &StationStatus| {
            view.worker
                .as_ref()
                .map_or('?', |worker| worker.chars().next().unwrap())
        };
        assert_eq!(views.iter().map(initial).collect::<String>(), workers, "{frames}");
    }
}

#[test]
fn the_previous_hand_is_preferred_then_workers_over_visitors() {
    let mut tracker = tracker(ANYONE);
    for (frames, expected) in [
        ("V", None),
        ("VBR", None),
        ("BR", Some("blue")),
        ("RB", Some("blue")),
        ("RV", Some("red")),
    ] {
        let people = frames.chars().flat_map(|letter| scene(letter).people).collect();
        let mut scene = inferred(people);
        tracker.update(Duration::ZERO, SIZE, &mut scene);
        assert_eq!(scene.stations[0].worker.as_deref(), expected, "{frames}");
    }
}

#[test]
fn only_hand_keypoints_above_the_confidence_count() {
    for (joint, confidence, expected) in [
        (Keypoint::LeftWrist, 0.3, Activity::Active),
        (Keypoint::RightWrist, 0.9, Activity::Active),
        (Keypoint::LeftElbow, 0.3, Activity::Active),
        (Keypoint::RightElbow, 0.3, Activity::Active),
        (Keypoint::LeftWrist, 0.29, Activity::Idle),
        (Keypoint::LeftWrist, f32::NAN, Activity::Idle),
        (Keypoint::Nose, 0.9, Activity::Idle),
        (Keypoint::LeftAnkle, 0.9, Activity::Idle),
    ] {
        let people = vec![person(1, Some("red"), Some(pose(joint, INSIDE, confidence)))];
        let mut scene = inferred(people);
        tracker(RED).update(Duration::ZERO, SIZE, &mut scene);
        assert_eq!(scene.stations[0].activity, expected, "{joint:?} {confidence}");
    }
}

#[test]
fn people_without_tracks_count_at_unassigned_stations() {
    let untracked = Person {
        track: None,
        ..person(1, None, Some(pose(Keypoint::LeftWrist, INSIDE, 0.5)))
    };
    for (stations, expected) in [(ANYONE, Activity::Active), (RED, Activity::Absent)] {
        let mut scene = inferred(vec![untracked.clone()]);
        tracker(stations).update(Duration::ZERO, SIZE, &mut scene);
        assert_eq!(scene.stations[0].activity, expected);
    }
}

#[test]
fn a_frame_without_a_size_has_no_hands_inside() {
    let mut scene = scene('R');
    tracker(RED).update(Duration::ZERO, (0, 0), &mut scene);
    assert_eq!(scene.stations[0].activity, Activity::Idle);
}

#[test]
fn without_stations_there_are_no_states() {
    let mut tracker = ActivityTracker::new(Stations::default(), options());
    let (events, views) = play(&mut tracker, Duration::ZERO, "rRr.-");
    assert!(events.is_empty() && views.is_empty());
    assert!(tracker.finish(Duration::from_secs(9)).is_empty());
}
