//! Logs written short, and the rows that they give.

use std::fmt::Write;

use expect_test::{Expect, expect};
use people::Totals;
use people::event::LogRecord;

use super::*;

/// A log of lines `TIME STATION WORKER start`, `… PREVIOUS>STATE`, `… <FROM` for a handover and `… STATE.` for the end,
/// `-` for no worker; a tenant may precede them, as `tenant:`.
fn log(text: &str) -> Log {
    let mut latest = BTreeMap::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.map(|line| {
        let (stream, line) = line.split_once(": ").map_or((None, line), |(a, b)| (Some(a.into()), b));
        let [time, station, worker, what] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let time = Duration::from_secs(time.parse().unwrap());
        let lasted = time.saturating_sub(latest.insert(station.to_owned(), time).unwrap_or_default());
        let name = |name: &str| Some(name).filter(|name| *name != "-").map(Into::into);
        let state = |name: &str| serde_json::from_value(serde_json::json!(name)).unwrap();
        let totals = Totals::default();
        let event = Event {
            time,
            station: station.into(),
            worker: name(worker),
            kind: match (what.split_once('>'), what.strip_suffix('.')) {
                _ if what.starts_with('<') => EventKind::Handover {
                    from: name(&what[1..]),
                    lasted,
                },
                (Some((previous, next)), _) => EventKind::Change {
                    state: state(next),
                    previous: state(previous),
                    lasted,
                    totals,
                },
                (None, Some(last)) => EventKind::End {
                    state: state(last),
                    lasted,
                    totals,
                },
                (None, None) => EventKind::Start,
            },
        };
        LogRecord {
            stream,
            ..LogRecord::from(event)
        }
    });
    Log {
        records: lines.collect(),
        torn: false,
    }
}

fn check(text: &str, expected: Expect) {
    let mut got = String::new();
    for stream in streams(&log(text)) {
        let open = if stream.unfinished { ", unfinished" } else { "" };
        let (from, to) = (stream.from.as_secs(), stream.to.as_secs());
        writeln!(got, "[{}] {from}-{to}{open}", stream.name).unwrap();
        for (kind, row) in
            (stream.stations.iter().map(|row| ("at", row))).chain(stream.workers.iter().map(|row| ("by", row)))
        {
            write!(got, "{kind} {}:", row.name).unwrap();
            for Span { from, to, state, names } in &row.spans {
                let (from, to, names) = (from.as_secs(), to.as_secs(), names.join("+"));
                write!(got, " {from}-{to} {state:?}({names})").unwrap();
            }
            got.push('\n');
        }
    }
    expected.assert_eq(&got);
}

#[test]
fn an_assigned_station_gives_all_states_of_its_worker() {
    check(
        "0 bench red start
         2 bench red absent>idle
         5 bench red idle>active
         9 bench red active>unknown
         12 bench red unknown>active
         20 bench red active.",
        expect![[r#"
            [] 0-20
            at bench: 0-2 Absent(red) 2-5 Idle(red) 5-9 Active(red) 9-12 Unknown() 12-20 Active(red)
            by red: 0-2 Absent() 2-5 Idle() 5-9 Active(bench) 9-12 Unknown() 12-20 Active(bench)
        "#]],
    );
}

#[test]
fn an_unassigned_station_gives_active_workers_only() {
    check(
        "0 till - start
         2 till - absent>idle
         3 till red idle>active
         5 till red active>idle
         7 till red idle>active
         8 till blue <red
         9 till blue active>idle
         10 till - idle>active
         11 till - active>unknown
         20 till - unknown.",
        expect![[r#"
            [] 0-20
            at till: 0-2 Absent() 2-3 Idle() 3-5 Active(red) 5-7 Idle() 7-8 Active(red) 8-9 Active(blue) 9-10 Idle() 10-11 Active(visitor) 11-20 Unknown()
            by red: 3-5 Active(till) 7-8 Active(till) 11-20 Unknown()
            by blue: 8-9 Active(till) 11-20 Unknown()
            by visitor: 10-11 Active(till) 11-20 Unknown()
        "#]],
    );
}

#[test]
fn active_at_one_station_outweighs_other_states_elsewhere() {
    check(
        "0 bench red start
         0 dock red start
         1 bench red absent>active
         2 dock red absent>active
         4 bench red active>idle
         6 dock red active>unknown
         6 bench red idle>unknown
         9 dock red unknown>absent
         9 bench red unknown>absent
         10 dock red absent.
         10 bench red absent.",
        expect![[r#"
            [] 0-10
            at bench: 0-1 Absent(red) 1-4 Active(red) 4-6 Idle(red) 6-9 Unknown() 9-10 Absent(red)
            at dock: 0-2 Absent(red) 2-6 Active(red) 6-9 Unknown() 9-10 Absent(red)
            by red: 0-1 Absent() 1-2 Active(bench) 2-4 Active(bench+dock) 4-6 Active(dock) 6-9 Unknown() 9-10 Absent()
        "#]],
    );
}

#[test]
fn a_log_without_an_end_lasts_until_its_latest_line() {
    check(
        "0 bench red start
         0 till - start
         2 bench red absent>active
         7 till - absent>idle",
        expect![[r#"
            [] 0-7, unfinished
            at bench: 0-2 Absent(red) 2-7 Active(red)
            at till: 0-7 Absent()
            by red: 0-2 Absent() 2-7 Active(bench)
        "#]],
    );
}

#[test]
fn a_log_without_its_first_lines_begins_with_the_earliest_known_state() {
    let mut cut = log("100 till red active>idle\n 110 dock - absent.\n 112 till - idle.");
    for record in &mut cut.records {
        if let EventKind::Change { lasted, .. } | EventKind::End { lasted, .. } = &mut record.event.kind {
            *lasted = Duration::from_secs(30);
        }
    }
    let [stream] = &streams(&cut)[..] else { panic!() };
    let seconds = |row: &Row| {
        let spans = row.spans.iter();
        let spans = spans.map(|span| (span.from.as_secs(), span.to.as_secs(), span.state));
        spans.collect::<Vec<_>>()
    };
    assert_eq!(stream.from, Duration::from_secs(70));
    assert_eq!(
        stream.stations.iter().map(seconds).collect::<Vec<_>>(),
        [
            vec![(70, 100, Activity::Active), (100, 112, Activity::Idle)],
            vec![(80, 110, Activity::Absent)]
        ]
    );
}

#[test]
fn a_time_that_goes_back_begins_a_new_stream_and_changed_stations_do_not() {
    check(
        "hall: 0 till - start
         yard: 0 till - start
         yard: 5 till - absent>idle
         yard: 8 till - idle.
         yard: 8 till red start
         yard: 9 till red absent.
         hall: 5 till - absent>idle
         hall: 9 till - idle.
         hall: 3 till - start
         hall: 4 till - absent.",
        expect![[r#"
            [hall] 0-9
            at till: 0-5 Absent() 5-9 Idle()
            [yard] 0-9
            at till: 0-5 Absent() 5-8 Idle() 8-9 Absent(red)
            by red: 8-9 Absent()
            [hall (2)] 3-4
            at till: 3-4 Absent()
        "#]],
    );
}

/// When a gap without any frame ends, each station reports it at once, with the time at which the gap began.
#[test]
fn unknown_may_be_reported_late() {
    check(
        "0 a - start
         0 b - start
         2 a - absent>unknown
         20 a - unknown>idle
         2 b - absent>unknown
         20 b - unknown>idle
         21 a - idle.
         21 b - idle.",
        expect![[r#"
            [] 0-21
            at a: 0-2 Absent() 2-20 Unknown() 20-21 Idle()
            at b: 0-2 Absent() 2-20 Unknown() 20-21 Idle()
        "#]],
    );
}

#[test]
fn totals_are_sums_of_spans() {
    let streams = streams(&log(
        "0 a - start\n 2 a - absent>idle\n 3 a - idle>absent\n 10 a - absent.",
    ));
    let row = &streams[0].stations[0];
    assert_eq!(
        [Activity::Absent, Activity::Idle, Activity::Active].map(|state| row.total(state).as_secs()),
        [9, 1, 0]
    );
}

/// A log that contradicts itself, such as one of two processes at once, still gives spans that do not overlap.
#[test]
fn contradicting_times_give_no_overlapping_spans() {
    check(
        "5 a - start
         9 a - absent>idle
         7 a - idle>active
         8 a - active.",
        expect![[r#"
            [] 5-9
            at a: 5-9 Absent()
        "#]],
    );
}
