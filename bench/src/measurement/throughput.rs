//! `throughput`: the element beside `perf_analyzer` and a loop in Python.

use anyhow::Result;

use super::contest::{Contest, Values};
use super::{Bench, Measurement, readable};
use crate::case::{Case, End};
use crate::peers::{Peers, PythonTransport};
use crate::report::{Chart, Gate, Limit, Report, Unit};
use crate::repository::NOTHING;
use crate::server::{Place, TritonServer};
use crate::statistics::greatest;

pub const MEASUREMENT: Measurement = Measurement {
    name: "throughput",
    title: "Inferences a second beside perf_analyzer and Python",
    about: "inferences a second on the pose model and on one that does nothing, beside perf_analyzer and Python's asyncio",
    peers: true,
    run,
};

const POSE: &str = "movenet_multipose";
/// Requests in flight: the pose model's instances.
const POSE_IN_FLIGHT: usize = 2;
/// Requests in flight: twice the instances, so that the server never waits for the client.
const NOTHING_IN_FLIGHT: usize = 4;

// The contenders.
const POSE_REMOTE: &str = "pose: tritoninfer, gRPC";
const POSE_ANALYZER: &str = "pose: perf_analyzer, shared memory";
const POSE_LOCAL: &str = "pose: tritoninfer, in process";
const REMOTE: &str = "nothing: tritoninfer, gRPC";
const ANALYZER: &str = "nothing: perf_analyzer, shared memory";
const WIRE: &str = "nothing: Python, wire";
const SHARED: &str = "nothing: Python, shared memory";
const LOCAL: &str = "nothing: tritoninfer, in process";

fn run(bench: &Bench) -> Result<Report> {
    let repository = bench.repository.path();
    let place = Place::find(&bench.triton(), &repository, bench.scratch.path())?;
    let _server = TritonServer::ready(&place, &[POSE, NOTHING])?;
    let peers = Peers::find(&bench.root, bench.scratch.path())?;
    let remote = format!("server={}", place.url());
    let local = format!("model-repository={}", repository.display());
    let element = |name: &str, at: &str, model: &str, in_flight: usize, format: &str| {
        let case = Case {
            name: name.to_owned(),
            lines: vec![line(at, model, in_flight, format)],
            warm_up: Some(1.0),
            end: End::Seconds(bench.seconds),
            load: 0,
        };
        move || Ok(case.run()?.rate())
    };
    let analyzer = |options: &'static [&str], in_flight: usize| {
        let (peers, address) = (&peers, place.address());
        move || peers.perf_analyzer(&address, options, in_flight, bench.seconds)
    };
    let python = |transport: PythonTransport| {
        let arguments = python_arguments(bench, &place.address(), transport);
        let peers = &peers;
        move || Ok(peers.python("loop.py", &arguments)?.rate)
    };
    let pose = |name, at| element(name, at, POSE, POSE_IN_FLIGHT, "I420");
    let nothing = |name, at| element(name, at, NOTHING, NOTHING_IN_FLIGHT, "RGB");
    let contest = Contest {
        quantity: "inferences a second",
        contenders: vec![
            (POSE_REMOTE, Box::new(pose(POSE_REMOTE, &remote))),
            (
                POSE_ANALYZER,
                Box::new(analyzer(&["-m", POSE, "--shape", "images:1,3,480,640"], POSE_IN_FLIGHT)),
            ),
            (POSE_LOCAL, Box::new(pose(POSE_LOCAL, &local))),
            (REMOTE, Box::new(nothing(REMOTE, &remote))),
            (ANALYZER, Box::new(analyzer(&["-m", NOTHING], NOTHING_IN_FLIGHT))),
            (WIRE, Box::new(python(PythonTransport::Wire))),
            (SHARED, Box::new(python(PythonTransport::SharedMemory))),
            (LOCAL, Box::new(nothing(LOCAL, &local))),
        ],
    };
    let values = contest.run(bench)?;
    Ok(Report {
        name: MEASUREMENT.name,
        title: MEASUREMENT.title,
        method: method(bench),
        table: values.table(),
        gates: gates(&values),
        samples: values.samples(),
        chart: Chart {
            title: "Inferences a second on a model that does nothing".into(),
            bars: values.bars("nothing"),
        },
    })
}

fn line(at: &str, model: &str, in_flight: usize, format: &str) -> String {
    format!(
        "videotestsrc pattern=ball num-buffers=1 ! video/x-raw,format={format},width=640,height=480,framerate=10/1 \
         ! imagefreeze name=in ! tritoninfer name=element {at} model={model} max-in-flight={in_flight} ! fakesink name=out"
    )
}

fn python_arguments(bench: &Bench, address: &str, transport: PythonTransport) -> [String; 5] {
    [
        format!("--server={address}"),
        format!("--model={NOTHING}"),
        format!("--transport={}", transport.name()),
        format!("--in-flight={NOTHING_IN_FLIGHT}"),
        format!("--seconds={}", bench.seconds),
    ]
}

fn gates(values: &Values) -> Vec<Gate> {
    let ratio = |what, limit, ratio| Gate::new(what, Limit::AtLeast(limit), Unit::Ratio, ratio);
    let target = |what, limit, ratio| Gate::target(what, Limit::AtLeast(limit), Unit::Ratio, ratio);
    let of = |name, other| values.median(name) / values.median(other);
    let python = greatest(&[values.median(WIRE), values.median(SHARED)]);
    // Each by its fastest transport; what gRPC alone gives is a row of its own.
    let of_python = greatest(&[values.median(REMOTE), values.median(LOCAL)]) / python;
    vec![
        ratio(
            "pose model by gRPC, of perf_analyzer's",
            0.95,
            of(POSE_REMOTE, POSE_ANALYZER),
        ),
        ratio(
            "pose model in process, of perf_analyzer's",
            0.95,
            of(POSE_LOCAL, POSE_ANALYZER),
        ),
        target(
            "a model that does nothing by gRPC, of perf_analyzer's",
            0.9,
            of(REMOTE, ANALYZER),
        ),
        ratio("a model that does nothing, the faster way, of Python's", 2.0, of_python),
        target("a model that does nothing, the faster way: of Python's", 3.0, of_python),
        target(
            "a model that does nothing by gRPC, of Python's faster way",
            2.0,
            values.median(REMOTE) / python,
        ),
    ]
}

fn method(bench: &Bench) -> String {
    format!(
        "A file of one image, repeated as fast as it goes, so that nothing is decoded: {}. The pose model has {POSE_IN_FLIGHT} \
         requests in flight, the other {NOTHING_IN_FLIGHT}, in every contender. `perf_analyzer` fills its shared memory once and \
         copies nothing afterwards: an upper limit of gRPC. Python is `bench/peers/loop.py`, which copies a frame in the tensor's size \
         into each request. Of the element and of Python the faster transport counts; what the element does by gRPC alone is a target of \
         its own, with what the server allows there in `perf_analyzer`'s row. {:.0} s each, {} rounds in turn.",
        readable(&line("", "MODEL", POSE_IN_FLIGHT, "I420")),
        bench.seconds,
        bench.rounds
    )
}
