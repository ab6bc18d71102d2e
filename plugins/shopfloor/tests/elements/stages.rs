//! `vesttrack ! activityzone` on frames that only some models have seen, or that are seldom inferred.

use std::time::Duration;

use gst::prelude::*;
use people::{Activity, Inference, Person, Scene, SkipReason, StationStatus};
use vision::Point;

use crate::common::{FRAME, caps, frame, init, person, texts};

const FAILED: Inference = Inference::Skipped(SkipReason::Failed);
const INSIDE: Point = Point::new(200.0, 100.0);

/// Half of the frame, the worker's or anyone's.
fn station(name: &str, vest: Option<&str>) -> String {
    let vest = vest.map(|vest| format!(r#""vest": "{vest}", "#)).unwrap_or_default();
    format!(r#"{{"name": "{name}", {vest}"polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}}"#)
}

/// A playing `vesttrack ! activityzone` that watches these stations.
fn elements(stations: &[String], properties: &str) -> (gst_check::Harness, gst::Bus) {
    init(); // serialising a value needs GStreamer, too
    let json = format!(r#"{{"stations": [{}]}}"#, stations.join(", "));
    let json = gst::glib::Value::from(json).serialize().unwrap();
    let launch = format!("vesttrack ! activityzone {properties} stations={json}");
    let bin = gst::parse::bin_from_description(&launch, true).unwrap();
    let bus = gst::Bus::new();
    bin.set_bus(Some(&bus));
    let mut harness = gst_check::Harness::with_element(&bin, Some("sink"), Some("src"));
    harness.set_src_caps(caps("I420"));
    harness.play();
    (harness, bus)
}

/// Someone in red with the hands at the station, as the models leave them.
fn worker(vest: Inference) -> Person {
    let person = person(200.0, "red", INSIDE);
    Person {
        vest: person.vest.filter(|_| vest == Inference::Done),
        ..person
    }
}

/// Plays frames at 10 fps with one worker; `inference` is the outcome of both stages at each.
fn play(
    harness: &mut gst_check::Harness,
    frames: std::ops::Range<u64>,
    period: Option<Duration>,
    inference: impl Fn(u64) -> (Inference, Inference),
) -> Vec<Vec<StationStatus>> {
    let status = |n: u64| {
        let (pose, vest) = inference(n);
        let mut buffer = frame(n);
        let scene = Scene {
            inference: pose,
            vest_inference: Some(vest),
            inference_period: period,
            people: if pose == Inference::Done {
                vec![worker(vest)]
            } else {
                vec![]
            },
            ..Scene::default()
        };
        people_meta::set_scene(buffer.get_mut().unwrap(), scene);
        let buffer = harness.push_and_pull(buffer).unwrap();
        people_meta::scene(&buffer).unwrap().stations.clone()
    };
    frames.map(status).collect()
}

/// The states of the first station in a row, equal ones once.
fn states(stations: &[Vec<StationStatus>]) -> Vec<Activity> {
    let mut states: Vec<_> = stations.iter().map(|stations| stations[0].activity).collect();
    states.dedup();
    states
}

#[test]
fn a_station_is_unknown_while_the_vest_model_fails() {
    let stations = [station("red", Some("red")), station("anyone", None)];
    let (mut harness, _bus) = elements(&stations, "");
    let views = play(&mut harness, 0..60, None, |_| (Inference::Done, FAILED));
    let last = &views[59];
    let totals = &last[0].totals;
    assert_eq!(
        (totals.unknown, totals.absent),
        (Duration::from(FRAME) * 59, Duration::ZERO)
    );
    assert_eq!(last[1].activity, Activity::Active);
    // It answers again, and fails again: the worker is known from then on.
    let views = play(&mut harness, 60..70, None, |_| (Inference::Done, Inference::Done));
    assert_eq!(states(&views), [Activity::Active]);
    let views = play(&mut harness, 70..130, None, |_| (Inference::Done, FAILED));
    assert_eq!(states(&views), [Activity::Active]);
    assert_eq!(views[59][0].worker.as_deref(), Some("red"));
    // The pose model fails, too.
    let views = play(&mut harness, 130..190, None, |_| (FAILED, FAILED));
    assert_eq!(states(&views), [Activity::Active, Activity::Unknown]);
}

#[test]
fn seldom_inferred_streams_stay_known() {
    for (period, unknown_after, expected) in [
        (12, 0, &[Activity::Active][..]),
        (30, 0, &[Activity::Active]),
        (12, 1300, &[Activity::Active]),
        (12, 1000, &[Activity::Active, Activity::Unknown]),
        (30, 2000, &[Activity::Active, Activity::Unknown]),
    ] {
        let stations = [station("red", Some("red"))];
        let (mut harness, _bus) = elements(&stations, &format!("unknown-after={unknown_after} hold-time=20000"));
        let every = Some(Duration::from(FRAME) * period as u32);
        let inference = |n: u64| {
            let outcome = if n.is_multiple_of(period) {
                Inference::Done
            } else {
                Inference::Skipped(SkipReason::Overload)
            };
            (outcome, outcome)
        };
        // The second inferred frame makes the track.
        play(&mut harness, 0..2 * period, every, inference);
        let mut seen = states(&play(&mut harness, 2 * period..10 * period, every, inference));
        seen.truncate(expected.len());
        assert_eq!(seen, expected, "one in {period}, unknown-after={unknown_after}");
    }
}

#[test]
fn a_period_longer_than_the_hold_time_is_one_warning() {
    for (period, hold_time, expected) in [(12, 1000, 1), (12, 1200, 0), (12, 1199, 1), (1, 1000, 0), (1, 0, 0)] {
        let (mut harness, bus) = elements(&[station("red", None)], &format!("hold-time={hold_time}"));
        let every = Some(Duration::from(FRAME) * period as u32);
        play(&mut harness, 0..20 * period, every, |n| {
            let outcome = if n.is_multiple_of(period) {
                Inference::Done
            } else {
                FAILED
            };
            (outcome, outcome)
        });
        let warnings = texts(&bus, gst::MessageType::Warning);
        assert_eq!(
            warnings.len(),
            expected,
            "one in {period}, hold-time={hold_time}: {warnings:?}"
        );
        for warning in warnings {
            let figures = [format!("{} ms", period * 100), format!("hold-time={hold_time}")];
            assert!(figures.iter().all(|figure| warning.contains(figure)), "{warning}");
        }
    }
}

#[test]
fn a_vest_without_a_label_is_one_warning_and_unknown() {
    let stations = [
        station("a", Some("purpel")),
        station("b", Some("bleu")),
        station("c", Some("RED")),
    ];
    let (mut harness, bus) = elements(&stations, "");
    let views = play(&mut harness, 0..10, None, |_| (Inference::Done, Inference::Done));
    let activities: Vec<_> = views[9].iter().map(|status| status.activity).collect();
    assert_eq!(activities, [Activity::Unknown, Activity::Unknown, Activity::Active]);
    let warnings = texts(&bus, gst::MessageType::Warning);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(views[9][2].worker.as_deref(), Some("red"));
    for fact in [
        "'a'",
        "'purpel'",
        "'b'",
        "'bleu' (did you mean 'blue'?)",
        "none, red, blue",
        "stations=",
    ] {
        assert!(warnings[0].contains(fact), "{fact}: {warnings:?}");
    }
    assert!(!warnings[0].contains("'c'"), "{warnings:?}");
}
