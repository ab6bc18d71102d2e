//! `docs/activity.schema.json` accepts the lines that are written, and refuses others.

use std::fs;
use std::process::Command;
use std::time::Duration;

use people::event::{Assigned, Event, EventKind, LogRecord};
use people::{Activity, Totals};
use serde_json::{Value, json};
use shopfloor_tests::root;
use tempfile::TempDir;

use crate::{clip, output_of, play};

/// Whether the schema accepts each line.
fn verdicts(lines: &[String]) -> Vec<bool> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lines.jsonl");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let schema = root().join("docs/activity.schema.json");
    let verdicts = output_of(&root().join("tests/validate-lines.py"), &[&schema, &path]);
    assert_eq!(verdicts.lines().count(), lines.len(), "{verdicts}");
    verdicts.lines().map(|verdict| verdict == "ok").collect()
}

fn events() -> [Event; 5] {
    let (lasted, totals) = (Duration::from_millis(1500), Totals::default());
    let kinds = [
        EventKind::Start,
        EventKind::Change {
            state: Activity::Unknown,
            previous: Activity::Active,
            lasted,
            totals,
        },
        EventKind::Handover {
            from: Some("blue".into()),
            lasted,
        },
        EventKind::Heartbeat {
            state: Activity::Idle,
            lasted,
            totals,
            assigned: Assigned::To("red".into()),
        },
        EventKind::End {
            state: Activity::Idle,
            lasted,
            totals,
            assigned: Assigned::Anyone,
        },
    ];
    kinds.map(|kind| Event {
        time: Duration::from_secs(3),
        station: "bench".into(),
        worker: Some("red".into()),
        kind,
    })
}

#[test]
fn the_schema_accepts_a_real_log() {
    let (folder, clip) = clip();
    let log = folder.path().join("activity.jsonl");
    play(&format!(
        "filesrc location={} ! decodebin ! tritoninfer ! vesttrack ! activityzone stations={} events-location={} ! fakesink",
        clip.display(),
        root().join("pipelines/stations/demo.json").display(),
        log.display()
    ));
    let lines: Vec<String> = fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    let kind = |line: &String| {
        serde_json::from_str::<Value>(line).unwrap()["kind"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let kinds: Vec<String> = lines.iter().map(kind).collect();
    assert!(kinds[..5].iter().all(|kind| kind == "start"), "{lines:#?}");
    assert!(
        kinds[kinds.len() - 5..].iter().all(|kind| kind == "totals"),
        "{lines:#?}"
    );
    // At the station of everybody somebody who is not identified yet may be followed by the one who they are.
    let is_edge = |kind: &String| kind == "change" || kind == "handover";
    assert!(kinds[5..kinds.len() - 5].iter().all(is_edge), "{lines:#?}");
    assert!(kinds.len() >= 15, "the five stations have no changes: {lines:#?}");
    assert!(verdicts(&lines).into_iter().all(|ok| ok), "{lines:#?}");
}

/// gst-launch-1.0 leaves SIGPIPE at its default, by which a write to a pipe without a reader ends a program.
#[test]
fn a_reader_that_leaves_does_not_end_the_program() {
    let (folder, clip) = clip();
    let line = format!(
        "mkfifo pipe && (head -n 1 pipe > first) & . {root}/scripts/env && while [ ! -p pipe ]; do :; done \
         && exec timeout 120 gst-launch-1.0 filesrc location={} ! decodebin ! tritoninfer ! vesttrack \
         ! activityzone stations={root}/pipelines/stations/demo.json events-location=pipe ! fakesink",
        clip.display(),
        root = root().display(),
    );
    let registry = folder.path().join("registry");
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &line])
        .current_dir(folder.path())
        .env("GST_REGISTRY", registry);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let first = fs::read_to_string(folder.path().join("first")).unwrap();
    assert!(first.ends_with('\n') && first.contains("\"start\""), "{first}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("the pipe has no reader"), "{printed}");
}

#[test]
fn the_schema_accepts_every_kind_of_line() {
    let lines = events()
        .map(|event| {
            let stream = Some("yard".into());
            let record = LogRecord::from(event);
            [record.clone(), LogRecord { stream, ..record }].map(|record| record.to_json())
        })
        .concat();
    assert!(verdicts(&lines).into_iter().all(|ok| ok), "{lines:#?}");
    let anyone = events().map(|event| LogRecord::from(Event { worker: None, ..event }).to_json());
    assert!(verdicts(&anyone).into_iter().all(|ok| ok), "{anyone:#?}");
}

#[test]
fn the_schema_refuses_wrong_lines() {
    let [_, change, handover, _, end] = events().map(|event| serde_json::to_value(LogRecord::from(event)).unwrap());
    let mut misassigned = end;
    misassigned["assigned"] = json!(7);
    let set = |field: &str, value: Value| {
        let mut line = change.clone();
        line[field] = value;
        line.to_string()
    };
    let without = |line: &Value, field: &str| {
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove(field);
        line.to_string()
    };
    let fields = [
        "schema", "time", "station", "worker", "kind", "state", "previous", "lasted", "totals",
    ];
    let mut lines: Vec<String> = fields.map(|field| without(&change, field)).into();
    lines.extend(["from", "lasted"].map(|field| without(&handover, field)));
    lines.extend([
        set("schema", json!("shopfloor-activity/3")),
        set("kind", json!("begin")),
        set("time", json!(-1)),
        set("time", json!("3 s")),
        set("station", json!("")),
        set("worker", json!(7)),
        set("state", json!("asleep")),
        set("totals", json!({"active": 1})),
        set("stream", json!(1)),
        misassigned.to_string(),
    ]);
    let passed: Vec<_> = lines.iter().zip(verdicts(&lines)).filter(|(_, ok)| *ok).collect();
    assert!(passed.is_empty(), "{passed:#?}");
    // a further field is no new version
    assert_eq!(
        verdicts(&[change.to_string(), set("weather", json!("fine"))]),
        [true, true]
    );
}
