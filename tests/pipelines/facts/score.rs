//! How well stated activity matches the truth.

use std::time::Duration;

use people::Station;

use super::replay::Stated;
use crate::truth_of_people::FRAME;

/// How far an edge may be from a true one: 0.2 s, and the rounding of a time.
const NEAR: Duration = Duration::from_millis(201);

/// A station, and whether it is active at each frame of the video.
pub struct TrueStation {
    pub station: Station,
    pub active: Vec<bool>,
}

/// Over all stations.
#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
pub struct Score {
    /// F1 of the class active, over the frames.
    pub f1: f64,
    /// The largest error of a station's active seconds, as a share of the true ones.
    pub worst_seconds: f64,
    /// The error of all active seconds together.
    pub seconds_in_sum: f64,
    /// Share of the true edges with a stated one, of the same direction, within 0.2 s.
    pub edges: f64,
    /// Share of the stated edges with a true one.
    pub true_edges: f64,
    /// Number of streams that were stated, which is one.
    pub streams: usize,
    /// The true and the stated active seconds of each station.
    pub seconds: Vec<(f64, f64)>,
}

/// Compares what was stated about each station with the truth.
pub fn score(stated: &[Stated], truth: &[TrueStation]) -> Score {
    let pairs = || stated.iter().zip(truth);
    let (mut hits, mut claims, mut facts) = (0, 0, 0);
    let (mut found, mut right) = (Share::default(), Share::default());
    for (stated, truth) in pairs() {
        let states: Vec<bool> = (0..truth.active.len())
            .map(|n| stated.is_active(FRAME * n as u32))
            .collect();
        hits += states.iter().zip(&truth.active).filter(|(a, b)| **a && **b).count();
        claims += states.iter().filter(|active| **active).count();
        facts += truth.active.iter().filter(|active| **active).count();
        let (edges, true_edges) = (&stated.edges, edges(&truth.active));
        found.add(&true_edges, edges);
        right.add(edges, &true_edges);
    }
    let seconds: Vec<_> = pairs()
        .map(|(stated, truth)| {
            let frames = truth.active.iter().filter(|active| **active).count();
            ((FRAME * frames as u32).as_secs_f64(), stated.active.as_secs_f64())
        })
        .collect();
    let error = |(truth, stated): (f64, f64)| (stated - truth).abs() / truth;
    let sum = seconds
        .iter()
        .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Score {
        f1: 2.0 * hits as f64 / (claims + facts) as f64,
        worst_seconds: seconds.iter().copied().map(error).fold(0.0, f64::max),
        seconds_in_sum: error(sum),
        edges: found.get(),
        true_edges: right.get(),
        streams: stated.iter().map(|stated| stated.streams).max().unwrap_or(0),
        seconds,
    }
}

/// A time, and whether the station becomes active.
pub type Edge = (Duration, bool);

fn edges(active: &[bool]) -> Vec<Edge> {
    let before = [false].iter().chain(active);
    let changes = before
        .zip(active)
        .enumerate()
        .filter(|(_, (before, now))| before != now);
    changes.map(|(n, (_, now))| (FRAME * n as u32, *now)).collect()
}

#[derive(Default)]
struct Share {
    part: usize,
    whole: usize,
}

impl Share {
    /// Counts the edges that have one of `others` near.
    fn add(&mut self, edges: &[Edge], others: &[Edge]) {
        let is_near = |(time, active): &Edge| {
            let others = others.iter().filter(|(_, other)| other == active);
            others
                .map(|(other, _)| other.abs_diff(*time))
                .any(|distance| distance <= NEAR)
        };
        self.part += edges.iter().filter(|edge| is_near(edge)).count();
        self.whole += edges.len();
    }

    fn get(&self) -> f64 {
        self.part as f64 / self.whole.max(1) as f64
    }
}
