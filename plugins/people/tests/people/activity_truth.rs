//! The demo's stations with the demo's ground truth: people of a perfect tracker through [`ActivityTracker`], compared with
//! states that are computed here in another way, over the whole video at once.

use std::collections::HashMap;
use std::time::Duration;

use expect_test::expect;
use people::activity::{ActivityOptions, ActivityTracker};
use people::event::{EventKind, LogRecord};
use people::{Activity, Scene, Station, Totals};

use crate::truth::{FRAME, SIZE, TruthFrame, TruthPerson, stations, truth};

/// The hold time in frames.
const HOLD: usize = 10;

/// Every edge of the demo's polygons, which are convex, has an inner point on the same side.
fn is_in_convex(station: &Station, x: f32, y: f32) -> bool {
    let (x, y) = (x / SIZE.0 as f32, y / SIZE.1 as f32);
    let corners = &station.polygon;
    let sides = (0..corners.len()).map(|i| {
        let (a, b) = (corners[i], corners[(i + 1) % corners.len()]);
        (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x)
    });
    let sides: Vec<f32> = sides.collect();
    sides.iter().all(|side| *side >= 0.0) || sides.iter().all(|side| *side <= 0.0)
}

/// Where `moments` is true, and for the hold time after.
fn held(moments: &[bool]) -> Vec<bool> {
    (0..moments.len())
        .map(|i| moments[i.saturating_sub(HOLD)..=i].contains(&true))
        .collect()
}

/// Least confidence of the truth's keypoints that are seen.
const CONFIDENCE: f32 = 0.2;

fn options() -> ActivityOptions {
    ActivityOptions {
        min_keypoint_confidence: CONFIDENCE,
        ..ActivityOptions::default()
    }
}

/// A station's state at each frame.
fn reference(station: &Station, truth: &[TruthFrame]) -> Vec<Activity> {
    let counts = |person: &&TruthPerson| station.vest.is_none() || person.worker() == station.vest.as_deref();
    let hands = |person: &TruthPerson| {
        let arms = &person.kpts[7..=10];
        arms.iter()
            .any(|[x, y, confidence]| *confidence >= CONFIDENCE && is_in_convex(station, *x, *y))
    };
    let seen: Vec<bool> = truth
        .iter()
        .map(|frame| frame.people.iter().any(|person| counts(&person)))
        .collect();
    let worked: Vec<bool> = truth
        .iter()
        .map(|frame| frame.people.iter().filter(counts).any(hands))
        .collect();
    let states = held(&worked).into_iter().zip(held(&seen));
    states
        .map(|state| match state {
            (true, _) => Activity::Active,
            (false, true) => Activity::Idle,
            (false, false) => Activity::Absent,
        })
        .collect()
}

#[test]
fn tracks_and_vests_of_the_truth_are_once_in_a_frame() {
    for (n, frame) in truth().iter().enumerate() {
        let mut tracks: Vec<u64> = frame.people.iter().map(|person| person.id).collect();
        let mut vests: Vec<&str> = frame.people.iter().filter_map(TruthPerson::worker).collect();
        tracks.sort_unstable();
        vests.sort_unstable();
        assert!(tracks.windows(2).all(|two| two[0] != two[1]), "frame {n}: {tracks:?}");
        assert!(vests.windows(2).all(|two| two[0] != two[1]), "frame {n}: {vests:?}");
        for TruthPerson { id, bbox, .. } in &frame.people {
            let [left, top, right, bottom] = *bbox;
            let is_inside = left >= 0.0 && top >= 0.0 && right <= SIZE.0 as f32 && bottom <= SIZE.1 as f32;
            assert!(
                is_inside && left < right && top < bottom,
                "frame {n}, track {id}: {bbox:?}"
            );
        }
    }
}

#[test]
fn states_of_the_demo_match_its_ground_truth() {
    let (truth, stations) = (truth(), stations());
    let expected: Vec<Vec<Activity>> = stations.iter().map(|station| reference(station, &truth)).collect();

    let mut tracker = ActivityTracker::new(stations.clone(), options());
    let mut events: HashMap<String, Vec<(Duration, Activity, Activity)>> = HashMap::new();
    let mut handovers = String::new();
    for (i, frame) in truth.iter().enumerate() {
        let people = frame.people.iter().map(TruthPerson::person).collect();
        let mut scene = Scene {
            people,
            ..Scene::default()
        };
        for event in tracker.update(FRAME * i as u32, SIZE, &mut scene) {
            match &event.kind {
                EventKind::Change { state, previous, .. } => {
                    let edges = events.entry(event.station.to_string()).or_default();
                    edges.push((event.time, *previous, *state));
                }
                EventKind::Handover { .. } => handovers += &(LogRecord::from(event.clone()).to_json() + "\n"),
                _ => assert_eq!((i, &event.kind), (0, &EventKind::Start)),
            }
        }
        for (view, states) in scene.stations.iter().zip(&expected) {
            assert_eq!(view.activity, states[i], "{} at frame {i}", view.station.name);
        }
    }

    expect![[r#"
        {"schema":"shopfloor-activity/2","time":7.9,"station":"tool crib","worker":null,"kind":"handover","from":"red","lasted":0.3}
        {"schema":"shopfloor-activity/2","time":14.0,"station":"tool crib","worker":"blue","kind":"handover","from":"green","lasted":1.6}
        {"schema":"shopfloor-activity/2","time":43.0,"station":"tool crib","worker":"red","kind":"handover","from":"orange","lasted":1.1}
    "#]].assert_eq(&handovers);

    let ends = tracker.finish(FRAME * truth.len() as u32);
    assert_eq!(ends.len(), stations.iter().count());
    for (end, states) in ends.iter().zip(&expected) {
        let name = &*end.station;
        let EventKind::End { totals: got, .. } = end.kind else {
            panic!("{end:?}")
        };
        let time = |wanted| FRAME * states.iter().filter(|state| **state == wanted).count() as u32;
        let totals = Totals {
            active: time(Activity::Active),
            idle: time(Activity::Idle),
            absent: time(Activity::Absent),
            unknown: Duration::ZERO,
        };
        assert_eq!(got, totals, "{name}");

        let before = [Activity::Absent].iter().chain(states);
        let edges = before.zip(states).enumerate().filter(|(_, (a, b))| a != b);
        let edges: Vec<_> = edges.map(|(i, (a, b))| (FRAME * i as u32, *a, *b)).collect();
        assert_eq!(events[name], edges, "{name}");

        // A demo shows something: work begins several times at each station, and takes neither all of the time nor none.
        let begun = edges.iter().filter(|(_, _, state)| *state == Activity::Active).count();
        assert!(begun >= 4, "{name}: {begun}");
        let share =
            totals.active.as_secs_f64() / (totals.active + totals.idle + totals.absent + totals.unknown).as_secs_f64();
        assert!((0.05..0.5).contains(&share), "{name}: {share}");
    }
}
