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

/// Changes one of [`OF`] frames, at irregular distances, the first and the last ones excepted.
fn disturb(mut change: impl FnMut(usize, &Frame) -> Vec<Frame>) -> Vec<Frame> {
    let (frames, mut random) = (frames(), 1_u32);
    let last = frames.len() - 1;
    let changed = frames.iter().enumerate().flat_map(|(n, frame)| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if (random >> 16) as usize % OF == 0 && n > 0 && n < last {
            change(n, frame)
        } else {
            vec![frame.clone()]
        }
    });
    let changed: Vec<_> = changed.collect();
    assert_ne!(changed, frames);
    changed
}

#[test]
fn facts_are_true() {
    let score = play(&frames());
    println!("{score:#?}");
    assert!(score.f1 >= 0.95, "{score:#?}");
    assert!(score.worst_seconds <= 0.06, "{score:#?}");
    assert!(score.seconds_in_sum <= 0.03, "{score:#?}");
    assert!(score.edges >= 0.85, "{score:#?}");
}

#[test]
fn facts_stay_true_when_frames_are_disturbed() {
    const MS: u64 = 1_000_000;
    let undisturbed = play(&frames());
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
        let holds = score.f1 >= undisturbed.f1 - COST
            && score.worst_seconds <= undisturbed.worst_seconds + COST
            && score.seconds_in_sum <= undisturbed.seconds_in_sum + COST
            && score.edges >= undisturbed.edges - COST
            && score.streams == 1;
        if !holds {
            wrong.push(format!("{name}: {score:?}"));
        }
    }
    assert!(wrong.is_empty(), "undisturbed: {undisturbed:?}\n{}", wrong.join("\n"));
}
