//! `slow`: one camera on servers that are slower than it.

use std::time::Duration;

use anyhow::Result;

use super::{Bench, Measurement, Runs, median_of, readable};
use crate::case::{Case, End, Outcome};
use crate::report::{Gate, Limit, Report, Unit};
use crate::server::{SLOW, SlowServer};

/// The least measured time in seconds.
const LEAST: f64 = 30.0;
/// Likewise, where one response more or less must not decide: the slowest server has 60 in it.
const LEAST_OF_SLOWEST: f64 = 90.0;

pub const MEASUREMENT: Measurement = Measurement {
    name: "slow",
    title: "One camera on a server slower than the camera",
    about: "one live camera of 120 fps on servers that are slower, beside a file on the same servers",
    peers: false,
    run,
};

fn run(bench: &Bench) -> Result<Report> {
    let quick = SlowServer::start(Duration::from_millis(150), 2)?;
    // Four requests in flight, as `tritoninfer` has them by default, take longer than its default `timeout`, 5 s.
    let slowest = SlowServer::start(Duration::from_millis(1500), 1)?;
    // Faster than the shipped ensemble, which has 34 to 84 frames of this picture a second on two processors.
    let line = |live: bool, element: &str| super::line(live, 120, element);
    let on = |server: &SlowServer| format!("tritoninfer server={} model={SLOW}", server.url);
    let servers = [
        ("worker_ensemble, in process", "tritoninfer".to_owned(), LEAST),
        ("150 ms, 2 at once", on(&quick), LEAST),
        ("1500 ms, 1 at once", on(&slowest), LEAST_OF_SLOWEST),
    ];
    let cases: Vec<_> = servers
        .iter()
        .flat_map(|(name, element, least)| {
            [("file", false), ("camera", true)].map(|(source, live)| Case {
                end: End::Seconds(bench.seconds.max(*least)),
                ..bench.timed(&format!("{source}: {name}"), &line(live, element), 1)
            })
        })
        .collect();
    let outcomes = bench.play(&cases)?;
    let method = format!(
        "The camera is {}. The ensemble runs in process; the other two servers are scripted, take a fixed time for each request, \
         and work on requests that the client has given up, too: what they can is known. One process a case, {:.0} s measured \
         after 3 s ({:.0} s on the slowest), {} rounds in turn.",
        readable(&line(true, "tritoninfer")),
        bench.seconds.max(LEAST),
        bench.seconds.max(LEAST_OF_SLOWEST),
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
        ("Inferences a second", Outcome::rate),
    ))
}

fn gates(outcomes: &[Vec<Outcome>]) -> Vec<Gate> {
    let [file, camera, _, quick, _, slowest] = outcomes else {
        unreachable!("six cases were run")
    };
    let rate = |rounds: &[Outcome]| median_of(rounds, Outcome::rate);
    let gate = |what, rate: f64, can: f64| Gate::new(what, Limit::AtLeast(0.9), Unit::Ratio, rate / can);
    vec![
        gate("shipped ensemble: inferred, of a file's", rate(camera), rate(file)),
        gate(
            "150 ms, 2 at once: inferred, of what the server can",
            rate(quick),
            2.0 / 0.150,
        ),
        gate(
            "1500 ms, 1 at once: inferred, of what the server can",
            rate(slowest),
            1.0 / 1.5,
        ),
    ]
}
