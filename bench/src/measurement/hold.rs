//! `hold`: how long a live source is held, beside `identity`.

use anyhow::Result;

use super::{Bench, Measurement, Runs, median_of, readable};
use crate::case::{Case, End, Outcome};
use crate::report::{Gate, Limit, Report, Unit};

pub const MEASUREMENT: Measurement = Measurement {
    name: "hold",
    title: "The longest hold of a live source under load",
    about: "the longest interval between two buffers of a live source under load, beside identity in the same process",
    peers: false,
    run,
};

/// Busy threads: on two processors, a load of six with the model's two.
const LOAD: usize = 4;

fn run(bench: &Bench) -> Result<Report> {
    let line = |element: &str| super::line(true, 30, element);
    let case = |name: &str, element: &str| Case {
        name: name.to_owned(),
        lines: vec![line(element), line("identity")],
        warm_up: None,
        end: End::Seconds(bench.seconds),
        load: LOAD,
    };
    let cases = [
        case("tritoninfer beside identity", "tritoninfer"),
        case("identity beside identity", "identity"),
    ];
    let outcomes = bench.play(&cases)?;
    let [element, _] = &outcomes[..] else {
        unreachable!("two cases were run")
    };
    let gates = vec![Gate::new(
        "longest interval at the source beyond identity's in the same process",
        Limit::AtMost(50.0),
        Unit::Milliseconds,
        median_of(element, |outcome| gap(outcome, 0) - gap(outcome, 1)),
    )];
    let method = format!(
        "Two lines {} in one process, with {LOAD} busy threads beside them, {:.0} s from the first buffer on: the start, with \
         its load of the model and its measurement of the latency, is included. {} rounds in turn.",
        readable(&line("tritoninfer|identity")),
        bench.seconds,
        bench.rounds
    );
    let runs = Runs {
        cases: &cases,
        outcomes: &outcomes,
    };
    let mut report = runs.report(
        &MEASUREMENT,
        method,
        gates,
        ("Longest interval between two buffers at the source, ms", |outcome| {
            gap(outcome, 0)
        }),
    );
    report.chart.bars = vec![
        ("tritoninfer".into(), median_of(element, |outcome| gap(outcome, 0))),
        (
            "identity in the same process".into(),
            median_of(element, |outcome| gap(outcome, 1)),
        ),
    ];
    Ok(report)
}

/// The longest interval of the line's source in ms.
fn gap(outcome: &Outcome, line: usize) -> f64 {
    outcome.lines.get(line).map_or(f64::NAN, |line| line.longest_gap)
}
