//! Logs written short, and the ledger that they give.

use std::fmt::Write;
use std::time::Duration;

use expect_test::{Expect, expect};
use people::Scene;
use people::activity::{ActivityOptions, ActivityTracker};
use people::event::LogRecord;

use super::super::log;
use super::super::testing::{part, seconds, written};
use super::*;

fn show(ledger: &Ledger, title: &str) -> String {
    let mut text = String::new();
    for camera in &ledger.cameras {
        let ranges = |ranges: &[Range]| {
            let ranges = ranges
                .iter()
                .map(|range| format!("{}-{}", seconds(range.from), seconds(range.to)));
            ranges.collect::<Vec<_>>().join(" ")
        };
        writeln!(text, "{title} [{}] {}", camera.name, ranges(&camera.recorded)).unwrap();
        for row in &camera.rows {
            let assigned = row.assigned.as_deref().unwrap_or("anyone");
            let missing = match ranges(&row.unrecorded) {
                missing if missing.is_empty() => missing,
                missing => format!(" | {missing}"),
            };
            writeln!(text, "{} · {assigned}: {}{missing}", row.station, written(&row.spans)).unwrap();
        }
        for handover in &camera.handovers {
            let Handover {
                at,
                station,
                from,
                to,
                lasted,
            } = handover;
            let (at, lasted) = (seconds(*at), seconds(*lasted));
            writeln!(text, "{at} {station}: {from}, after {lasted}, to {to}").unwrap();
        }
    }
    for note in &ledger.notes {
        writeln!(
            text,
            "{}: {}-{} {:?}",
            note.camera,
            seconds(note.from),
            seconds(note.to),
            note.kind
        )
        .unwrap();
    }
    text
}

/// What is joined of logs, each with its name.
fn check_logs(logs: &[(&str, &str)], expected: Expect) {
    let book = join(logs.iter().map(|(name, text)| part(name, text)).collect());
    let mut text: String = book.clock.iter().map(|ledger| show(ledger, "clock")).collect();
    text.extend(book.running.iter().map(|ledger| show(ledger, "running")));
    if (book.duplicates, book.conflicts) != (0, 0) {
        writeln!(text, "{} duplicates, {} conflicts", book.duplicates, book.conflicts).unwrap();
    }
    expected.assert_eq(&text);
}

fn check(text: &str, expected: Expect) {
    check_logs(&[("log.jsonl", text)], expected);
}

#[test]
fn stations_have_the_spans_of_their_records() {
    check(
        "0 bench red start
         0 till - start
         2 bench red o>i
         3 till blue o>a
         5 bench red i>a
         6 till red <blue
         8 till red a>i
         9 bench red a>u
         12 bench red u>a
         20 bench red a.
         20 till red i.",
        expect![[r#"
            running [log] 0-20
            bench · red: 0-2:o 2-5:i 5-9:a(red) 9-12:u 12-20:a(red) | *-0 20-*
            till · anyone: 0-3:o 3-6:a(blue) 6-8:a(red) 8-20:i | *-0 20-*
            6 till: blue, after 3, to red
        "#]],
    );
}

/// Two tenants and two runs of one of them in one file, by running time: schema 1.
#[test]
fn interleaved_tenants_and_joined_runs_are_told_apart() {
    check(
        "hall: 0 till - start
         yard: 0 till - start
         yard: 5 till - o>i
         yard: 8 till - i.
         yard: 8 till red start
         yard: 12 till red o.
         hall: 5 till - o>i
         hall: 9 till - i.
         hall: 3 till - start
         hall: 4 till - o.",
        expect![[r#"
            running [hall] 0-9
            till · anyone: 0-5:o 5-9:i | *-0 9-*
            running [hall (2)] 3-4
            till · anyone: 3-4:o | *-3 4-*
            running [yard] 0-12
            till · anyone: 0-5:o 5-8:i | *-0
            till · red: 8-12:o | 12-*
        "#]],
    );
}

/// A heartbeat is the last sign of life; other stations' records are, too.
#[test]
fn a_killed_run_counts_until_its_last_sign_of_life() {
    check(
        "r#0 0@100 bench red start
         r#1 0@100 dock blue start
         r#2 4@104 bench red o>a
         r#3 10@110 bench red ~a
         r#4 10@110 dock blue ~o
         s#0 0@150 bench red start
         s#1 0@150 dock blue start
         s#2 7@157 bench red o.
         s#3 7@157 dock blue o.",
        expect![[r#"
            clock [log] 100-110 150-157
            bench · red: 100-104:o 104-110:a(red) 150-157:o | *-100 110-150 157-*
            dock · blue: 100-110:o 150-157:o | *-100 110-150 157-*
            log: 110-110 Unfinished
        "#]],
    );
    check(
        "0 bench red start
         2 bench red o>a
         0 till - start
         7 till - o>i",
        expect![[r#"
            running [log] 0-2
            bench · red: 0-2:o | *-0 2-*
            log: 2-2 Unfinished
            running [log (2)] 0-7
            till · anyone: 0-7:o | *-0 7-*
            log (2): 7-7 Unfinished
        "#]],
    );
}

/// What is known ends with the last line before the missing ones, and goes on where the next record's state began.
#[test]
fn over_missing_lines_nothing_is_known() {
    check(
        "r#0 0@100 bench red start
         r#1 0@100 dock blue start
         r#2 4@104 bench red o>a
         r#5 30@130 dock blue ~o/30
         r#6 32@132 bench red i>a/3
         r#7 40@140 bench red a.
         r#8 40@140 dock blue o./40",
        expect![[r#"
            clock [log] 100-140
            bench · red: 100-104:o 129-132:i 132-140:a(red) | *-100 104-129 140-*
            dock · blue: 100-140:o | *-100 140-*
            log: 104-130 Missing { first: 3, count: 2 }
        "#]],
    );
}

/// The parts of a rotated log, the first of which is lost, in any order; a record still has how long its state lasted.
#[test]
fn a_log_without_its_beginning_begins_where_its_first_states_did() {
    check_logs(
        &[
            ("b.jsonl", "r#12 30@130 bench red a>i/5\n r#13 40@140 bench red i./10"),
            ("a.jsonl", "r#10 20@120 bench red ~o/8\n r#11 25@125 bench red o>a/13"),
        ],
        expect![[r#"
            clock [b] 112-140
            bench · anyone: 112-125:o 125-130:a(red) 130-140:i | *-112 140-*
            b: 112-112 Unassigned
            b: 120-120 Missing { first: 0, count: 10 }
        "#]],
    );
}

/// Two stations, as `testing::part` writes them; heartbeats and totals state whom the stations are assigned to.
const RUN: &str = "r#0 0@100 bench red start
                   r#1 0@100 till - start
                   r#2 4@104 bench red o>a
                   r#3 5@105 till blue o>a
                   r#4 10@110 bench red ~a=red
                   r#5 10@110 till blue ~a=-
                   r#6 12@112 till red <blue
                   r#7 13@113 bench red a>i
                   r#8 20@120 bench red ~i=red
                   r#9 20@120 till red ~a=-
                   r#10 24@124 bench red i.=red
                   r#11 24@124 till red a.=-";

/// A log of which any lines at the beginning and at the end are gone.
#[test]
fn a_log_cut_at_any_line_names_the_owners() {
    let whole = part("log.jsonl", RUN);
    let count = whole.content.records.len();
    for (from, to) in (0..count).flat_map(|from| (from + 1..=count).map(move |to| (from, to))) {
        let mut log = part("log.jsonl", RUN);
        log.content.records = log.content.records[from..to].to_vec();
        let is_stated = |name: &str| {
            log.content.records.iter().any(|record| match &record.fact {
                Fact::Start { station, .. } => **station == *name,
                Fact::Held { station, assigned, .. } => **station == *name && !assigned.is_unstated(),
                Fact::ClockStep { .. } => false,
            })
        };
        let stated = ["bench", "till"].map(is_stated);
        assert!(
            to < count || from == count - 1 || stated == [true, true],
            "{from} to {to}"
        );
        let ledger = join(vec![log]).clock.unwrap();
        for row in &ledger.cameras[0].rows {
            let owner = (row.station == "bench" && stated[0]).then_some("red");
            assert_eq!(row.assigned.as_deref(), owner, "{from} to {to}: {}", row.station);
        }
        let unassigned = ledger.notes.iter().any(|note| note.kind == NoteKind::Unassigned);
        let rows: Vec<&str> = ledger.cameras[0].rows.iter().map(|row| &*row.station).collect();
        let is_missing = |(station, stated): (&str, bool)| !stated && rows.contains(&station);
        let expected = ["bench", "till"].into_iter().zip(stated).any(is_missing);
        assert_eq!(unassigned, expected, "{from} to {to}: {:?}", ledger.notes);
    }
}

/// The lines that activityzone writes, without their beginning.
#[test]
fn written_lines_name_the_owner_without_their_start() {
    const STATIONS: &str = r#"{"stations": [
        {"name": "bench", "vest": "red", "polygon": [[0, 0], [1, 0], [0, 1]]},
        {"name": "till", "polygon": [[0, 0], [1, 0], [0, 1]]}]}"#;
    let mut tracker = ActivityTracker::new(STATIONS.parse().unwrap(), ActivityOptions::default());
    let mut events = Vec::new();
    for second in 0..5 {
        events.extend(tracker.update(Duration::from_secs(second), (640, 360), &mut Scene::default()));
    }
    events.extend(tracker.heartbeat());
    let heartbeat = events.len() - 2;
    events.extend(tracker.finish(Duration::from_secs(6)));
    for from in [heartbeat, events.len() - 2] {
        let lines = events[from..]
            .iter()
            .map(|event| LogRecord::from(event.clone()).to_json() + "\n");
        let log = log::parse(lines.collect::<String>().as_bytes());
        let book = join(vec![Part {
            path: "log.jsonl".into(),
            log: "log.jsonl".into(),
            content: log,
        }]);
        let rows = book.running[0].cameras[0].rows.iter();
        let owners: Vec<_> = rows.map(|row| (&*row.station, row.assigned.as_deref())).collect();
        assert_eq!(owners, [("bench", Some("red")), ("till", None)], "from line {from}");
    }
}

/// The station was assigned to somebody else by lines that are missing; the model spells a vest otherwise than the station file.
#[test]
fn a_stated_assignment_begins_a_row_of_its_own() {
    check(
        "r#0 0@100 bench red start
         r#1 5@105 bench red o>a
         r#3 20@120 bench blue ~i/8=blue
         r#4 30@130 bench blue i.=blue",
        expect![[r#"
            clock [log] 100-130
            bench · red: 100-105:o | *-100
            bench · blue: 112-130:i | 130-*
            log: 105-120 Missing { first: 2, count: 1 }
        "#]],
    );
    check(
        "r#0 0@100 bench Red start
         r#1 5@105 bench red o>a
         r#2 10@110 bench red ~a=red
         r#3 20@120 bench red a.=red",
        expect![[r#"
            clock [log] 100-120
            bench · red: 100-105:o 105-120:a(red) | *-100 120-*
        "#]],
    );
}

#[test]
fn the_assignment_of_another_run_counts_where_a_start_is_missing() {
    check(
        "r#0 0@100 bench red start
         r#1 5@105 bench red o.
         s#7 20@220 bench - i>a/4
         s#8 22@222 bench - a.",
        expect![[r#"
            clock [log] 100-105 216-222
            bench · red: 100-105:o 216-220:i 220-222:a(red) | *-100 105-216 222-*
            log: 216-216 Unassigned
            log: 220-220 Missing { first: 0, count: 7 }
        "#]],
    );
}

/// The same log given twice under two names, and a line whose number is taken.
#[test]
fn each_line_counts_once() {
    let text = "r#0 0@100 bench red start\n r#1 5@105 bench red o>a\n r#2 9@109 bench red a.";
    check_logs(
        &[
            ("a.jsonl", text),
            ("copy.jsonl", text),
            ("c.jsonl", "r#1 7@107 bench red o>i"),
        ],
        expect![[r#"
            clock [a] 100-109
            bench · red: 100-105:o 105-109:a(red) | *-100 109-*
            3 duplicates, 1 conflicts
        "#]],
    );
}

/// Cameras by tenant, whatever log they are in, and by log without one; two streams in one log are two cameras.
#[test]
fn cameras_are_tenants_or_logs() {
    let run = |run: &str, tenant: &str, at: i64| {
        format!(
            "{run}#0 {tenant} 0@{at} bench red start\n {run}#1 {tenant} 5@{} bench red o.\n",
            at + 5
        )
    };
    check_logs(
        &[
            ("monday.jsonl", &run("r", "yard:", 100)),
            ("tuesday.jsonl", &run("s", "yard:", 200)),
            ("a/hall.jsonl", &run("t", "", 100)),
            ("b/hall.jsonl", &run("u", "", 100)),
        ],
        expect![[r#"
            clock [yard] 100-105 200-205
            bench · red: 100-105:o 200-205:o | *-100 105-200 205-*
            clock [a/hall] 100-105
            bench · red: 100-105:o | *-100 105-*
            clock [b/hall] 100-105
            bench · red: 100-105:o | *-100 105-*
        "#]],
    );
    let mut both = part("log.jsonl", &(run("r", "", 100) + &run("s", "", 101)));
    for (index, record) in both.content.records.iter_mut().enumerate() {
        record.origin.stream_id = Some(if index < 2 { "front" } else { "back" }.into());
    }
    let book = join(vec![both]);
    let names = book
        .clock
        .iter()
        .flat_map(|ledger| &ledger.cameras)
        .map(|camera| &camera.name);
    assert_eq!(names.collect::<Vec<_>>(), ["log", "log (2)"]);
}

/// Another source took over in a run: its lines go on with the numbers, and none is missing. Where each stream has numbers of
/// its own, none is missing either.
#[test]
fn a_run_goes_on_with_another_stream() {
    let text = |second: u64| {
        let [a, b] = [second, second + 1];
        format!(
            "r#0 0@100 bench red start\n r#1 5@105 bench red o.\n r#{a} 9@109 bench red start\n r#{b} 20@120 bench red o."
        )
    };
    for second in [2, 0] {
        let mut log = part("log.jsonl", &text(second));
        for (index, record) in log.content.records.iter_mut().enumerate() {
            record.origin.stream_id = Some(if index < 2 { "front" } else { "back" }.into());
        }
        let ledger = join(vec![log]).clock.unwrap();
        let mut shown = show(&ledger, "clock").lines().map(str::to_owned).collect::<Vec<_>>();
        shown.sort();
        assert_eq!(
            shown,
            [
                "bench · red: 100-105:o 109-120:o | *-100 105-109 120-*",
                "clock [log] 100-105 109-120"
            ]
        );
    }
}

#[test]
fn two_runs_at_once_count_once() {
    check(
        "r#0 0@100 bench red start
         r#1 5@105 bench red o>a
         r#2 20@120 bench red a.
         s#0 0@110 bench red start
         s#1 15@125 bench red o.",
        expect![[r#"
            clock [log] 100-125
            bench · red: 100-105:o 105-120:a(red) 120-125:o | *-100 125-*
            log: 110-120 Overlap
        "#]],
    );
}

#[test]
fn a_clock_that_was_set_back_counts_no_second_twice() {
    check(
        "r#0 0@100 bench red start
         r#1 5@105 bench red o>a
         r#2 8@48 bench red a>i
         r#3 60@100 bench red i.",
        expect![[r#"
            clock [log] 40-100
            bench · red: 40-45:o 45-48:a(red) 48-100:i | *-40 100-*
            log: 48-48 Step(-60000)
        "#]],
    );
}

/// When a gap without any frame ends, each station reports it at once, with the time at which the gap began.
#[test]
fn unknown_may_be_reported_late() {
    check(
        "0 a - start
         0 b - start
         2 a - o>u
         20 a - u>i
         2 b - o>u
         20 b - u>i
         21 a - i.
         21 b - i.",
        expect![[r#"
            running [log] 0-21
            a · anyone: 0-2:o 2-20:u 20-21:i | *-0 21-*
            b · anyone: 0-2:o 2-20:u 20-21:i | *-0 21-*
        "#]],
    );
}

/// A log that contradicts itself, such as one of two processes without run ids, still gives spans that do not overlap.
#[test]
fn contradicting_times_give_no_overlapping_spans() {
    check(
        "5 a - start
         9 a - o>i
         7 a - i>a/0
         8 a - a./1",
        expect![[r#"
            running [log] 5-9
            a · anyone: 5-9:o | *-5 9-*
        "#]],
    );
}
