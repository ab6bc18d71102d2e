//! `cpu`: CPU time of a frame outside decoder and model, beside a client in Python.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::contest::{Contest, Values};
use super::{Bench, Measurement};
use crate::case::{Case, End};
use crate::peers::PythonTransport::{SharedMemory, Wire};
use crate::peers::{Peers, PythonTransport};
use crate::report::{Chart, Gate, Limit, Report, Unit};
use crate::server::{Place, TritonServer};

pub const MEASUREMENT: Measurement = Measurement {
    name: "cpu",
    title: "CPU time outside decoder and model",
    about: "CPU time a frame outside decoder and model, one camera by gRPC, beside a tuned client in Python",
    peers: true,
    run,
};

/// Frames of the demo video a second, which the shipped models manage about on two processors.
const RATE: f64 = 10.0;
/// Frames of the demo video.
const MOST: u64 = 700;
const IN_FLIGHT: usize = 2;
/// The mode of `client.py` that only decodes.
const DECODE: &str = "decode";

// The contenders; Python's by wire and by shared memory.
const OURS_DECODER: &str = "ours: decoder alone";
const OURS_ENSEMBLE: &str = "ours: ensemble";
const OURS_DECOUPLED: &str = "ours: decoupled";
const PYTHON_DECODER: &str = "Python: decoder alone";
const PYTHON_ENSEMBLE: [&str; 2] = ["Python: ensemble, wire", "Python: ensemble, shared memory"];
const PYTHON_DECOUPLED: [&str; 2] = ["Python: decoupled, wire", "Python: decoupled, shared memory"];

fn run(bench: &Bench) -> Result<Report> {
    let repository = bench.repository.path();
    let place = Place::find(&bench.triton(), &repository, bench.scratch.path())?;
    let _server = TritonServer::ready(&place, &["worker_ensemble", "person_pose", "vest_resnet18"])?;
    let clients = Clients {
        peers: Peers::find(&bench.root, bench.scratch.path())?,
        address: place.address(),
        video: bench.root.join("media/vests.mp4"),
        frames: ((bench.seconds * RATE) as u64).clamp(50, MOST),
    };
    let at = format!("server={}", place.url());
    let ensemble = format!("tritoninfer {at} name=element");
    let decoupled = format!(
        "tritoninfer {at} model=person_pose ! poseparse ! queue \
         ! tritoninfer {at} model=vest_resnet18 inference-region=people name=element"
    );
    let clients = &clients;
    let ours = |name, elements| move || clients.ours(name, elements);
    let python = |mode, transport| move || clients.python(mode, transport);
    let contest = Contest {
        quantity: "CPU-ms of the process a frame",
        contenders: vec![
            (OURS_DECODER, Box::new(ours(OURS_DECODER, "identity name=element"))),
            (OURS_ENSEMBLE, Box::new(ours(OURS_ENSEMBLE, &ensemble))),
            (OURS_DECOUPLED, Box::new(ours(OURS_DECOUPLED, &decoupled))),
            (PYTHON_DECODER, Box::new(python(DECODE, Wire))),
            (PYTHON_ENSEMBLE[0], Box::new(python("ensemble", Wire))),
            (PYTHON_ENSEMBLE[1], Box::new(python("ensemble", SharedMemory))),
            (PYTHON_DECOUPLED[0], Box::new(python("decoupled", Wire))),
            (PYTHON_DECOUPLED[1], Box::new(python("decoupled", SharedMemory))),
        ],
    };
    let values = contest.run(bench)?;
    let outside = Outside::of(&values);
    Ok(Report {
        name: MEASUREMENT.name,
        title: MEASUREMENT.title,
        method: method(bench, clients.frames),
        table: values.table(),
        gates: outside.gates(),
        samples: values.samples(),
        chart: Chart {
            title: "CPU-ms a frame outside decoder and model".into(),
            bars: outside.bars(),
        },
    })
}

/// Clients of one server that play the same frames; each returns the CPU-ms of its process for a frame.
struct Clients {
    peers: Peers,
    address: String,
    video: PathBuf,
    frames: u64,
}

impl Clients {
    /// Our elements.
    fn ours(&self, name: &str, elements: &str) -> Result<f64> {
        let line = format!(
            "filesrc location={} ! decodebin ! identity name=in ! {elements} ! fakesink name=out",
            self.video.display()
        );
        let case = Case {
            name: name.to_owned(),
            lines: vec![line],
            warm_up: Some(0.0),
            end: End::Frames(self.frames),
            load: 0,
        };
        let outcome = case.run()?;
        let (inferred, left) = (outcome.inferred(), outcome.left());
        // A frame that passes without inference would cost less.
        let all = name == OURS_DECODER || inferred > 0.99 * left;
        ensure!(all, "{inferred} of {left} frames were inferred");
        Ok(outcome.cpu * 1e3 / left)
    }

    /// `bench/peers/client.py`.
    fn python(&self, mode: &str, transport: PythonTransport) -> Result<f64> {
        let arguments = [
            format!("--server={}", self.address),
            format!("--video={}", self.video.display()),
            format!("--mode={mode}"),
            format!("--transport={}", transport.name()),
            format!("--in-flight={IN_FLIGHT}"),
            format!("--frames={}", self.frames),
        ];
        let outcome = self.peers.python("client.py", &arguments)?;
        // There is somebody on nearly every frame: a client that finds nobody does not work.
        let works = mode == DECODE || outcome.people > self.frames / 2;
        ensure!(works, "{} people on {} frames", outcome.people, self.frames);
        Ok(outcome.cpu * 1e3)
    }
}

fn method(bench: &Bench, frames: u64) -> String {
    format!(
        "The first {frames} frames of `media/vests.mp4` (768×576) as fast as the server goes, by gRPC to a `tritonserver`, nothing \
         drawn. The CPU time is that of the client's process; that of the same decoder alone is subtracted, the model is in \
         another process. Python is `bench/peers/client.py`: its decoder alone is `grab`, so conversion to BGR counts as outside, \
         as ours does in the letterbox; of wire and shared memory, the cheaper counts. {} rounds in turn.",
        bench.rounds
    )
}

/// CPU-ms a frame outside decoder and model.
struct Outside {
    ensemble: f64,
    decoupled: f64,
    python_ensemble: f64,
    python_decoupled: f64,
}

impl Outside {
    fn of(values: &Values) -> Self {
        let ours = |name| values.median(name) - values.median(OURS_DECODER);
        let python = |names: [&str; 2]| {
            let [wire, shared] = names.map(|name| values.median(name));
            wire.min(shared) - values.median(PYTHON_DECODER)
        };
        Self {
            ensemble: ours(OURS_ENSEMBLE),
            decoupled: ours(OURS_DECOUPLED),
            python_ensemble: python(PYTHON_ENSEMBLE),
            python_decoupled: python(PYTHON_DECOUPLED),
        }
    }

    fn gates(&self) -> Vec<Gate> {
        let gate = |what, ratio| Gate::new(what, Limit::AtMost(0.25), Unit::Ratio, ratio);
        let ensemble = "ensemble: CPU outside decoder and model, of Python's";
        let decoupled = "decoupled: CPU outside decoder and model, of Python's";
        vec![
            gate(ensemble, self.ensemble / self.python_ensemble),
            gate(decoupled, self.decoupled / self.python_decoupled),
        ]
    }

    fn bars(&self) -> Vec<(String, f64)> {
        vec![
            ("ours: ensemble".into(), self.ensemble),
            ("Python: ensemble".into(), self.python_ensemble),
            ("ours: decoupled".into(), self.decoupled),
            ("Python: decoupled".into(), self.python_decoupled),
        ]
    }
}
