//! States, times and events of one station, from short films of one letter a frame.

use std::time::Duration;

use expect_test::{Expect, expect};
use people::activity::{ActivityOptions, ActivityTracker};
use people::event::Event;
use people::station_file::Stations;
use people::{Activity, Inference, Joint, Keypoint, Person, Point, Pose, Scene, SkipReason, StationView, Track};
use proptest::prelude::*;

const SIZE: (u32, u32) = (200, 100);
const FRAME: Duration = Duration::from_millis(100);
const INSIDE: Point = Point::new(50.0, 50.0);
const OUTSIDE: Point = Point::new(150.0, 50.0);

const RED: &str =
    r#"{"stations": [{"name": "bench", "vest": "red", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}"#;
const ANYONE: &str = r#"{"stations": [{"name": "bench", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}"#;

fn options() -> ActivityOptions {
    ActivityOptions {
        hold_time: Duration::from_millis(300),
        unknown_after: Duration::from_millis(500),
        ..ActivityOptions::default()
    }
}

fn tracker(stations: &str) -> ActivityTracker {
    ActivityTracker::new(stations.parse().unwrap(), options())
}

fn pose(joint: Joint, point: Point, confidence: f32) -> Pose {
    let mut pose = [Keypoint {
        point: OUTSIDE,
        confidence: 0.9,
    }; Joint::COUNT];
    pose[joint as usize] = Keypoint { point, confidence };
    pose
}

fn person(id: u64, worker: Option<&str>, pose: Option<Pose>) -> Person {
    let coasted = u32::from(pose.is_none());
    let track = Track {
        id,
        worker: worker.map(Into::into),
        confidence: 1.0,
        coasted,
    };
    Person {
        pose,
        track: Some(track),
        ..Person::default()
    }
}

fn inferred(people: Vec<Person>) -> Scene {
    Scene {
        people,
        ..Scene::default()
    }
}

/// A frame by its letter: `R`, `B`, `V` have red, blue or a visitor with a wrist inside, `r`, `b`, `v` with the hands
/// elsewhere; `~` and `^` have red and blue coasting; `.` nobody; `-` is skipped, `=` too, with red coasting.
fn scene(letter: char) -> Scene {
    let wrist = |point| Some(pose(Joint::LeftWrist, point, 0.5));
    let people = match letter {
        'R' => vec![person(1, Some("red"), wrist(INSIDE))],
        'r' => vec![person(1, Some("red"), wrist(OUTSIDE))],
        '~' | '=' => vec![person(1, Some("red"), None)],
        'B' => vec![person(2, Some("blue"), wrist(INSIDE))],
        'b' => vec![person(2, Some("blue"), wrist(OUTSIDE))],
        '^' => vec![person(2, Some("blue"), None)],
        'V' => vec![person(3, None, wrist(INSIDE))],
        'v' => vec![person(3, None, wrist(OUTSIDE))],
        _ => vec![],
    };
    let mut scene = inferred(people);
    if matches!(letter, '-' | '=') {
        scene.inference = Inference::Skipped(SkipReason::Overload);
    }
    scene
}

fn letter(activity: Activity) -> char {
    match activity {
        Activity::Active => 'A',
        Activity::Idle => 'i',
        Activity::Absent => '.',
    }
}

/// Plays a film and returns the events and the state at each frame.
fn play(tracker: &mut ActivityTracker, start: Duration, film: &str) -> (Vec<Event>, Vec<StationView>) {
    let (mut events, mut views) = (vec![], vec![]);
    for (i, frame) in film.chars().enumerate() {
        let mut scene = scene(frame);
        events.extend(tracker.update(start + FRAME * i as u32, SIZE, &mut scene));
        views.append(&mut scene.stations);
    }
    (events, views)
}

fn states(views: &[StationView]) -> String {
    views.iter().map(|view| letter(view.activity)).collect()
}

#[test]
fn states_of_an_assigned_station() {
    for (film, expected) in [
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
        ("R-------r", "AAAAAAAAi"),     // skipped frames state what was known,
        ("r--====--R", "iiiiiiiiiA"),   // even where they have coasting people
        ("--==--", "......"),           //
        ("RVBVBVB", "AAAA..."),         //
    ] {
        let (_, views) = play(&mut tracker(RED), Duration::ZERO, film);
        assert_eq!(states(&views), expected, "{film}");
        assert!(views.iter().all(|view| view.worker.as_deref() == Some("red")), "{film}");
    }
}

#[test]
fn states_of_a_station_for_anyone() {
    for (film, states_expected, workers) in [
        ("....", "....", "????"),
        ("rb..", "iiii", "????"),
        ("rRrrrrbb", "iAAAAiii", "?rrrrrrr"), // the last one to work there stays named
        ("RBbbbbb", "AAAAAii", "rbbbbbb"),    // handed over
        ("VRvv", "AAAA", "?rrr"),             // a visitor has no name
        ("RVvv", "AAAA", "r???"),
        ("R^^^^^", "AAAAii", "rrrrrr"), // only the one whose hand it was holds it
        ("R~~~~~", "AAAAAA", "rrrrrr"),
    ] {
        let (_, views) = play(&mut tracker(ANYONE), Duration::ZERO, film);
        assert_eq!(states(&views), states_expected, "{film}");
        let initial = |view: &StationView| {
            view.worker
                .as_ref()
                .map_or('?', |worker| worker.chars().next().unwrap())
        };
        assert_eq!(views.iter().map(initial).collect::<String>(), workers, "{film}");
    }
}

#[test]
fn of_several_hands_the_first_stays_and_workers_come_before_visitors() {
    let mut tracker = tracker(ANYONE);
    for (film, expected) in [
        ("V", None),
        ("VBR", None),
        ("BR", Some("blue")),
        ("RB", Some("blue")),
        ("RV", Some("red")),
    ] {
        let people = film.chars().flat_map(|letter| scene(letter).people).collect();
        let mut scene = inferred(people);
        tracker.update(Duration::ZERO, SIZE, &mut scene);
        assert_eq!(scene.stations[0].worker.as_deref(), expected, "{film}");
    }
}

#[test]
fn joints_and_confidence_count() {
    for (joint, confidence, expected) in [
        (Joint::LeftWrist, 0.2, Activity::Active),
        (Joint::RightWrist, 0.9, Activity::Active),
        (Joint::LeftElbow, 0.2, Activity::Active),
        (Joint::RightElbow, 0.2, Activity::Active),
        (Joint::LeftWrist, 0.19, Activity::Idle),
        (Joint::LeftWrist, f32::NAN, Activity::Idle),
        (Joint::Nose, 0.9, Activity::Idle),
        (Joint::LeftAnkle, 0.9, Activity::Idle),
    ] {
        let people = vec![person(1, Some("red"), Some(pose(joint, INSIDE, confidence)))];
        let mut scene = inferred(people);
        tracker(RED).update(Duration::ZERO, SIZE, &mut scene);
        assert_eq!(scene.stations[0].activity, expected, "{joint:?} {confidence}");
    }
}

#[test]
fn people_without_tracks_count_where_anyone_does() {
    let untracked = Person {
        pose: Some(pose(Joint::LeftWrist, INSIDE, 0.5)),
        ..Person::default()
    };
    for (stations, expected) in [(ANYONE, Activity::Active), (RED, Activity::Absent)] {
        let mut scene = inferred(vec![untracked.clone()]);
        tracker(stations).update(Duration::ZERO, SIZE, &mut scene);
        assert_eq!(scene.stations[0].activity, expected);
    }
}

#[test]
fn a_frame_without_size_has_no_hands() {
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

fn check(film: &str, expected: &Expect) {
    let mut tracker = tracker(RED);
    let (events, _) = play(&mut tracker, Duration::from_secs(10), film);
    let seconds = |time: Duration| time.as_secs_f64();
    let mut lines: Vec<_> = events
        .iter()
        .map(|e| {
            format!(
                "{} {}→{} after {}",
                seconds(e.time),
                e.previous.name(),
                e.state.name(),
                seconds(e.lasted)
            )
        })
        .collect();
    for view in tracker.finish(Duration::from_secs(10) + FRAME * film.len() as u32) {
        let t = view.totals;
        let times = [t.active, t.idle, t.absent, t.unknown].map(seconds);
        lines.push(format!(
            "{} since {} for {}; active, idle, absent, unknown: {times:?}",
            view.activity.name(),
            seconds(view.since),
            seconds(view.lasted),
        ));
    }
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn events_and_totals() {
    check(
        "....rrrRrrrrr.....",
        &expect![[r#"
        10.4 absent→idle after 0.4
        10.7 idle→active after 0.3
        11.1 active→idle after 0.4
        11.6 idle→absent after 0.5
        absent since 11.6 for 0.2; active, idle, absent, unknown: [0.4, 0.8, 0.6, 0.0]
    "#]],
    );
}

#[test]
fn time_without_inference_becomes_unknown() {
    check(
        "Rr---------r",
        &expect![[r#"
        10 absent→active after 0
        11.1 active→idle after 0.6
        idle since 11.1 for 0.1; active, idle, absent, unknown: [0.6, 0.1, 0.0, 0.5]
    "#]],
    );
}

#[test]
fn before_the_first_inference_nothing_is_known() {
    check(
        "---rr",
        &expect![[r#"
        10.3 absent→idle after 0
        idle since 10.3 for 0.2; active, idle, absent, unknown: [0.0, 0.2, 0.0, 0.3]
    "#]],
    );
}

#[test]
fn a_hole_in_the_stream_becomes_unknown() {
    let mut tracker = tracker(RED);
    tracker.update(Duration::from_secs(1), SIZE, &mut scene('R'));
    let mut scene = scene('R');
    let events = tracker.update(Duration::from_secs(61), SIZE, &mut scene);
    let view = &scene.stations[0];
    assert!(events.is_empty(), "{events:?}");
    assert_eq!(
        (view.since, view.lasted),
        (Duration::from_secs(1), Duration::from_millis(500))
    );
    assert_eq!(view.totals.unknown, Duration::from_millis(59_500));
}

#[test]
fn time_that_goes_backwards_begins_a_new_stream() {
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::from_secs(20), "rRRR");
    let (events, views) = play(&mut tracker, Duration::from_secs(5), ".r");
    assert_eq!(states(&views), ".i");
    assert_eq!(events.len(), 1);
    assert_eq!((views[1].totals.sum(), views[1].totals.absent), (FRAME, FRAME));
    tracker.reset();
    let view = &tracker.views()[0];
    assert_eq!((view.activity, view.totals.sum()), (Activity::Absent, Duration::ZERO));
}

#[test]
fn the_end_before_the_last_frame_counts_nothing() {
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::from_secs(1), "rr");
    assert_eq!(tracker.finish(Duration::ZERO), tracker.views());
    assert_eq!(tracker.views()[0].totals.sum(), FRAME);
}

#[test]
fn stations_that_stay_the_same_keep_their_state() {
    let other = r#"{"stations": [
        {"name": "new", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]},
        {"name": "bench", "vest": "red", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}"#;
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::ZERO, "rRRR");
    tracker.set_stations(other.parse().unwrap());
    let (events, views) = play(&mut tracker, FRAME * 4, ".");
    assert_eq!(states(&views), ".A");
    assert!(events.is_empty(), "{events:?}");
    assert_eq!((views[0].since, views[0].totals.sum()), (FRAME * 4, Duration::ZERO));
    assert_eq!((views[1].since, views[1].totals.active), (FRAME, FRAME * 3));

    // Moved, or given to another: another station.
    for changed in [RED.replace("0.5", "0.6"), RED.replace("red", "blue")] {
        let mut tracker = tracker.clone();
        tracker.set_stations(changed.parse().unwrap());
        assert_eq!(states(&tracker.views()), ".");
    }
}

#[test]
fn rules_may_change_on_the_way() {
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::ZERO, "R");
    tracker.set_options(ActivityOptions {
        hold_time: Duration::ZERO,
        ..options()
    });
    let (_, views) = play(&mut tracker, FRAME, "rR.");
    assert_eq!(states(&views), "iA.");
}

proptest! {
    #[test]
    fn times_add_up_and_events_are_changes(
        stations in prop::sample::select(vec![RED, ANYONE]),
        start in 0u64..100_000,
        film in prop::collection::vec((prop::sample::select("RrBbVv~^.-=".chars().collect::<Vec<_>>()), 0u64..2_000_000_000), 1..60),
        rest in 0u64..5_000_000_000,
    ) {
        let mut tracker = tracker(stations);
        let start = Duration::from_millis(start);
        let mut now = start;
        let mut state = Activity::Absent;
        let mut closed = [Duration::ZERO; 3];
        for (i, (letter, step)) in film.iter().enumerate() {
            now += if i == 0 { Duration::ZERO } else { Duration::from_nanos(*step) };
            let mut scene = scene(*letter);
            let skipped = scene.inference != Inference::Done;
            let events = tracker.update(now, SIZE, &mut scene);
            let [view] = &scene.stations[..] else { panic!("{:?}", scene.stations) };
            prop_assert!(events.len() <= usize::from(!skipped));
            for event in &events {
                prop_assert_eq!(event.previous, state);
                prop_assert_ne!(event.state, state);
                prop_assert_eq!((event.time, event.totals), (now, view.totals));
                closed[event.previous as usize] += event.lasted;
                state = event.state;
            }
            prop_assert_eq!(view.activity, state);
            prop_assert_eq!(view.totals.sum(), now - start);
            prop_assert!(start <= view.since && view.since <= now);
            prop_assert!(view.lasted <= now - view.since);
        }
        now += Duration::from_nanos(rest);
        let [view] = &tracker.finish(now)[..] else { panic!("one station") };
        prop_assert_eq!(view.totals.sum(), now - start);
        closed[view.activity as usize] += view.lasted;
        prop_assert_eq!(closed, [view.totals.absent, view.totals.idle, view.totals.active]);
    }
}
