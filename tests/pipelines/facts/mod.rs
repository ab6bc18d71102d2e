//! The truth test: what `vesttrack` and `activityzone` state about eight stations of the demo video, compared with the truth.
//!
//! The people are those of the decoupled line's pass over the video. They are played again without inference: as they came,
//! and with a few frames lost, doubled, moved or without a timestamp, which must not change the facts.

mod replay;
mod score;
mod stations;

use std::sync::LazyLock;

use crate::decoupled;
use replay::{Frame, Stated};
use score::{Score, TrueStation};

/// The stations, and when they are active by the truth.
static TRUTH: LazyLock<Vec<TrueStation>> = LazyLock::new(stations::choose);

/// Of so many frames, one is changed.
const OF: usize = 33;

/// The least F1 and share of edges, and the greatest errors of seconds: of one station, and of all together.
const GATES: [f64; 4] = [0.95, 0.85, 0.06, 0.03];

/// What a disturbance may cost.
const COST: f64 = 0.01;

/// The frames of the video as the models saw them.
fn frames() -> Vec<Frame> {
    let scenes = decoupled::RUN.found.iter().enumerate();
    scenes.map(|(n, scene)| Frame::new(n, scene.clone())).collect()
}

fn play(frames: &[Frame]) -> Score {
    let stated: Vec<Stated> = replay::play(frames, &TRUTH);
    score::score(&stated, &TRUTH)
}

/// Changes one of [`OF`] frames, at irregular distances, never two in a row, the first and the last ones excepted.
fn disturb(mut change: impl FnMut(usize, &Frame) -> Vec<Frame>) -> Vec<Frame> {
    let (frames, mut random, mut latest) = (frames(), 1_u32, 0);
    let last = frames.len() - 1;
    let changed = frames.iter().enumerate().flat_map(|(n, frame)| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if ((random >> 16) as usize).is_multiple_of(OF) && n > latest + 1 && n < last {
            latest = n;
            change(n, frame)
        } else {
            vec![frame.clone()]
        }
    });
    let changed: Vec<_> = changed.collect();
    assert_ne!(changed, frames);
    changed
}

/// Whether a score meets the gates, or misses them by no more than `by`.
fn meets(score: &Score, by: f64) -> bool {
    let [f1, edges, worst, sum] = GATES;
    score.f1 >= f1 - by
        && score.edges >= edges - by
        && score.worst_seconds <= worst + by
        && score.seconds_in_sum <= sum + by
}

#[test]
fn facts_are_true() {
    let score = play(&frames());
    println!("{score:#?}");
    assert!(meets(&score, 0.0), "{score:#?}");
}

#[test]
fn facts_stay_true_when_frames_are_disturbed() {
    const MS: u64 = 1_000_000;
    let moved = |by: i64| {
        move |_: usize, frame: &Frame| {
            let time = frame.time.map(|time| time.saturating_add_signed(by * MS as i64));
            vec![Frame { time, ..frame.clone() }]
        }
    };
    let disturbances: [(&str, Vec<Frame>); 7] = [
        ("lost", disturb(|_, _| Vec::new())),
        ("doubled", disturb(|_, frame| vec![frame.clone(), frame.clone()])),
        ("10 ms late", disturb(moved(10))),
        ("10 ms early", disturb(moved(-10))),
        ("10 ms before the previous frame", disturb(moved(-110))),
        ("an hour ahead", disturb(moved(3_600_000))),
        (
            "without timestamp",
            disturb(|_, frame| {
                vec![Frame {
                    time: None,
                    ..frame.clone()
                }]
            }),
        ),
    ];
    let mut wrong = Vec::new();
    for (name, frames) in disturbances {
        let score = play(&frames);
        println!("{name}: {score:?}");
        if !meets(&score, COST) || score.streams != 1 {
            wrong.push(format!("{name}: {score:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
