//! Frames that only some of the models have seen: what each stage's answer means for a station.

use std::time::Duration;

use people::activity::ActivityTracker;
use people::event::EventKind;
use people::{Activity, Inference, Person, Scene, SkipReason, Track};
use vision::{Keypoint, Point};

use super::sequence::{ANYONE, FRAME, INSIDE, OUTSIDE, RED, SIZE, letter, person, play, pose, tracker, vest};

const SKIPPED: [Inference; 3] = [
    Inference::Skipped(SkipReason::Interval),
    Inference::Skipped(SkipReason::Overload),
    Inference::Skipped(SkipReason::Failed),
];

/// A frame as the elements leave it: without people where they were not detected, without vests where those were not
/// classified.
fn scene(pose: Inference, vest: Option<Inference>, people: &[Person]) -> Scene {
    let mut people = if pose == Inference::Done {
        people.to_vec()
    } else {
        vec![]
    };
    if vest != Some(Inference::Done) {
        people.iter_mut().for_each(|person| person.vest = None);
    }
    Scene {
        inference: pose,
        vest_inference: vest,
        people,
        ..Scene::default()
    }
}

/// Red with a wrist at a point.
fn red(wrist: Point) -> Person {
    person(1, Some("red"), Some(pose(Keypoint::LeftWrist, wrist, 0.5)))
}

/// The same, as a track with a confidence.
fn red_with(confidence: f32, wrist: Point) -> Person {
    let mut red = red(wrist);
    red.track.as_mut().unwrap().confidence = confidence;
    red
}

/// Red before the track has been identified.
fn stranger(wrist: Point) -> Person {
    let track = Track {
        id: 7,
        ..Track::default()
    };
    Person {
        track: Some(track),
        ..red(wrist)
    }
}

/// The state of a station 2 s after its people were last seen by all models, all of that time in frames like `scene`.
fn settled(stations: &str, scene: &Scene) -> char {
    let mut tracker = tracker(stations);
    play(&mut tracker, Duration::ZERO, "r");
    for n in 1..=20 {
        tracker.update(FRAME * n, SIZE, &mut scene.clone());
    }
    letter(tracker.views()[0].activity)
}

#[test]
fn each_stage_is_evidence_for_what_it_has_answered() {
    let done = Some(Inference::Done);
    let [interval, overload, failed] = SKIPPED;
    // assigned with the hand inside and outside, unassigned with the hand inside and outside
    for (pose, vest, expected) in [
        (Inference::Done, done, "AiAi"),
        (Inference::Done, Some(interval), "A?Ai"),
        (Inference::Done, Some(overload), "A?Ai"),
        (Inference::Done, Some(failed), "A?Ai"),
        (Inference::Done, None, "A?Ai"),
        (interval, done, "????"),
        (interval, Some(interval), "????"),
        (interval, Some(overload), "????"),
        (interval, Some(failed), "????"),
        (interval, None, "????"),
        (overload, done, "????"),
        (overload, Some(interval), "????"),
        (overload, Some(overload), "????"),
        (overload, Some(failed), "????"),
        (overload, None, "????"),
        (failed, done, "????"),
        (failed, Some(interval), "????"),
        (failed, Some(overload), "????"),
        (failed, Some(failed), "????"),
        (failed, None, "????"),
    ] {
        let cases = [(RED, INSIDE), (RED, OUTSIDE), (ANYONE, INSIDE), (ANYONE, OUTSIDE)];
        let states = cases.map(|(stations, wrist)| settled(stations, &scene(pose, vest, &[red(wrist)])));
        assert_eq!(String::from_iter(states), expected, "{pose:?}, {vest:?}");
    }
}

#[test]
fn only_an_identified_hand_counts_without_vests() {
    for (who, people, assigned, unassigned) in [
        ("a confident track", vec![red_with(0.5, INSIDE)], 'A', 'A'),
        ("a doubtful track", vec![red_with(0.49, INSIDE)], '?', 'A'),
        ("a new track", vec![stranger(INSIDE)], '?', 'A'),
        ("another hand", vec![red(OUTSIDE), stranger(INSIDE)], '?', 'A'),
        ("both hands", vec![red(INSIDE), stranger(INSIDE)], 'A', 'A'),
        ("nobody", vec![], '.', '.'),
    ] {
        for vest in SKIPPED.map(Some).into_iter().chain([None]) {
            let scene = scene(Inference::Done, vest, &people);
            assert_eq!(settled(RED, &scene), assigned, "{who}, {vest:?}");
            assert_eq!(settled(ANYONE, &scene), unassigned, "{who}, {vest:?}");
        }
    }
}

#[test]
fn hands_that_no_pose_model_has_looked_for_are_unknown() {
    let unseen = |person: Person| Person { pose: None, ..person };
    let done = Some(Inference::Done);
    let skipped = Some(Inference::Skipped(SkipReason::Overload));
    for (who, pose_inference, people, expected) in [
        ("with the detector's poses", None, vec![red(OUTSIDE)], 'i'),
        ("detected only", None, vec![unseen(red(OUTSIDE))], '?'),
        (
            "one of them detected only",
            None,
            vec![red(OUTSIDE), unseen(stranger(OUTSIDE))],
            '?',
        ),
        ("nobody", None, vec![], '.'),
        ("by a pose model", done, vec![red(INSIDE)], 'A'),
        // whom the pose model cannot see at any station
        ("by a pose model, elsewhere", done, vec![unseen(red(OUTSIDE))], 'i'),
        (
            "whom a pose model has skipped",
            skipped,
            vec![unseen(red(OUTSIDE))],
            '?',
        ),
        ("nobody, skipped", skipped, vec![], '?'),
    ] {
        let scene = Scene {
            pose_inference,
            vest_inference: done,
            people,
            ..Scene::default()
        };
        for stations in [RED, ANYONE] {
            assert_eq!(settled(stations, &scene), expected, "{who}");
        }
    }
}

#[test]
fn a_person_without_scores_may_be_the_worker() {
    // as where the model's logits are not finite
    let nan = |person: Person| Person { vest: None, ..person };
    let blue = || person(2, Some("blue"), Some(pose(Keypoint::LeftWrist, INSIDE, 0.5)));
    for (who, people, expected) in [
        ("red, known", vec![nan(red(INSIDE))], 'A'),
        ("red, known, elsewhere", vec![nan(red(OUTSIDE))], '?'),
        ("anybody", vec![nan(stranger(INSIDE))], '?'),
        ("blue and anybody", vec![blue(), nan(stranger(INSIDE))], '?'),
        ("red, and anybody", vec![red(OUTSIDE), nan(stranger(INSIDE))], 'i'),
        ("blue alone", vec![blue()], '.'),
        ("nobody", vec![], '.'),
    ] {
        let scene = Scene {
            vest_inference: Some(Inference::Done),
            people,
            ..Scene::default()
        };
        assert_eq!(settled(RED, &scene), expected, "{who}");
    }
}

#[test]
fn scores_of_a_skipped_stage_are_no_answer() {
    let scene = Scene {
        vest_inference: Some(Inference::Skipped(SkipReason::Failed)),
        people: vec![Person {
            vest: Some(vest("blue")),
            ..stranger(INSIDE)
        }],
        ..Scene::default()
    };
    assert_eq!(settled(RED, &scene), '?');
}

#[test]
fn a_worker_whom_no_model_has_classified_is_never_absent() {
    let mut tracker = tracker(RED);
    let failed = Some(Inference::Skipped(SkipReason::Failed));
    for n in 0..60 {
        let mut scene = scene(Inference::Done, failed, &[stranger(INSIDE)]);
        tracker.update(FRAME * n, SIZE, &mut scene);
        assert_eq!(scene.stations[0].activity, Activity::Unknown);
    }
    let totals = tracker.views()[0].totals;
    assert_eq!((totals.unknown, totals.absent), (FRAME * 59, Duration::ZERO));
}

#[test]
fn the_first_vest_after_an_outage_is_evidence_again() {
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::ZERO, "R");
    for n in 1..=10 {
        let mut scene = scene(Inference::Done, Some(SKIPPED[1]), &[red(OUTSIDE)]);
        tracker.update(FRAME * n, SIZE, &mut scene);
    }
    let (events, views) = play(&mut tracker, FRAME * 11, "r");
    assert_eq!((views[0].activity, events.len()), (Activity::Idle, 1));
    assert_eq!(views[0].totals.unknown, FRAME * 6, "from 0.5 s on");
}

#[test]
fn a_person_identified_later_is_no_handover() {
    let mut tracker = tracker(ANYONE);
    let failed = Some(Inference::Skipped(SkipReason::Failed));
    let identified = || {
        let mut red = red(INSIDE);
        red.track.as_mut().unwrap().id = 7;
        red
    };
    let mut workers = vec![];
    let mut show = |n, vest, person| {
        let mut scene = scene(Inference::Done, vest, &[person]);
        let events = tracker.update(FRAME * n, SIZE, &mut scene);
        workers.push(scene.stations[0].worker.as_deref().map(str::to_owned));
        events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::Handover { .. }))
            .count()
    };
    assert_eq!(show(0, failed, stranger(INSIDE)), 0);
    assert_eq!(show(1, Some(Inference::Done), identified()), 0, "the same track");
    assert_eq!(show(2, Some(Inference::Done), red(INSIDE)), 0, "the same worker");
    let blue = person(2, Some("blue"), Some(pose(Keypoint::LeftWrist, INSIDE, 0.5)));
    assert_eq!(show(3, Some(Inference::Done), blue), 1);
    assert_eq!(show(4, failed, stranger(INSIDE)), 1);
    let workers: Vec<_> = workers.iter().map(|worker| worker.as_deref().unwrap_or("-")).collect();
    assert_eq!(workers, ["-", "red", "red", "blue", "-"]);
}

#[test]
fn a_vest_that_the_model_does_not_know_is_unknown_and_named() {
    let stations = r#"{"stations": [
        {"name": "typo", "vest": "reed", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]},
        {"name": "red", "vest": "red", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]},
        {"name": "anyone", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}"#;
    let names = |tracker: &ActivityTracker| -> Vec<String> {
        let (stations, _) = tracker.unknown_vests();
        stations.iter().map(|station| station.name.to_string()).collect()
    };
    let mut tracker = tracker(stations);
    assert!(names(&tracker).is_empty(), "no labels are known yet");
    for n in 0..10 {
        tracker.update(
            FRAME * n,
            SIZE,
            &mut scene(Inference::Done, Some(Inference::Done), &[red(INSIDE)]),
        );
    }
    let states: String = tracker.views().iter().map(|view| letter(view.activity)).collect();
    assert_eq!(states, "?AA");
    assert_eq!(names(&tracker), ["typo"]);
    let (_, labels) = tracker.unknown_vests();
    assert_eq!(labels.join(","), "none,red,blue");
}
