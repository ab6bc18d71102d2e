//! `activityzone`: tracked people in, states of stations and events out.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use crate::common::{FRAME, frame, frame_of, harness, init, person, structures, texts};
use gst::prelude::*;
use people::event::{Event, EventKind};
use people::{Activity, Person, Track};
use people_meta::bus;
use vision::Point;

const BENCH: &str =
    r#"{"stations": [{"name": "bench", "vest": "red", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}]}"#;
const INSIDE: Point = Point::new(200.0, 100.0);
const OUTSIDE: Point = Point::new(50.0, 100.0);

fn worker(wrist: Point) -> Person {
    let track = Track {
        id: 1,
        worker: Some("red".into()),
        confidence: 1.0,
        frames_since_update: 0,
    };
    Person {
        track: Some(track),
        ..person(80.0, "red", wrist)
    }
}

/// The stream is a file's, which tells time by its frames alone.
fn as_file(harness: &mut gst_check::Harness) {
    harness.set_live(false);
    harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
}

fn zone(stations: &str, more: &str) -> String {
    init(); // serialising a value needs GStreamer, too
    format!(
        "activityzone stations={} {more}",
        gst::glib::Value::from(stations).serialize().unwrap()
    )
}

/// The one error with which the element refuses to start.
fn refusal(properties: &[(&str, &str)]) -> String {
    init();
    let element = gst::ElementFactory::make("activityzone").build().unwrap();
    for (name, value) in properties {
        element.set_property(name, value);
    }
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    assert!(element.set_state(gst::State::Paused).is_err(), "{properties:?}");
    let errors = texts(&bus, gst::MessageType::Error);
    element.set_state(gst::State::Null).unwrap();
    let [error] = &*errors else {
        panic!("{properties:?}: {errors:?}")
    };
    error.clone()
}

fn states(bus: &gst::Bus) -> Vec<(String, String, u64)> {
    let messages = structures(bus, bus::ACTIVITY);
    messages
        .iter()
        .map(|m| {
            (
                m.get("previous").unwrap(),
                m.get("state").unwrap(),
                m.get("running-time").unwrap(),
            )
        })
        .collect()
}

#[test]
fn changes_are_posted_and_states_are_on_the_frame() {
    let (mut harness, bus) = harness(&zone(BENCH, "hold-time=0"));
    let wrists = [OUTSIDE, INSIDE, INSIDE, OUTSIDE];
    let mut seen = Vec::new();
    for (n, wrist) in wrists.into_iter().enumerate() {
        let buffer = harness.push_and_pull(frame_of(n as u64, vec![worker(wrist)])).unwrap();
        seen.push(people_meta::scene(&buffer).unwrap().stations[0].activity);
    }
    assert_eq!(
        seen,
        [Activity::Idle, Activity::Active, Activity::Active, Activity::Idle]
    );
    let ms = |n| (FRAME * n).nseconds();
    let edge = |from: &str, to: &str, n| (from.to_owned(), to.to_owned(), ms(n));
    assert_eq!(
        states(&bus),
        [
            edge("absent", "idle", 0),
            edge("idle", "active", 1),
            edge("active", "idle", 3)
        ]
    );
}

#[test]
fn messages_have_worker_and_durations() {
    let (mut harness, bus) = harness(&zone(BENCH, "hold-time=0"));
    for n in 0..4 {
        harness
            .push_and_pull(frame_of(n, vec![worker(if n == 0 { OUTSIDE } else { INSIDE })]))
            .unwrap();
    }
    let edges = structures(&bus, bus::ACTIVITY);
    let active = edges.last().unwrap();
    assert_eq!(active.get::<String>("station").unwrap(), "bench");
    assert_eq!(active.get::<String>("worker").unwrap(), "red");
    assert_eq!(active.get::<u64>("lasted").unwrap(), FRAME.nseconds());
    harness.push_event(gst::event::Eos::new());
    let totals = structures(&bus, bus::TOTALS);
    assert_eq!(totals.len(), 1);
    let sum = |name| totals[0].get::<u64>(name).unwrap();
    assert_eq!(sum("active"), (FRAME * 3).nseconds());
    assert_eq!(
        sum("active") + sum("idle") + sum("absent") + sum("unknown"),
        (FRAME * 4).nseconds()
    );
}

#[test]
fn without_stations_one_hint_and_no_states() {
    let (mut harness, bus) = harness("activityzone");
    for n in 0..3 {
        let buffer = harness.push_and_pull(frame_of(n, vec![worker(INSIDE)])).unwrap();
        assert!(people_meta::scene(&buffer).unwrap().stations.is_empty());
    }
    let hints = texts(&bus, gst::MessageType::Info);
    assert_eq!(hints.len(), 1);
    assert!(hints[0].contains("stations="), "{hints:?}");
}

#[test]
fn frames_without_people_pass_as_they_are() {
    let (mut harness, bus) = harness(&zone(BENCH, ""));
    let buffer = harness.push_and_pull(frame(0)).unwrap();
    assert!(people_meta::scene(&buffer).is_none());
    assert!(states(&bus).is_empty());
}

#[test]
fn stations_that_cannot_be_read_stop_the_start() {
    for (stations, named) in [
        ("/no/such/kitchen.json", "/no/such/kitchen.json"),
        (
            r#"{"stations": [{"name": "bench", "polygon": [[0, 0], [1, 1]]}]}"#,
            "stations[0].polygon",
        ),
        (r#"{"stations": [{"name": "bench", "polygon": }]}"#, "line 1"),
    ] {
        let error = refusal(&[("stations", stations)]);
        assert!(error.contains(named), "{stations}: {error}");
    }
}

#[test]
fn a_wrong_keypoint_is_named() {
    let error = refusal(&[("stations", BENCH), ("keypoints", "left_wrist,left_thumb")]);
    assert!(error.contains("left_thumb") && error.contains("left_wrist"), "{error}");
}

#[test]
fn wrong_stations_while_playing_leave_the_old_ones_in_force() {
    let (mut harness, bus) = harness(&zone(BENCH, "hold-time=0"));
    harness.push_and_pull(frame_of(0, vec![worker(INSIDE)])).unwrap();
    harness.element().unwrap().set_property("stations", "{}");
    let warnings = texts(&bus, gst::MessageType::Warning);
    assert!(
        warnings.len() == 1 && warnings[0].contains("stays in force"),
        "{warnings:?}"
    );
    let buffer = harness.push_and_pull(frame_of(1, vec![worker(INSIDE)])).unwrap();
    assert_eq!(
        people_meta::scene(&buffer).unwrap().stations[0].activity,
        Activity::Active
    );

    let other = BENCH.replace("bench", "press");
    harness.element().unwrap().set_property("stations", &other);
    let buffer = harness.push_and_pull(frame_of(2, vec![worker(INSIDE)])).unwrap();
    assert_eq!(&*people_meta::scene(&buffer).unwrap().stations[0].station.name, "press");
}

#[test]
fn the_mouse_edits_the_stations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stations.json");
    std::fs::write(&path, BENCH).unwrap();
    let (mut harness, bus) = harness(&zone(path.to_str().unwrap(), "hold-time=0 draw=true"));
    harness.push_and_pull(frame_of(0, vec![worker(OUTSIDE)])).unwrap();
    // over the left half of the frame, with a wrong corner that is removed
    for (button, x, y) in [
        (1, 0.0, 0.0),
        (1, 160.0, 0.0),
        (1, 300.0, 10.0),
        (2, 0.0, 0.0),
        (1, 160.0, 240.0),
        (1, 0.0, 240.0),
    ] {
        click(&mut harness, button, x, y);
    }
    let drawing = harness.push_and_pull(frame_of(1, vec![worker(OUTSIDE)])).unwrap();
    assert_eq!(
        people_meta::scene(&drawing)
            .unwrap()
            .stations
            .last()
            .unwrap()
            .station
            .polygon
            .len(),
        4
    );
    click(&mut harness, 3, 80.0, 120.0);
    let posted = structures(&bus, bus::STATIONS);
    assert!(posted.len() == 1 && posted[0].get::<String>("stations").unwrap().contains("station 1"));
    let buffer = harness.push_and_pull(frame_of(2, vec![worker(OUTSIDE)])).unwrap();
    let scene = people_meta::scene(&buffer).unwrap();
    let states: Vec<_> = scene
        .stations
        .iter()
        .map(|view| (&*view.station.name, view.activity))
        .collect();
    assert_eq!(states, [("bench", Activity::Idle), ("station 1", Activity::Active)]);
    assert!(std::fs::read_to_string(&path).unwrap().contains("station 1"));

    click(&mut harness, 3, 80.0, 120.0);
    assert!(!std::fs::read_to_string(&path).unwrap().contains("station 1"));
    harness.element().unwrap().set_property("draw", false);
    click(&mut harness, 3, 240.0, 120.0);
    assert!(std::fs::read_to_string(&path).unwrap().contains("bench"));
}

fn click(harness: &mut gst_check::Harness, button: i32, x: f64, y: f64) {
    let press = gst_video::NavigationEvent::new_mouse_button_press(button, x, y);
    harness.push_upstream_event(press.build());
}

#[test]
fn drawing_into_a_missing_file_begins_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kitchen.json");
    let (mut harness, bus) = harness(&zone(path.to_str().unwrap(), "draw=true"));
    let messages: Vec<_> = std::iter::from_fn(|| bus.pop()).collect();
    let count = |kind| messages.iter().filter(|message| message.type_() == kind).count();
    assert_eq!(
        (count(gst::MessageType::Info), count(gst::MessageType::Warning)),
        (1, 0)
    );
    assert!(std::fs::read_to_string(&path).unwrap().contains("stations"));
    harness.push_and_pull(frame_of(0, vec![worker(INSIDE)])).unwrap();
    for (x, y) in [(160.0, 0.0), (320.0, 0.0), (320.0, 240.0), (160.0, 240.0)] {
        click(&mut harness, 1, x, y);
    }
    click(&mut harness, 3, 0.0, 0.0);
    let buffer = harness.push_and_pull(frame_of(1, vec![worker(INSIDE)])).unwrap();
    assert_eq!(
        people_meta::scene(&buffer).unwrap().stations[0].activity,
        Activity::Active
    );
    assert!(std::fs::read_to_string(&path).unwrap().contains("station 1"));
}

#[test]
fn drawing_into_a_missing_folder_is_an_error() {
    init();
    let element = gst::ElementFactory::make("activityzone")
        .property("draw", true)
        .property("stations", "/no/such/folder/kitchen.json")
        .build()
        .unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    assert!(element.set_state(gst::State::Paused).is_err());
    let errors = texts(&bus, gst::MessageType::Error);
    element.set_state(gst::State::Null).unwrap();
    assert!(
        errors.len() == 1 && errors[0].contains("/no/such/folder/kitchen.json") && errors[0].contains("stations="),
        "{errors:?}"
    );
}

#[test]
fn drawing_without_a_file_is_one_warning() {
    for line in ["activityzone draw=true".to_owned(), zone(BENCH, "draw=true")] {
        let (mut harness, bus) = harness(&line);
        harness.push_and_pull(frame_of(0, vec![worker(OUTSIDE)])).unwrap();
        let zone = harness.element().unwrap();
        zone.set_property("draw", false);
        zone.set_property("draw", true);
        let warnings = texts(&bus, gst::MessageType::Warning);
        assert!(
            warnings.len() == 1 && warnings[0].contains("not saved") && warnings[0].contains("stations="),
            "{line}: {warnings:?}"
        );
    }
}

#[test]
fn property_writes_of_two_threads_are_all_kept() {
    let (harness, _bus) = harness(&zone(BENCH, ""));
    let element = harness.element().unwrap();
    let both = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for name in ["hold-time", "unknown-after"] {
            let (element, both) = (&element, &both);
            scope.spawn(move || {
                both.wait();
                for value in 0..30000_u32 {
                    element.set_property(name, value);
                    assert_eq!(element.property::<u32>(name), value, "{name}");
                }
            });
        }
    });
}

/// Waits until `condition`, which another thread brings about.
#[track_caller]
fn wait_until(condition: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn make_fifo(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

const NONBLOCK: i32 = 0o4000; // O_NONBLOCK

/// The log is a pipe that is full: nothing waits for its reader.
#[test]
fn a_log_that_nobody_reads_holds_neither_frames_nor_properties_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_fifo(&path);
    let mut options = std::fs::File::options();
    options.read(true).write(true).custom_flags(NONBLOCK);
    let mut pipe = options.open(&path).unwrap();
    while pipe.write(&[b' '; 512]).is_ok() {}
    let (mut harness, bus) = harness(&zone(BENCH, &format!("events-location={}", path.display())));
    harness.push_and_pull(frame_of(0, vec![worker(INSIDE)])).unwrap();
    let element = harness.element().unwrap();
    element.set_property("stations", BENCH.replace("bench", "press"));
    harness.push_and_pull(frame_of(1, vec![worker(INSIDE)])).unwrap();
    element.set_state(gst::State::Null).unwrap();
    let warnings = texts(&bus, gst::MessageType::Warning);
    assert!(
        warnings.len() == 1 && warnings[0].contains("lines of the events could not be written"),
        "{warnings:?}"
    );
}

/// A pipe gets a reader late, loses it, and gets another.
#[test]
fn a_log_may_be_a_pipe_whose_readers_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_fifo(&path);
    let (mut harness, bus) = harness(&zone(BENCH, &format!("events-location={}", path.display())));
    let read = |count: usize| {
        let mut pipe = std::fs::File::options()
            .read(true)
            .custom_flags(NONBLOCK)
            .open(&path)
            .unwrap();
        let mut text = Vec::new();
        while text.iter().filter(|byte| **byte == b'\n').count() < count {
            let mut buffer = [0; 4096];
            match pipe.read(&mut buffer) {
                Ok(count) => text.extend_from_slice(&buffer[..count]),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        String::from_utf8(text).unwrap()
    };
    as_file(&mut harness);
    harness.push_and_pull(frame_of(0, vec![worker(INSIDE)])).unwrap();
    assert!(read(2).contains("\"start\""));
    for n in [30, 31] {
        harness.push_and_pull(frame_of(n, vec![worker(OUTSIDE)])).unwrap();
    }
    assert!(read(3).contains("\"unknown\""));
    let warnings = texts(&bus, gst::MessageType::Warning);
    assert!(
        !warnings.is_empty() && warnings.iter().all(|text| text.contains("no reader")),
        "{warnings:?}"
    );
}

/// The whole lines of a log: time, kind and state.
fn log_lines(path: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let text = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let short = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{} {} {}", line["time"], line["kind"], line["state"]).replace('"', "")
    };
    text.lines().map(short).collect()
}

#[test]
fn events_are_in_the_log_when_they_happen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.jsonl");
    let log = format!("hold-time=0 events-location={}", path.display());
    let (mut harness, bus) = harness(&zone(BENCH, &log));
    harness.push_and_pull(frame_of(0, vec![worker(INSIDE)])).unwrap();
    let begun = ["0.0 start null", "0.0 change active"];
    wait_until(|| log_lines(&path) == begun);
    // three seconds without frames, of a file
    as_file(&mut harness);
    for n in [30, 31] {
        harness.push_and_pull(frame_of(n, vec![worker(OUTSIDE)])).unwrap();
    }
    let gap = ["0.0 clock null", "2.0 change unknown", "3.0 change idle"];
    wait_until(|| log_lines(&path) == [&begun[..], &gap].concat());
    harness.push_event(gst::event::Eos::new());
    assert_eq!(log_lines(&path)[5..], ["3.2 totals idle"]);
    drop(harness);
    assert_eq!(log_lines(&path).len(), 6, "a stream has one end");
    let messages: Vec<_> = std::iter::from_fn(|| bus.pop()).collect();
    let names = messages
        .iter()
        .filter_map(|message| Some(message.structure()?.name().to_string()));
    let names: Vec<_> = names.filter(|name| name.starts_with("shopfloor-")).collect();
    let activity = "shopfloor-activity";
    let names = names.into_iter().filter(|name| name != "shopfloor-clock");
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["shopfloor-start", activity, activity, activity, "shopfloor-totals"]
    );
}

#[test]
fn a_handover_is_posted() {
    let stations = BENCH.replace(r#""vest": "red", "#, "");
    let (mut harness, bus) = harness(&zone(&stations, ""));
    let worker = |n: u64| Person {
        track: Some(Track {
            id: n,
            worker: ["red", "blue"].get(n as usize).map(|name| (*name).into()),
            ..Track::default()
        }),
        ..worker(INSIDE)
    };
    for n in 0..3 {
        harness.push_and_pull(frame_of(n, vec![worker(n)])).unwrap();
    }
    let handover = |n: u32, from: &str, to: Option<&str>| Event {
        time: Duration::from(FRAME) * n,
        station: "bench".into(),
        worker: to.map(Into::into),
        kind: EventKind::Handover {
            from: Some(from.into()),
            lasted: FRAME.into(),
        },
    };
    let posted = structures(&bus, bus::HANDOVER);
    let posted = posted
        .iter()
        .map(|message| bus::from_structure(message).unwrap().unwrap());
    assert_eq!(
        posted.collect::<Vec<_>>(),
        [handover(1, "red", Some("blue")), handover(2, "blue", None)]
    );
}

#[test]
fn a_stop_ends_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.jsonl");
    let (mut harness, _bus) = harness(&zone(BENCH, &format!("events-location={}", path.display())));
    harness.push_and_pull(frame_of(0, vec![worker(OUTSIDE)])).unwrap();
    harness.element().unwrap().set_state(gst::State::Null).unwrap();
    assert_eq!(log_lines(&path)[2..], ["0.1 totals idle"]);
}

#[test]
fn a_log_that_cannot_be_opened_stops_the_start() {
    let error = refusal(&[("events-location", "/no/such/folder/activity.jsonl")]);
    assert!(error.contains("/no/such/folder/activity.jsonl"), "{error}");
    assert!(error.contains("set events-location="), "{error}");
}

#[test]
fn a_log_that_cannot_be_written_is_one_warning_and_frames_go_on() {
    let (mut harness, bus) = harness(&zone(BENCH, "events-location=/dev/full"));
    for n in 0..3 {
        harness.push_and_pull(frame_of(n, vec![worker(INSIDE)])).unwrap();
    }
    harness.push_event(gst::event::Eos::new());
    harness.element().unwrap().set_state(gst::State::Null).unwrap();
    let warnings = texts(&bus, gst::MessageType::Warning);
    let facts = [
        "cannot write the events to /dev/full",
        "3 lines of the events could not be written",
    ];
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, fact) in warnings.iter().zip(facts) {
        assert!(warning.contains(fact), "{warning}");
    }
}

#[test]
fn a_start_appends_to_the_log_or_empties_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.jsonl");
    std::fs::write(&path, "{\"a torn\": 1}").unwrap();
    let play = |more: &str| {
        let log = format!("{more} events-location={}", path.display());
        let (mut harness, _bus) = harness(&zone(BENCH, &log));
        harness.push_and_pull(frame_of(0, vec![worker(OUTSIDE)])).unwrap();
        harness.element().unwrap().set_state(gst::State::Null).unwrap();
        log_lines(&path).len()
    };
    assert_eq!(play(""), 1 + 3);
    assert_eq!(play(""), 1 + 6);
    assert_eq!(play("events-append=false"), 3);
}

/// A station file is replaced by a pipe without a writer, as by a disk that does not respond, and by another file.
#[test]
fn a_station_file_that_does_not_respond_holds_no_frame() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("stations.json"), BENCH).unwrap();
    let (mut harness, bus) = harness(&zone(at("stations.json").to_str().unwrap(), ""));
    as_file(&mut harness);
    make_fifo(&at("pipe"));
    std::fs::rename(at("pipe"), at("stations.json")).unwrap();
    let mut pushed = 0;
    let mut push = || {
        pushed += 1;
        let buffer = harness.push_and_pull(frame_of(pushed, vec![worker(INSIDE)])).unwrap();
        people_meta::scene(&buffer).unwrap().stations[0]
            .station
            .name
            .to_string()
    };
    let warnings = loop {
        assert_eq!(push(), "bench");
        let warnings = texts(&bus, gst::MessageType::Warning);
        if !warnings.is_empty() {
            break warnings;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(
        warnings[0].contains("stations.json") && warnings[0].contains("stays in force"),
        "{warnings:?}"
    );
    std::fs::write(at("new"), BENCH.replace("bench", "press")).unwrap();
    std::fs::rename(at("new"), at("stations.json")).unwrap();
    while push() != "press" {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_station_file_that_is_a_pipe_without_a_writer_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_fifo(&path);
    let error = refusal(&[("stations", path.to_str().unwrap())]);
    assert!(
        error.contains("pipe") && error.contains("nothing was written"),
        "{error}"
    );
}

/// The stations come from a pipe, which cannot be replaced.
#[test]
fn drawn_stations_that_cannot_be_saved_are_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_fifo(&path);
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, BENCH).unwrap()
    });
    let (mut harness, bus) = harness(&zone(path.to_str().unwrap(), "draw=true"));
    writer.join().unwrap();
    harness.push_and_pull(frame_of(0, vec![worker(OUTSIDE)])).unwrap();
    for (button, x, y) in [(1, 0.0, 0.0), (1, 160.0, 0.0), (1, 160.0, 240.0), (3, 0.0, 0.0)] {
        click(&mut harness, button, x, y);
    }
    let warnings = texts(&bus, gst::MessageType::Warning);
    assert!(
        warnings.len() == 1 && warnings[0].contains("not a regular file"),
        "{warnings:?}"
    );
    let buffer = harness.push_and_pull(frame_of(1, vec![worker(OUTSIDE)])).unwrap();
    assert_eq!(people_meta::scene(&buffer).unwrap().stations.len(), 2);
}

#[test]
fn unknown_after_can_be_set() {
    let (mut harness, bus) = harness(&zone(BENCH, "unknown-after=500"));
    for n in [0, 7] {
        harness.push_and_pull(frame_of(n, vec![worker(OUTSIDE)])).unwrap();
    }
    let ms = |ms| gst::ClockTime::from_mseconds(ms).nseconds();
    let edge = |from: &str, to: &str, time| (from.to_owned(), to.to_owned(), ms(time));
    let expected = [
        edge("absent", "idle", 0),
        edge("idle", "unknown", 500),
        edge("unknown", "idle", 700),
    ];
    assert_eq!(states(&bus), expected);
}
