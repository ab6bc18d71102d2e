//! `steady`: memory over very many frames.

use anyhow::Result;

use super::{Bench, Measurement, Runs, growth, large_allocations, median_of, readable};
use crate::allocations::LARGE;
use crate::case::{Case, End, Outcome};
use crate::report::{Gate, Limit, Report, Unit};
use crate::repository::NOTHING;
use crate::server::{Place, TritonServer};

pub const MEASUREMENT: Measurement = Measurement {
    name: "steady",
    title: "Memory and allocations over 100,000 frames",
    about: "memory over 100,000 frames of a model that does nothing, in process and by gRPC (two minutes and more)",
    peers: false,
    run,
};

const FRAMES: u64 = 100_000;

fn run(bench: &Bench) -> Result<Report> {
    let repository = bench.repository.path();
    let place = Place::find(&bench.triton(), &repository, bench.scratch.path())?;
    let _server = TritonServer::ready(&place, &[NOTHING])?;
    let line = |server: &str| {
        format!(
            "videotestsrc pattern=black num-buffers=1 ! video/x-raw,format=RGB,width=640,height=480,framerate=10/1 \
             ! imagefreeze name=in ! tritoninfer name=element {server} model={NOTHING} ! fakesink name=out"
        )
    };
    let case = |name: &str, server: String| Case {
        name: name.to_owned(),
        lines: vec![line(&server)],
        warm_up: Some(0.0),
        end: End::Frames(FRAMES),
        load: 0,
    };
    let cases = [
        case("in process", format!("model-repository={}", repository.display())),
        case("gRPC", format!("server={}", place.url())),
    ];
    // Once: a round has enough frames.
    let outcomes = cases
        .iter()
        .map(|case| Ok(vec![case.run()?]))
        .collect::<Result<Vec<_>>>()?;
    let gate = |what, rounds: &[Outcome]| Gate::new(what, Limit::AtMost(1.02), Unit::Ratio, median_of(rounds, growth));
    // A rare one, as when a pool grows, is not one a frame.
    let large = |what, rounds: &[Outcome]| {
        let allocations = median_of(rounds, large_allocations);
        Gate::new(what, Limit::AtMost(0.01), Unit::Ratio, allocations)
    };
    let gates = vec![
        gate(
            "in process: memory at the end, of that after 60 s (or half time)",
            &outcomes[0],
        ),
        gate(
            "gRPC: memory at the end, of that after 60 s (or half time)",
            &outcomes[1],
        ),
        large("in process: allocations as large as a frame, each frame", &outcomes[0]),
        large("gRPC: allocations as large as a frame, each frame", &outcomes[1]),
    ];
    let method = format!(
        "{} with a model that does nothing, {FRAMES} frames as fast as it goes, once. Allocations of {LARGE} bytes and more by Rust code \
         are counted while the frames pass.",
        readable(&line(""))
    );
    let runs = Runs {
        cases: &cases,
        outcomes: &outcomes,
    };
    Ok(runs.report(&MEASUREMENT, method, gates, ("Inferences a second", Outcome::rate)))
}
