//! `many`: 64 cameras on a model that does nothing, and what an element costs.

use anyhow::Result;

use super::{AGES, Bench, Measurement, Runs, median_of, percentile, readable};
use crate::case::Outcome;
use crate::report::{Gate, Limit, Report, Unit};
use crate::repository::NOTHING;

pub const MEASUREMENT: Measurement = Measurement {
    name: "many",
    title: "64 cameras on a model that does nothing",
    about: "64 live cameras on a model that does nothing, in process, beside one and beside identity",
    peers: false,
    run,
};

const CAMERAS: usize = 64;

fn run(bench: &Bench) -> Result<Report> {
    let line = |element: &str| super::line(true, 10, element);
    let repository = bench.repository.path();
    let infer = line(&format!(
        "tritoninfer model-repository={} model={NOTHING}",
        repository.display()
    ));
    let identity = line("identity");
    let cases = [
        bench.timed("1 × identity", &identity, 1),
        bench.timed("1 × tritoninfer", &infer, 1),
        bench.timed("64 × identity", &identity, CAMERAS),
        bench.timed("64 × tritoninfer", &infer, CAMERAS),
    ];
    let outcomes = bench.play(&cases)?;
    let method = format!(
        "A camera is {}; the model has the tensors of `worker_ensemble`, returns constants, and runs in the in-process Triton. \
         One process a case, {:.0} s measured after 3 s, {} rounds in turn. The CPU of an element is that of a case a frame \
         without that of the same case with `identity`. {AGES}",
        readable(&line("tritoninfer model=nothing")),
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
        ("CPU time a frame, ms", |outcome| cpu_a_frame(outcome) * 1e3),
    ))
}

fn gates(outcomes: &[Vec<Outcome>]) -> Vec<Gate> {
    let [identity, one, identities, many] = outcomes else {
        unreachable!("four cases were run")
    };
    // An inferred frame's CPU time in the element, that of the source and the sink left out.
    let element =
        |with: &[Outcome], without: &[Outcome]| median_of(with, cpu_a_frame) - median_of(without, cpu_a_frame);
    vec![
        Gate::new(
            "inferred of what 64 cameras offer, or the process's share of all processors if that is more",
            Limit::AtLeast(0.95),
            Unit::Share,
            median_of(many, |outcome| {
                (outcome.inferred() / outcome.offered()).max(processors_share(outcome))
            }),
        ),
        Gate::new(
            "p95 age of an inferred frame",
            Limit::AtMost(150.0),
            Unit::Milliseconds,
            median_of(many, |outcome| percentile(outcome, 0.95)),
        ),
        Gate::target(
            "CPU of 64 elements, of 64 × that of one",
            Limit::AtMost(1.2),
            Unit::Ratio,
            element(many, identities) / element(one, identity),
        ),
    ]
}

/// The share of all processors that the process used, 0..1.
fn processors_share(outcome: &Outcome) -> f64 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    outcome.cpu / outcome.seconds / processors as f64
}

/// CPU time of the process for each offered frame, in seconds.
fn cpu_a_frame(outcome: &Outcome) -> f64 {
    outcome.cpu / outcome.offered()
}
