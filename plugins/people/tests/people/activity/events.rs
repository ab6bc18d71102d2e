//! The events of a station, and the times in them.

use std::time::Duration;

use expect_test::{Expect, expect};
use people::activity::ActivityOptions;
use people::event::{Event, EventKind};
use people::{Activity, Inference, Totals};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::sequence::{ANYONE, FRAME, RED, SIZE, line, options, play, scene, states, tracker};

/// The time in all states together.
fn sum(totals: &Totals) -> Duration {
    totals.active + totals.idle + totals.absent + totals.unknown
}

fn check(sequence: &str, expected: &Expect) {
    check_at(RED, sequence, expected);
}

fn check_at(stations: &str, sequence: &str, expected: &Expect) {
    let mut tracker = tracker(stations);
    let (mut events, _) = play(&mut tracker, Duration::from_secs(10), sequence);
    events.append(&mut tracker.finish(Duration::from_secs(10) + FRAME * sequence.len() as u32));
    expected.assert_eq(&events.iter().map(line).collect::<String>());
}

#[test]
fn changes_are_reported_with_times_and_totals() {
    check(
        "....rrrRrrrrr.....",
        &expect![[r#"
        10 bench begins
        10.4 bench absent→idle after 0.4
        10.7 bench idle→active after 0.3
        11.1 bench active→idle after 0.4
        11.6 bench idle→absent after 0.5
        11.8 bench absent for 0.2; active, idle, absent, unknown: [0.4, 0.8, 0.6, 0.0]
    "#]],
    );
}

#[test]
fn time_without_inference_is_unknown() {
    check(
        "Rr---------r",
        &expect![[r#"
        10 bench begins
        10 bench absent→active after 0
        10.6 bench active→unknown after 0.6
        11.1 bench unknown→idle after 0.5
        11.2 bench idle for 0.1; active, idle, absent, unknown: [0.6, 0.1, 0.0, 0.5]
    "#]],
    );
}

#[test]
fn a_station_is_unknown_before_the_first_inference() {
    check(
        "---rr",
        &expect![[r#"
        10 bench begins
        10 bench absent→unknown after 0
        10.3 bench unknown→idle after 0.3
        10.5 bench idle for 0.2; active, idle, absent, unknown: [0.0, 0.2, 0.0, 0.3]
    "#]],
    );
}

#[test]
fn a_handover_is_reported_at_an_unassigned_station() {
    check_at(
        ANYONE,
        "RRBBbRVV",
        &expect![[r#"
        10 bench begins
        10 bench absent→active after 0
        10.2 bench blue after 0.2 by red
        10.5 bench red after 0.3 by blue
        10.6 bench nobody after 0.1 by red
        10.8 bench active for 0.8; active, idle, absent, unknown: [0.8, 0.0, 0.0, 0.0]
    "#]],
    );
    // no handover once the station was idle
    check_at(
        ANYONE,
        "RrrrrB",
        &expect![[r#"
            10 bench begins
            10 bench absent→active after 0
            10.4 bench active→idle after 0.4
            10.5 bench idle→active after 0.1
            10.6 bench active for 0.1; active, idle, absent, unknown: [0.5, 0.1, 0.0, 0.0]
        "#]],
    );
}

#[test]
fn a_stream_that_ends_without_inference_ends_unknown() {
    check(
        "r--------",
        &expect![[r#"
        10 bench begins
        10 bench absent→idle after 0
        10.5 bench idle→unknown after 0.5
        10.9 bench unknown for 0.4; active, idle, absent, unknown: [0.0, 0.5, 0.0, 0.4]
    "#]],
    );
}

#[test]
fn a_gap_in_the_stream_is_unknown_after_the_limit() {
    let mut tracker = tracker(RED);
    tracker.update(Duration::from_secs(1), SIZE, &mut scene('R'));
    let mut scene = scene('R');
    let events = tracker.update(Duration::from_secs(61), SIZE, &mut scene);
    expect![[r#"
        1.5 bench active→unknown after 0.5
        61 bench unknown→active after 59.5
    "#]]
    .assert_eq(&events.iter().map(line).collect::<String>());
    let view = &scene.stations[0];
    let expected = (Activity::Active, Duration::from_secs(61), Duration::ZERO);
    assert_eq!((view.activity, view.since, view.lasted), expected);
    assert_eq!(view.totals.unknown, Duration::from_millis(59_500));
}

#[test]
fn an_earlier_time_is_the_latest() {
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::from_secs(20), "rRRR");
    let (events, views) = play(&mut tracker, Duration::from_secs(5), ".r");
    assert_eq!((states(&views), events), ("AA".to_owned(), vec![]));
    assert_eq!(sum(&views[1].totals), FRAME * 3);
}

#[test]
fn a_reset_begins_a_new_stream() {
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::from_secs(20), "rRRR");
    let ended = tracker.reset();
    let view = &tracker.views()[0];
    assert_eq!((view.activity, sum(&view.totals)), (Activity::Absent, Duration::ZERO));
    let (events, views) = play(&mut tracker, Duration::from_secs(5), ".r");
    assert_eq!(states(&views), ".i");
    expect![[r#"
        20.3 bench active for 0.2; active, idle, absent, unknown: [0.2, 0.1, 0.0, 0.0]
        5 bench begins
        5.1 bench absent→idle after 0.1
    "#]]
    .assert_eq(&ended.iter().chain(&events).map(line).collect::<String>());
    assert_eq!((sum(&views[1].totals), views[1].totals.absent), (FRAME, FRAME));
}

#[test]
fn an_end_before_the_last_frame_adds_nothing() {
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::from_secs(1), "rr");
    let events = tracker.finish(Duration::ZERO);
    expect![[r#"
        1.1 bench idle for 0.1; active, idle, absent, unknown: [0.0, 0.1, 0.0, 0.0]
    "#]]
    .assert_eq(&events.iter().map(line).collect::<String>());
    assert!(tracker.finish(Duration::from_secs(9)).is_empty(), "a stream ends once");
}

#[test]
fn unchanged_stations_keep_their_state() {
    let other = r#"{"stations": [
        {"name": "new", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]},
        {"name": "bench", "vest": "red", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}"#;
    let mut tracker = tracker(RED);
    play(&mut tracker, Duration::ZERO, "rRRR");
    tracker.set_stations(other.parse().unwrap());
    let (events, views) = play(&mut tracker, FRAME * 4, ".");
    assert_eq!(states(&views), ".A");
    expect![[r#"
        0.4 new begins
    "#]]
    .assert_eq(&events.iter().map(line).collect::<String>());
    assert_eq!((views[0].since, sum(&views[0].totals)), (FRAME * 4, Duration::ZERO));
    assert_eq!((views[1].since, views[1].totals.active), (FRAME, FRAME * 3));

    // a moved or reassigned station is another one
    for changed in [RED.replace("0.5", "0.6"), RED.replace("red", "blue")] {
        let mut tracker = tracker.clone();
        tracker.set_stations(changed.parse().unwrap());
        assert_eq!(states(&tracker.views()), ".");
        let ends = tracker.update(FRAME * 5, SIZE, &mut scene('.'));
        expect![[r#"
            0.4 new absent for 0; active, idle, absent, unknown: [0.0, 0.0, 0.0, 0.0]
            0.4 bench active for 0.3; active, idle, absent, unknown: [0.3, 0.1, 0.0, 0.0]
            0.5 bench begins
        "#]]
        .assert_eq(&ends.iter().map(line).collect::<String>());
    }
}

#[test]
fn options_apply_from_the_next_frame() {
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
    fn totals_add_up_and_changes_alternate(
        stations in prop::sample::select(vec![RED, ANYONE]),
        start in 0u64..100_000,
        sequence in prop::collection::vec((prop::sample::select("RrBbVv~^.-=".chars().collect::<Vec<_>>()), 0u64..2_000_000_000), 1..60),
        rest in 0u64..5_000_000_000,
    ) {
        let mut tracker = tracker(stations);
        let start = Duration::from_millis(start);
        let mut now = start;
        let mut state = Activity::Absent;
        let mut since = start;
        let mut taken_over = start;
        let mut closed = [Duration::ZERO; Activity::ALL.len()];
        let mut follow = |events: &[Event], now: Duration| -> Result<Activity, TestCaseError> {
            for event in events {
                if let EventKind::Handover { from, lasted } = &event.kind {
                    prop_assert_ne!(from, &event.worker);
                    prop_assert_eq!((state, *lasted), (Activity::Active, event.time - taken_over));
                    taken_over = event.time;
                }
                let EventKind::Change { state: next, previous, lasted, totals } = &event.kind else { continue };
                taken_over = event.time;
                prop_assert_eq!(*previous, state);
                prop_assert_ne!(*next, state);
                prop_assert!(since <= event.time && event.time <= now);
                prop_assert_eq!(*lasted, event.time - since);
                prop_assert_eq!(sum(totals), event.time - start);
                closed[state as usize] += *lasted;
                (state, since) = (*next, event.time);
            }
            Ok(state)
        };
        for (i, (letter, step)) in sequence.iter().enumerate() {
            now += if i == 0 { Duration::ZERO } else { Duration::from_nanos(*step) };
            let mut scene = scene(*letter);
            let events = tracker.update(now, SIZE, &mut scene);
            let [view] = &scene.stations[..] else { panic!("{:?}", scene.stations) };
            prop_assert_eq!(events.iter().filter(|event| event.kind == EventKind::Start).count(), usize::from(i == 0));
            prop_assert_eq!(view.activity, follow(&events, now)?);
            prop_assert_eq!(sum(&view.totals), now - start);
            prop_assert_eq!(view.lasted, now - view.since);
            prop_assert!(scene.inference != Inference::Done || view.activity != Activity::Unknown);
        }
        now += Duration::from_nanos(rest);
        let events = tracker.finish(now);
        let last = follow(&events, now)?;
        let Some(Event { time, kind: EventKind::End { state, lasted, totals, .. }, .. }) = events.last() else { panic!("{events:?}") };
        prop_assert_eq!((*time, *state, sum(totals)), (now, last, now - start));
        closed[last as usize] += *lasted;
        prop_assert_eq!(closed, [totals.absent, totals.idle, totals.active, totals.unknown]);
    }
}
