//! Streams whose timestamps are odd, each kind once: what is counted, and what is said about it.

use std::time::Duration;

use people::activity::ActivityOptions;
use people::event::{EventKind, StepReason, UtcClock};
use people::facts::{Fact, Facts, Stated};
use people::timeline::FrameTime;
use people::wall_clock::TimeOfDay;
use people::{Activity, Scene, Totals};
use proptest::prelude::*;

use crate::activity::sequence::{FRAME, RED, SIZE, letter, scene};

const NONE: Result<u64, StepReason> = Err(StepReason::NoTimestamp);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A frame of 100 ms that does not say so, with a timestamp in milliseconds.
fn at(timestamp: u64) -> FrameTime {
    of(Ok(timestamp))
}

fn of(timestamp: Result<u64, StepReason>) -> FrameTime {
    FrameTime {
        timestamp: timestamp.map(ms),
        duration: None,
        arrival: None,
    }
}

fn facts() -> Facts {
    let mut facts = Facts::new(RED.parse().unwrap(), ActivityOptions::default(), Duration::ZERO);
    facts.set_frame_interval(Some(FRAME));
    facts
}

/// What a stream has come to.
#[derive(Default)]
struct Outcome {
    /// Each stream's state at its end, and sums.
    ends: Vec<Totals>,
    states: String,
    reasons: Vec<StepReason>,
    /// The times of edges, in milliseconds, with the state from then on.
    edges: Vec<(u128, char)>,
}

impl Outcome {
    fn add(&mut self, stated: Vec<Stated>) {
        for (fact, _) in stated {
            match fact {
                Fact::Clock(step) => self.reasons.push(step.reason),
                Fact::Event(event) => match event.kind {
                    EventKind::End { totals, .. } => self.ends.push(totals),
                    EventKind::Change { state, .. } => self.edges.push((event.time.as_millis(), letter(state))),
                    _ => {}
                },
            }
        }
    }

    /// Active and unknown milliseconds of each stream; nothing else was.
    fn sums(&self) -> Vec<(u128, u128)> {
        let sums = self.ends.iter();
        sums.inspect(|totals| assert_eq!(totals.idle + totals.absent, Duration::ZERO, "{totals:?}"))
            .map(|totals| (totals.active.as_millis(), totals.unknown.as_millis()))
            .collect()
    }
}

/// Frames in each of which the worker is active, up to the end of the stream.
fn play(facts: &mut Facts, frames: impl IntoIterator<Item = FrameTime>) -> Outcome {
    let mut outcome = Outcome::default();
    for frame in frames {
        let mut scene = scene('R');
        outcome.add(facts.frame(frame, None, SIZE, &mut scene));
        outcome
            .states
            .extend(scene.stations.iter().map(|view| letter(view.activity)));
    }
    outcome.add(facts.finish(None));
    outcome
}

/// The timestamps of 40 frames at 10 fps, that of frame 20 replaced.
fn one(replaced: u64) -> Vec<FrameTime> {
    (0..40).map(|n| at(if n == 20 { replaced } else { 100 * n })).collect()
}

/// The timestamps of 40 frames at 10 fps, those from frame 20 on moved.
fn moved(by: i64) -> Vec<FrameTime> {
    (0..40)
        .map(|n| {
            at(if n < 20 {
                100 * n
            } else {
                (100 * n).saturating_add_signed(by)
            })
        })
        .collect()
}

/// What is odd, frames in all of which the worker is active, the active and unknown milliseconds of each stream, and what is said.
type Case = (
    &'static str,
    Vec<FrameTime>,
    &'static [(u128, u128)],
    &'static [StepReason],
);

fn check(cases: Vec<Case>) {
    for (what, frames, sums, reasons) in cases {
        let outcome = play(&mut facts(), frames);
        assert_eq!((&*outcome.sums(), &*outcome.reasons), (sums, reasons), "{what}");
    }
}

#[test]
fn one_frame_with_an_odd_timestamp_changes_no_sum() {
    use StepReason::{Backward, Glitch};
    check(vec![
        ("none", one(2_000), &[(4_000, 0)], &[]),
        ("10 ms early", one(1_990), &[(4_000, 0)], &[]),
        ("10 ms late", one(2_010), &[(4_000, 0)], &[]),
        ("10 ms before the frame before", one(1_890), &[(4_000, 0)], &[Backward]),
        ("1.8 s back", one(100), &[(4_000, 0)], &[Glitch]),
        ("0.9 s ahead", one(2_900), &[(4_000, 0)], &[Backward]),
        ("5 s ahead", one(7_000), &[(4_000, 0)], &[Glitch]),
        ("10 h ahead", one(37_600_000), &[(4_000, 0)], &[Glitch]),
        ("doubled", one(1_900), &[(4_000, 0)], &[]),
        ("the greatest", one(u64::MAX / 1_000_000), &[(4_000, 0)], &[Glitch]),
    ]);
}

#[test]
fn a_jump_that_stays_is_a_gap_or_begins_anew() {
    use StepReason::{Ahead, Backward, NewClock};
    check(vec![
        ("0.5 s ahead for good", moved(500), &[(4_500, 0)], &[]),
        (
            "5 s ahead for good",
            moved(5_000),
            &[(4_000 - 100 + 2_000, 3_100)],
            &[Ahead],
        ),
        ("0.5 s back for good", moved(-500), &[(3_500, 0)], &[Backward]),
        (
            "a new clock behind",
            moved(-2_000),
            &[(1_900, 0), (2_000, 0)],
            &[NewClock],
        ),
    ]);
}

#[test]
fn frames_out_of_order_or_far_away_count_once() {
    use StepReason::{Ahead, Backward, Glitch};
    check(vec![
        // out of order, as decoders leave it
        (
            "B-frames",
            [0, 300, 100, 200, 600, 400, 500, 700].map(at).into(),
            &[(800, 0)],
            &[Backward],
        ),
        // several at once
        (
            "two single frames far away",
            [0, 100, 900_000, 200, 300, 500_000, 400].map(at).into(),
            &[(500, 0)],
            &[Glitch],
        ),
        (
            "a frame far away in a gap",
            [0, 100, 900_000, 8_000, 8_100].map(at).into(),
            &[(2_100 + 200, 5_900)],
            &[Glitch, Ahead],
        ),
    ]);
}

#[test]
fn frames_without_a_usable_timestamp_are_timed() {
    use StepReason::{NewClock, NoTimestamp, OutsideSegment};
    let usual = |n: u64| Ok(100 * n);
    check(vec![
        ("all", vec![of(NONE); 40], &[(4_000, 0)], &[NoTimestamp]),
        (
            "one in ten",
            (0..40).map(|n| of(if n % 10 == 5 { NONE } else { usual(n) })).collect(),
            &[(4_000, 0)],
            &[NoTimestamp],
        ),
        (
            "all but the first",
            (0..40).map(|n| of(if n == 0 { usual(n) } else { NONE })).collect(),
            &[(4_000, 0)],
            &[NoTimestamp],
        ),
        (
            "the first",
            (0..40)
                .map(|n| of(if n == 0 { NONE } else { usual(n + 36_000) }))
                .collect(),
            &[(0, 0), (3_900, 0)],
            &[NoTimestamp, NewClock],
        ),
        ("all the same", vec![at(7_000); 40], &[(3_900, 0)], &[NoTimestamp]),
        (
            "outside",
            (0..40)
                .map(|n| of(if n % 10 == 5 { Err(OutsideSegment) } else { usual(n) }))
                .collect(),
            &[(4_000, 0)],
            &[OutsideSegment],
        ),
    ]);
}

#[test]
fn time_between_frames_is_counted_or_unknown() {
    use StepReason::Ahead;
    check(vec![
        (
            "frames dropped",
            (0..40).filter(|n| n % 10 < 7).map(|n| at(100 * n)).collect(),
            &[(3_700, 0)],
            &[],
        ),
        (
            "one in ten seconds",
            (0..5).map(|n| at(10_000 * n)).collect(),
            &[(4 * 2_000 + 100, 4 * 8_000)],
            &[Ahead],
        ),
    ]);
}

#[test]
fn a_glitch_changes_no_state() {
    for replaced in [1_890, 100, 0, 2_900, 7_000, 37_600_000] {
        let outcome = play(&mut facts(), one(replaced));
        assert_eq!(outcome.states, "A".repeat(40), "{replaced}");
        assert_eq!(outcome.edges, [(0, 'A')], "{replaced}");
    }
}

#[test]
fn a_gap_has_its_edges_where_they_were() {
    let outcome = play(&mut facts(), moved(60_000));
    assert_eq!(outcome.edges, [(0, 'A'), (3_900, '?'), (62_000, 'A')]);
    let states = "A".repeat(40);
    assert_eq!(outcome.states, states, "the held frame shows what was known");
}

#[test]
fn untimed_frames_follow_duration_then_rate_then_clock_then_the_last_step() {
    let untimed = |n: u64, duration: Option<u64>, arrives: bool| FrameTime {
        timestamp: Err(StepReason::NoTimestamp),
        duration: duration.map(ms),
        arrival: arrives.then(|| ms(1_000 + 250 * n)),
    };
    // 11 frames: ten steps, and the last frame's length
    for (what, duration, rate, arrives, expected) in [
        ("duration", Some(240), Some(100), true, 2_640),
        (
            "a duration that the clock denies",
            Some(50),
            Some(100),
            true,
            1_500 + 50,
        ),
        ("duration without a clock", Some(50), Some(100), false, 550),
        ("rate", None, Some(200), true, 2_200),
        ("clock", None, None, true, 2_500),
        ("a rate that the clock denies", None, Some(1_000), true, 3_500 + 1_000),
        ("nothing", None, None, false, 0),
    ] {
        let mut facts = facts();
        facts.set_frame_interval(rate.map(ms));
        let outcome = play(&mut facts, (0..11).map(|n| untimed(n, duration, arrives)));
        assert_eq!(outcome.sums(), [(expected, 0)], "{what}");
        assert_eq!(outcome.reasons, [StepReason::NoTimestamp], "{what}");
    }
    let mut facts = facts();
    facts.set_frame_interval(None);
    let frames = [at(0), at(40)].into_iter().chain((0..9).map(|_| of(NONE)));
    assert_eq!(play(&mut facts, frames).sums(), [(400, 0)], "the last step");
}

/// A frame of a live stream.
fn live(timestamp: u64, arrival: u64) -> FrameTime {
    FrameTime {
        arrival: Some(ms(arrival)),
        ..at(timestamp)
    }
}

#[test]
fn the_clock_confirms_a_gap_and_denies_a_jump() {
    // a gap of a minute, with the clock: not held
    let outcome = play(
        &mut facts(),
        [live(0, 50), live(100, 150), live(60_100, 60_150), live(60_200, 60_250)],
    );
    assert_eq!(outcome.edges, [(0, 'A'), (2_100, '?'), (60_100, 'A')]);
    // the same timestamps, and no time has passed
    let outcome = play(
        &mut facts(),
        [live(0, 50), live(100, 150), live(60_100, 250), live(60_200, 350)],
    );
    assert_eq!(outcome.sums(), [(100, 0), (200, 0)]);
    assert_eq!(outcome.reasons, [StepReason::NewClock]);
    // frames that a network held back are no step back
    let late = (1..100).map(|n| live(100 * n, 12_000));
    let outcome = play(&mut facts(), [live(0, 50)].into_iter().chain(late));
    assert_eq!((outcome.sums(), outcome.reasons), (vec![(10_000, 0)], vec![]));
}

#[test]
fn a_silent_live_stream_becomes_unknown_by_the_clock() {
    let latency = ms(300);
    let mut facts = facts();
    let mut outcome = Outcome::default();
    for n in 0..30 {
        outcome.add(facts.frame(live(100 * n, 100 * n + 20), None, SIZE, &mut scene('R')));
    }
    // the last evidence is at 2.9 s: unknown from 4.9 s on, which is over at 5.2 s by the clock
    let due = facts.next_tick(latency).unwrap();
    assert_eq!(due, ms(5_201));
    outcome.add(facts.tick(due - ms(1), latency));
    assert_eq!(outcome.edges, [(0, 'A')]);
    outcome.add(facts.tick(due, latency));
    assert_eq!(outcome.edges, [(0, 'A'), (4_900, '?')]);
    assert_eq!(facts.next_tick(latency), None, "nothing more will change");
    outcome.add(facts.finish(Some((ms(13_000), latency))));
    assert_eq!(outcome.sums(), [(4_900, 12_700 - 4_900)]);
}

#[test]
fn frames_after_a_silence_are_no_new_stream() {
    let latency = ms(300);
    // on time, and all that the network held back
    for (resumed, edges) in [
        (
            vec![live(20_000, 20_050), live(20_100, 20_150)],
            vec![(0, 'A'), (2_000, '?'), (20_000, 'A')],
        ),
        (
            (1..=200).map(|n| live(100 * n, 20_050)).collect(),
            vec![(0, 'A'), (2_000, '?'), (9_700, 'A')],
        ),
    ] {
        let mut facts = facts();
        let mut outcome = Outcome::default();
        outcome.add(facts.frame(live(0, 20), None, SIZE, &mut scene('R')));
        outcome.add(facts.tick(ms(10_000), latency));
        for frame in resumed {
            outcome.add(facts.frame(frame, None, SIZE, &mut scene('R')));
        }
        outcome.add(facts.finish(None));
        assert_eq!((outcome.edges, outcome.ends.len()), (edges, 1));
    }
}

/// The camera is away for nine seconds, by its clock too. Then it sends what it has, faster than the clock goes.
#[test]
fn a_burst_after_a_silence_invents_no_time() {
    let latency = ms(300);
    // until the silence, how the timestamps of the burst begin, and how many of its frames come in each tenth of a second
    for (what, first, at_once) in [
        ("timestamps of the silence", 5_000, 4),
        (
            "timestamps of the burst's arrival, as a jitter buffer that begins anew",
            14_000,
            4,
        ),
        ("all at one moment", 14_000, 90),
        ("timestamps that are ahead", 14_900, 2),
    ] {
        let mut facts = facts();
        let mut outcome = Outcome::default();
        for n in 0..50 {
            outcome.add(facts.frame(live(100 * n, 100 * n + 20), None, SIZE, &mut scene('R')));
        }
        outcome.add(facts.tick(ms(13_900), latency));
        let mut clock = 14_000;
        for n in 0..90 {
            outcome.add(facts.frame(live(first + 100 * n, clock), None, SIZE, &mut scene('R')));
            clock += if n % at_once == at_once - 1 { 100 } else { 0 };
        }
        // and on, with the clock
        for n in 0..200 {
            let frame = live(first + 9_000 + 100 * n, clock);
            outcome.add(facts.frame(frame, None, SIZE, &mut scene('R')));
            clock += 100;
        }
        outcome.add(facts.finish(Some((ms(clock), latency))));
        assert_eq!(outcome.ends.len(), 1, "{what}: {:?}", outcome.reasons);
        let stated = outcome.ends[0].sum();
        assert!(stated <= ms(clock + 1_100), "{what}: {stated:?} of {clock} ms");
        let latest = first + 9_000 + 100 * 200;
        assert!(
            stated >= ms(clock.min(latest) - 400),
            "{what}: {stated:?} of {clock} ms"
        );
    }
}

#[test]
fn a_clock_that_is_ahead_from_the_first_frame_on_is_followed() {
    // timestamps of an epoch of the camera's, and frames that arrive unevenly
    let epoch = 1_700_000_000_000;
    let frames = (0..300).map(|n| live(epoch + 100 * n, 100 * n + [0, 90, 40][n as usize % 3]));
    let outcome = play(&mut facts(), frames);
    assert_eq!((outcome.sums(), outcome.reasons), (vec![(30_000, 0)], vec![]));
    // a late start, after which frames catch up with the clock
    let frames = (0..100).map(|n| live(100 * n, (100 * n).max(5_000)));
    let outcome = play(&mut facts(), frames);
    assert_eq!((outcome.sums(), outcome.reasons), (vec![(10_000, 0)], vec![]));
    // a camera whose clock is 1 % fast goes on by the pipeline's
    let frames = (0..10_000).map(|n| live(101 * n, 100 * n));
    let outcome = play(&mut facts(), frames);
    assert_eq!((outcome.sums(), outcome.reasons), (vec![(1_001_000, 0)], vec![]));
}

#[test]
fn late_frames_within_the_latency_are_never_unknown() {
    // as rtspsrc: two seconds late, a frame now and then lost
    let latency = ms(2_000);
    let mut facts = facts();
    let mut outcome = Outcome::default();
    for n in (0..300).filter(|n| n % 17 != 0) {
        let frame = live(100 * n, 100 * n + 1_990);
        let due = facts.next_tick(latency);
        assert!(due.is_none_or(|due| due > frame.arrival.unwrap()), "{n}: {due:?}");
        outcome.add(facts.frame(frame, None, SIZE, &mut scene('R')));
    }
    outcome.add(facts.finish(Some((ms(29_900 + 2_090), latency))));
    assert_eq!(outcome.sums(), [(29_900, 0)]);
}

/// Plays live frames, by timestamp and arrival, of a camera that states its time. Each fact has that of its moment.
fn play_with_camera_time(frames: &[(u64, u64)]) -> Vec<Stated> {
    const NOON: i64 = 1_800_000_000_000;
    let mut facts = facts();
    let mut stated = Vec::new();
    for &(timestamp, arrival) in frames {
        stated.extend(facts.tick(ms(arrival), Duration::ZERO));
        let utc = jiff::Timestamp::from_millisecond(NOON + timestamp as i64).unwrap();
        let told = Some(TimeOfDay::Camera(utc));
        stated.extend(facts.frame(live(timestamp, arrival), told, SIZE, &mut scene('R')));
    }
    let end = frames.last().map_or(0, |(_, arrival)| arrival + 1_000);
    stated.extend(facts.finish(Some((ms(end), Duration::ZERO))));
    for (fact, utc) in &stated {
        let utc = utc.unwrap_or_else(|| panic!("{fact:?} has no time of day"));
        let since = u128::try_from(utc.time.as_millisecond() - NOON).unwrap();
        assert_eq!(
            (utc.clock, since),
            (UtcClock::Camera, fact.time().as_millis()),
            "{fact:?}"
        );
    }
    stated
}

/// The time that was told goes with the clock while frames are on their way; what they tell of the camera's time is right all the same.
#[test]
fn late_frames_are_no_step_of_the_cameras_clock() {
    let late: Vec<_> = (0..50)
        .map(|n| (100 * n, 100 * n + if n == 0 { 0 } else { 5_000 }))
        .collect();
    let stated = play_with_camera_time(&late);
    let steps = stated.iter().filter(|(fact, _)| matches!(fact, Fact::Clock(_)));
    assert_eq!(steps.count(), 0, "{stated:?}");
}

/// The frame with which time begins anew has been held; it has told the time of day, too.
#[test]
fn a_stream_that_begins_anew_has_its_time_of_day_at_once() {
    let stated = play_with_camera_time(&[(0, 0), (100, 100), (90_000, 200), (90_100, 300)]);
    let starts = stated
        .iter()
        .filter(|(fact, _)| matches!(fact, Fact::Event(event) if event.kind == EventKind::Start));
    assert_eq!(starts.count(), 2, "{stated:?}");
}

#[test]
fn a_gap_event_is_time_without_frames() {
    for (start, duration, unknown) in [(100, 5_000, 3_100), (100, 500, 0), (900_000, 1_000, 0)] {
        let mut facts = facts();
        let mut outcome = Outcome::default();
        outcome.add(facts.frame(at(0), None, SIZE, &mut scene('R')));
        outcome.add(facts.gap(ms(start), ms(duration), None));
        let edges = if unknown > 0 {
            vec![(0, 'A'), (2_000, '?')]
        } else {
            vec![(0, 'A')]
        };
        assert_eq!(outcome.edges, edges);
        outcome.add(facts.finish(None));
        assert_eq!(outcome.ends[0].unknown, ms(unknown), "{start} {duration}");
    }
}

#[test]
fn a_heartbeat_comes_at_every_interval_of_the_stream() {
    let beats = |frames: Vec<FrameTime>| -> Vec<u128> {
        let mut facts = Facts::new(RED.parse().unwrap(), ActivityOptions::default(), ms(1_000));
        let stated = frames
            .into_iter()
            .flat_map(|frame| facts.frame(frame, None, SIZE, &mut scene('R')));
        stated
            .filter_map(|(fact, _)| match fact {
                Fact::Event(event) => matches!(event.kind, EventKind::Heartbeat { .. }).then(|| event.time.as_millis()),
                Fact::Clock(_) => None,
            })
            .collect()
    };
    assert_eq!(
        beats((0..32).map(|n| at(500 + 100 * n)).collect()),
        [1_500, 2_500, 3_500]
    );
    assert_eq!(
        beats([0, 300, 990, 1_300, 1_900, 3_950, 4_050].map(at).into()),
        [1_300, 3_950, 4_050]
    );
}

#[test]
fn nothing_beats_where_no_interval_is_set() {
    let mut facts = facts();
    let stated = (0..400).flat_map(|n| facts.frame(at(100 * n), None, SIZE, &mut scene('R')));
    assert_eq!(stated.count(), 2, "start and the change to active");
}

/// An odd or usual step from one frame to the next.
fn frame_time() -> impl Strategy<Value = (i64, u8, u8)> {
    let step = prop_oneof![
        8 => Just(100),
        2 => 0..2_500i64,
        1 => -2_500..0i64,
        1 => -100_000..100_000_000i64,
    ];
    (step, 0..12u8, 0..8u8)
}

proptest! {
    /// Whatever the timestamps: time goes on, sums equal it, and nothing is counted twice.
    #[test]
    fn sums_equal_observed_time(
        frames in prop::collection::vec(frame_time(), 1..80),
        is_live in any::<bool>(),
        rate in prop::sample::select(vec![None, Some(33), Some(100), Some(1_000)]),
        letters in prop::sample::select(vec!["R", "RrRB.", "R--r-"]),
    ) {
        let mut facts = facts();
        facts.set_frame_interval(rate.map(ms));
        let (mut stamp, mut clock) = (5_000i64, 5_000u64);
        let mut stated = vec![];
        for (n, (step, missing, other)) in frames.iter().enumerate() {
            stamp = (stamp + step).max(0);
            clock += 100;
            let timestamp = match (missing, other) {
                (0, _) => NONE,
                (1, _) => Err(StepReason::OutsideSegment),
                (_, 0) => Ok(7),
                _ => Ok(stamp as u64),
            };
            let arrival = is_live.then_some(ms(clock));
            let frame = FrameTime { arrival, ..of(timestamp) };
            let mut scene: Scene = scene(letters.as_bytes()[n % letters.len()].into());
            stated.extend(facts.frame(frame, None, SIZE, &mut scene).into_iter().map(|(fact, _)| (clock, fact)));
            prop_assert_eq!(scene.stations.len(), 1);
            if other % 4 == 1 && is_live {
                stated.extend(facts.tick(ms(clock + 50), ms(20)).into_iter().map(|(fact, _)| (clock + 50, fact)));
            }
        }
        let ends = facts.finish(is_live.then_some((ms(clock), ms(20))));
        stated.extend(ends.into_iter().map(|(fact, _)| (clock, fact)));
        // Each stream has a start and an end, edges in order in between, and sums that equal its length.
        let (mut start, mut latest, mut lead) = (None, Duration::ZERO, Duration::ZERO);
        // A stream that begins anew is told of one frame later; the last frame lasts.
        let slack = ms(1_000 + 100 + 100 + rate.unwrap_or(0));
        for (clock, fact) in &stated {
            let Fact::Event(event) = fact else { continue };
            if event.kind == EventKind::Start {
                prop_assert_eq!(start, None);
                (start, latest) = (Some(event.time), event.time);
                lead = event.time.saturating_sub(ms(*clock));
            }
            prop_assert!(event.time >= latest, "{:?} after {:?}", event, latest);
            latest = event.time;
            if is_live {
                prop_assert!(event.time <= ms(*clock) + lead + slack, "{:?} at {} ms by the clock", event, clock);
            }
            if let EventKind::Change { totals, .. } = &event.kind {
                prop_assert_eq!(totals.sum(), event.time - start.unwrap());
            }
            if let EventKind::End { totals, .. } = &event.kind {
                prop_assert_eq!(totals.sum(), event.time - start.unwrap());
                start = None;
            }
        }
        prop_assert_eq!(start, None);
    }

    /// One odd timestamp, of any kind and anywhere, changes neither the sums nor the states.
    #[test]
    fn one_odd_timestamp_changes_nothing(
        place in 1..39usize,
        odd in prop_oneof![(0..200_000_000u64).prop_map(Ok), Just(NONE), Just(Err(StepReason::OutsideSegment))],
    ) {
        let mut frames: Vec<_> = (0..40).map(|n| at(5_000 + 100 * n)).collect();
        frames[place] = of(odd);
        let outcome = play(&mut facts(), frames);
        prop_assert_eq!(outcome.sums(), [(4_000, 0)]);
        prop_assert_eq!(outcome.states, "A".repeat(40));
        prop_assert!(outcome.reasons.len() <= 1);
    }
}

#[test]
fn activity_is_known_after_a_silence_at_once() {
    // no state of a moment between unknown and what is seen
    let mut facts = facts();
    let outcome = play(&mut facts, [0, 100, 200, 9_000, 9_100, 9_200].map(at));
    assert_eq!(outcome.edges, [(0, 'A'), (2_200, '?'), (9_000, 'A')]);
    assert_eq!(Activity::from_name("unknown"), Some(Activity::Unknown));
}
