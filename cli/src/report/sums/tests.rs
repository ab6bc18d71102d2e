//! Logs written short, and the sums of stretches of them.

use std::fmt::Write;

use expect_test::{Expect, expect};

use super::super::ledger::join;
use super::super::testing::{part, seconds, written};
use super::*;

fn show(tally: &Tally) -> String {
    let mut text = String::new();
    let sums = |sums: &Sums| {
        let [active, idle, absent, unknown] = [Activity::Active, Activity::Idle, Activity::Absent, Activity::Unknown]
            .map(|state| seconds(sums.time(state)));
        let coverage = sums.coverage().map_or(0.0, |share| (share * 100.0).floor());
        let gap = sums.longest_gap().map_or("none".to_owned(), |gap| {
            format!("{}-{}", seconds(gap.from), seconds(gap.to))
        });
        format!(
            "a {active} i {idle} o {absent} u {unknown}, {coverage} %, {} visits, gap {gap}",
            sums.visits
        )
    };
    for worker in &tally.workers {
        let star = if worker.has_station { "" } else { "*" };
        writeln!(
            text,
            "{}{star}: {} [{}]",
            worker.name,
            sums(&worker.sums),
            written(&worker.sums.spans)
        )
        .unwrap();
    }
    for station in &tally.stations {
        let assigned = station.assigned.as_deref().unwrap_or("anyone");
        write!(
            text,
            "{}/{} · {assigned}: {}",
            station.camera,
            station.station,
            sums(&station.sums)
        )
        .unwrap();
        for share in &station.shares {
            write!(text, "; {} {} in {}", share.worker, seconds(share.active), share.visits).unwrap();
        }
        text.push('\n');
    }
    for Contradiction { worker, range, places } in &tally.contradictions {
        let (from, to) = (seconds(range.from), seconds(range.to));
        writeln!(text, "contradiction: {worker} {from}-{to} {}", places.join(" and ")).unwrap();
    }
    for Gap {
        camera,
        range,
        stations,
        is_recorded,
    } in &tally.gaps
    {
        let (from, to) = (seconds(range.from), seconds(range.to));
        let why = if *is_recorded { "unknown" } else { "unrecorded" };
        writeln!(text, "gap: {camera} {from}-{to} {} {why}", stations.join("+")).unwrap();
    }
    text
}

fn check(log: &str, from: Millis, to: Millis, expected: Expect) {
    let ledger = join(vec![part("log.jsonl", log)]).clock.unwrap();
    let range = Range::new(from * 1000, to * 1000).unwrap();
    expected.assert_eq(&show(&tally(&ledger, range)));
}

const SHIFT: &str = "
    r#0 0@100 bench red start
    r#1 0@100 till - start
    r#2 10@110 bench red o>i
    r#3 20@120 bench red i>a
    r#4 30@130 till blue o>a
    r#5 40@140 till - <blue
    r#6 50@150 till - a>i
    r#7 60@160 bench red a>u
    r#8 60@160 till - i>u
    r#9 70@170 bench red u>a
    r#10 70@170 till - u>o
    r#11 80@180 till red o>a
    r#12 90@190 till red a>i
    r#13 100@200 bench red a.
    r#14 100@200 till - i.";

#[test]
fn sums_are_those_of_the_range() {
    check(
        SHIFT,
        100,
        200,
        expect![[r#"
            blue*: a 10 i 0 o 80 u 10, 90 %, 1 visits, gap 160-170 [100-130:o 130-140:a(till) 140-160:o 160-170:u 170-200:o]
            red: a 70 i 10 o 10 u 10, 90 %, 3 visits, gap 160-170 [100-110:o 110-120:i 120-160:a(bench) 160-170:u 170-180:a(bench) 180-190:a(bench+till) 190-200:a(bench)]
            visitor*: a 10 i 0 o 0 u 0, 100 %, 1 visits, gap none [140-150:a(till)]
            log/bench · red: a 70 i 10 o 10 u 10, 90 %, 2 visits, gap 160-170
            log/till · anyone: a 30 i 20 o 40 u 10, 90 %, 3 visits, gap 160-170; blue 10 in 1; visitor 10 in 1; red 10 in 1
            gap: log 160-170 bench+till unknown
        "#]],
    );
}

/// A state over the boundary counts to both sides with its parts, and the parts are the whole.
#[test]
fn a_boundary_cuts_states_exactly() {
    check(
        SHIFT,
        100,
        133,
        expect![[r#"
            blue*: a 3 i 0 o 30 u 0, 100 %, 1 visits, gap none [100-130:o 130-133:a(till)]
            red: a 13 i 10 o 10 u 0, 100 %, 1 visits, gap none [100-110:o 110-120:i 120-133:a(bench)]
            log/bench · red: a 13 i 10 o 10 u 0, 100 %, 1 visits, gap none
            log/till · anyone: a 3 i 0 o 30 u 0, 100 %, 1 visits, gap none; blue 3 in 1
        "#]],
    );
    let ledger = join(vec![part("log.jsonl", SHIFT)]).clock.unwrap();
    let sums = |from: Millis, to: Millis| {
        let tally = tally(
            &ledger,
            Range {
                from: from * 1000,
                to: to * 1000,
            },
        );
        [Activity::Active, Activity::Idle, Activity::Absent, Activity::Unknown].map(|state| {
            let stations = tally.stations.iter().map(|station| station.sums.time(state));
            stations.sum::<Millis>()
        })
    };
    for cut in 101..200 {
        let (before, after) = (sums(100, cut), sums(cut, 200));
        let both: Vec<Millis> = before.iter().zip(after).map(|(before, after)| before + after).collect();
        assert_eq!(both, sums(100, 200), "cut at {cut}");
    }
}

/// The run begins late and is killed; the shift is longer than the log.
#[test]
fn what_was_not_recorded_is_unknown() {
    check(
        "r#0 0@100 bench red start
         r#1 10@110 bench red o>a
         r#2 20@120 bench red ~a",
        90,
        200,
        expect![[r#"
            red: a 10 i 0 o 10 u 90, 18 %, 1 visits, gap 120-200 [90-100:u 100-110:o 110-120:a(bench) 120-200:u]
            log/bench · red: a 10 i 0 o 10 u 90, 18 %, 1 visits, gap 120-200
            gap: log 90-100 bench unrecorded
            gap: log 120-200 bench unrecorded
        "#]],
    );
}

/// A station that was assigned anew is a row for each, which together are the whole time.
#[test]
fn a_station_counts_for_as_long_as_it_is_assigned() {
    check(
        "r#0 0@100 bench red start
         r#1 10@110 bench red o>a
         r#2 40@140 bench red a.
         r#3 40@140 bench blue start
         r#4 50@150 bench blue o>a
         r#5 100@200 bench blue a.",
        100,
        200,
        expect![[r#"
            blue: a 50 i 0 o 10 u 0, 100 %, 1 visits, gap none [140-150:o 150-200:a(bench)]
            red: a 30 i 0 o 10 u 0, 100 %, 1 visits, gap none [100-110:o 110-140:a(bench)]
            log/bench · red: a 30 i 0 o 10 u 0, 100 %, 1 visits, gap none
            log/bench · blue: a 50 i 0 o 10 u 0, 100 %, 1 visits, gap none
        "#]],
    );
}

const TWO_CAMERAS: &str = "
    r#0 yard: 0@100 bench red start
    r#0 hall: 0@100 dock red start
    r#1 yard: 10@110 bench red o>a
    r#1 hall: 20@120 dock red o>a
    r#2 yard: 40@140 bench red a>o
    r#2 hall: 41@141 dock red a>u
    r#3 yard: 60@160 bench red o.
    r#3 hall: 60@160 dock red u.";

/// The time at two places counts once, and absent at one place is unknown while the other is.
#[test]
fn a_vest_at_two_places_is_a_contradiction() {
    check(
        TWO_CAMERAS,
        100,
        160,
        expect![[r#"
            red: a 31 i 0 o 10 u 19, 68 %, 2 visits, gap 141-160 [100-110:o 110-120:a(yard / bench) 120-140:a(hall / dock+yard / bench) 140-141:a(hall / dock) 141-160:u]
            yard/bench · red: a 30 i 0 o 30 u 0, 100 %, 1 visits, gap none
            hall/dock · red: a 21 i 0 o 20 u 19, 68 %, 1 visits, gap 141-160
            contradiction: red 120-140 hall / dock and yard / bench
            gap: hall 141-160 dock unknown
        "#]],
    );
    // Short overlaps are the clocks' and the hold time's.
    check(
        TWO_CAMERAS,
        138,
        150,
        expect![[r#"
            red: a 3 i 0 o 0 u 9, 25 %, 2 visits, gap 141-150 [138-140:a(hall / dock+yard / bench) 140-141:a(hall / dock) 141-150:u]
            yard/bench · red: a 2 i 0 o 10 u 0, 100 %, 1 visits, gap none
            hall/dock · red: a 3 i 0 o 0 u 9, 25 %, 1 visits, gap 141-150
            gap: hall 141-150 dock unknown
        "#]],
    );
}

/// A camera that is first recorded in a later shift is not in this one; one that has died is.
#[test]
fn a_camera_counts_from_its_first_record_on() {
    let log = "
        r#0 yard: 0@100 bench red start
        r#1 yard: 60@160 bench red o.
        s#0 hall: 0@210 dock blue start
        s#1 hall: 60@270 dock blue o.";
    check(
        log,
        100,
        200,
        expect![[r#"
            red: a 0 i 0 o 60 u 40, 60 %, 0 visits, gap 160-200 [100-160:o 160-200:u]
            yard/bench · red: a 0 i 0 o 60 u 40, 60 %, 0 visits, gap 160-200
            gap: yard 160-200 bench unrecorded
        "#]],
    );
    check(
        log,
        200,
        300,
        expect![[r#"
            blue: a 0 i 0 o 60 u 40, 60 %, 0 visits, gap 270-300 [200-210:u 210-270:o 270-300:u]
            red: a 0 i 0 o 0 u 100, 0 %, 0 visits, gap 200-300 [200-300:u]
            yard/bench · red: a 0 i 0 o 0 u 100, 0 %, 0 visits, gap 200-300
            hall/dock · blue: a 0 i 0 o 60 u 40, 60 %, 0 visits, gap 270-300
            gap: hall 200-210 dock unrecorded
            gap: yard 200-300 bench unrecorded
            gap: hall 270-300 dock unrecorded
        "#]],
    );
}
