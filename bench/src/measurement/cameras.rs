//! `cameras`: twelve live cameras on defaults, beside one file and one camera.

use anyhow::Result;

use super::{AGES, Bench, Measurement, Runs, growth, line, median_of, percentile, readable, reported};
use crate::case::Outcome;
use crate::report::{Gate, Limit, Report, Unit};
use crate::statistics::greatest;

pub const MEASUREMENT: Measurement = Measurement {
    name: "cameras",
    title: "Twelve cameras on defaults",
    about: "12 live cameras on defaults beside one file and one camera, shipped ensemble in process",
    peers: false,
    run,
};

const CAMERAS: usize = 12;
const FPS: u32 = 10;

fn run(bench: &Bench) -> Result<Report> {
    let camera = line(true, FPS, "tritoninfer");
    let cases = [
        bench.timed("one file", &line(false, FPS, "tritoninfer"), 1),
        bench.timed("one camera", &camera, 1),
        bench.timed("12 cameras", &camera, CAMERAS),
    ];
    let outcomes = bench.play(&cases)?;
    let method = format!(
        "A camera is {}; the file is the same, not live, as fast as it goes. One process a case, {:.0} s measured after 3 s, {} \
         rounds in turn. The model is `worker_ensemble`, in process. {AGES}",
        readable(&camera),
        bench.seconds,
        bench.rounds
    );
    let runs = Runs {
        cases: &cases,
        outcomes: &outcomes,
    };
    Ok(runs.report(
        &MEASUREMENT,
        method,
        gates(&outcomes),
        ("Inferences a second, all cameras together", Outcome::rate),
    ))
}

fn gates(outcomes: &[Vec<Outcome>]) -> Vec<Gate> {
    let [file, one, many] = outcomes else {
        unreachable!("three cases were run")
    };
    let rate = |outcomes: &[Outcome]| median_of(outcomes, Outcome::rate);
    let ratio = |value: fn(&Outcome) -> f64| median_of(many, value) / median_of(one, value);
    vec![
        Gate::new(
            "inferences a second together, of one file's",
            Limit::AtLeast(0.85),
            Unit::Ratio,
            rate(many) / rate(file),
        ),
        Gate::new(
            "largest distance of a camera's inferences from its share",
            Limit::AtMost(0.25),
            Unit::Share,
            median_of(many, unfairness),
        ),
        Gate::new(
            "memory at the end, of that after 60 s (or half time)",
            Limit::AtMost(1.05),
            Unit::Ratio,
            median_of(many, growth),
        ),
        Gate::new(
            "p95 age of an inferred frame, of one camera's",
            Limit::AtMost(1.5),
            Unit::Ratio,
            ratio(|outcome| percentile(outcome, 0.95)),
        ),
        Gate::new(
            "reported latency, of one camera's",
            Limit::AtMost(1.5),
            Unit::Ratio,
            ratio(|outcome| reported(outcome, |latency| latency.element)),
        ),
        Gate::new(
            "time to stop all cameras",
            Limit::AtMost(2.0),
            Unit::Seconds,
            median_of(many, |outcome| outcome.stop),
        ),
    ]
}

/// The largest distance of a line's inferences from an equal share, as a share of that.
fn unfairness(outcome: &Outcome) -> f64 {
    let share = outcome.inferred() / outcome.lines.len() as f64;
    let distances = outcome
        .lines
        .iter()
        .map(|line| (line.inferred as f64 / share - 1.0).abs());
    greatest(&distances.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::LineOutcome;

    #[test]
    fn unfairness_is_the_largest_distance() {
        let line = |inferred| LineOutcome {
            inferred,
            ..LineOutcome::default()
        };
        let outcome = Outcome {
            lines: vec![line(10), line(8), line(12)],
            ..Outcome::default()
        };
        assert!((unfairness(&outcome) - 0.2).abs() < 1e-9);
    }
}
