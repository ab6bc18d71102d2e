//! `soak`: a server that is killed, hung and restarted many times under a file and a camera.

mod growth;
mod ledger;
mod outage;
pub mod tenants;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use self::ledger::Ledger;
use self::outage::{Floor, Kind, Outage};
use crate::line;
use crate::load::Load;
use crate::machine::Machine;
use crate::report::{Chart, Folders, Gate, Limit, Report, Sample, Table, Unit};
use crate::repository::{NOTHING, Repository};
use crate::server::Place;
use crate::statistics::{greatest, median, percentile};

/// Growth of memory that is not a leak, in MB: pools fill in the first outages. Over 150 outages, 80 kB each are more.
const MEMORY: f64 = 8.0;
/// The gates of growth.
const GROWTH: growth::Names = [
    "memory, growth from the first third to the last",
    "threads, of the first third's",
    "descriptors, of the first third's",
];

/// What to do, how often.
#[derive(clap::Args)]
pub struct Options {
    /// Kills (SIGKILL), the server restarted on the same port
    #[arg(long, default_value_t = 50)]
    kills: usize,
    /// Hangs (SIGSTOP)
    #[arg(long, default_value_t = 50)]
    hangs: usize,
    /// Restarts with the model loaded later than the server is ready
    #[arg(long, default_value_t = 50)]
    restarts: usize,
    /// Length of a hang in seconds: longer than a request is waited for
    #[arg(long, default_value_t = 8.0)]
    hang_seconds: f64,
    /// Greatest time from the server's readiness until inference is back, in seconds
    #[arg(long, default_value_t = 2.0)]
    within: f64,
    /// Busy threads beside the lines
    #[arg(long, default_value_t = 2)]
    load: usize,
    /// The model: `nothing`, which does nothing, or one of model_repository
    #[arg(long, default_value = NOTHING)]
    model: String,
    #[command(flatten)]
    folders: Folders,
}

/// Runs the outages, and writes and prints the result.
pub fn run(options: &Options, root: &Path) -> Result<ExitCode> {
    line::init()?;
    let machine = Machine::read(root)?;
    let soak = Soak::play(options, root)?;
    let report = soak.report(options);
    options.folders.publish(&report, root, &machine, &options.command())?;
    println!("== result: {}", options.folders.output(root).join("soak.md").display());
    Ok(if report.is_met() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Options {
    fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Kill => self.kills,
            Kind::Hang => self.hangs,
            Kind::Restart => self.restarts,
        }
    }

    fn outages(&self) -> usize {
        Kind::ALL.iter().map(|kind| self.count(*kind)).sum()
    }

    fn command(&self) -> String {
        format!(
            "scripts/soak --kills {} --hangs {} --restarts {} --model {} --load {}",
            self.kills, self.hangs, self.restarts, self.model, self.load
        )
    }
}

/// What became of the lines.
struct Soak {
    outages: Vec<Outage>,
    /// Of the file and of the camera.
    ledgers: [Ledger; 2],
    /// Why it ended early, if it did.
    failure: Option<String>,
}

impl Soak {
    fn play(options: &Options, root: &Path) -> Result<Self> {
        let repository = Repository::make(&root.join("model_repository"))?;
        let scratch = tempfile::tempdir()?;
        let place = Place::find(&root.join(".triton"), &repository.path(), scratch.path())?;
        let hang = Duration::from_secs_f64(options.hang_seconds);
        let _load = Load::start(options.load);
        let mut floor = Floor::open(&place, &options.model, hang)?;
        let mut outages = Vec::new();
        let suffered = suffer(&mut floor, options, &mut outages);
        let ended = suffered.and_then(|()| floor.close());
        let ledgers = floor.ledgers().map(|ledger| ledger.get());
        Ok(Self {
            outages,
            ledgers,
            failure: ended.err().map(|error| format!("{error:#}")),
        })
    }

    fn report(&self, options: &Options) -> Report {
        let all = options.outages();
        let [file, camera] = &self.ledgers;
        let ended = match &self.failure {
            None => String::new(),
            Some(failure) => format!(
                " **It ended after {} of {all} outages: {failure}.**",
                self.outages.len()
            ),
        };
        Report {
            name: "soak",
            title: "A server that is killed, hung and restarted",
            method: format!(
                "A file (`videotestsrc ! tritoninfer ! fakesink`, as fast as it goes) and a camera (the same, live, 10 fps) of \
                 640×480 on one `tritonserver` with the model `{}`, all defaults, in one process beside {} busy threads. Hangs last \
                 {} s; a restarted server is ready before its model is loaded. After each outage both lines have to be inferred \
                 again before the next. The file has passed {} frames, the camera {}.{ended}",
                options.model, options.load, options.hang_seconds, file.left, camera.left
            ),
            table: self.table(),
            gates: self.gates(options),
            samples: self.samples(),
            chart: Chart {
                title: "Slowest return of inference after readiness, s".into(),
                bars: self.bars(),
            },
        }
    }

    fn gates(&self, options: &Options) -> Vec<Gate> {
        let [file, camera] = &self.ledgers;
        let backs: Vec<_> = self
            .outages
            .iter()
            .flat_map(|outage| [outage.file, outage.camera])
            .collect();
        let count = |what, value: u64| Gate::new(what, Limit::AtMost(0.0), Unit::Count, value as f64);
        let done = (self.outages.len() as f64) / options.outages() as f64;
        let failed = u64::from(self.failure.is_some());
        let mut gates = vec![
            Gate::new(
                "outages that both lines survived",
                Limit::AtLeast(1.0),
                Unit::Share,
                done,
            ),
            count("file: frames lost or reordered", file.wrong()),
            count("file: frames not inferred", file.uninferred),
            count("camera: frames lost or reordered", camera.wrong()),
            Gate::new(
                "slowest return of inference after the server's readiness",
                Limit::AtMost(options.within),
                Unit::Seconds,
                greatest(&backs),
            ),
            count("streams that ended by themselves or did not end", failed),
        ];
        let usage: Vec<_> = self.outages.iter().map(|outage| outage.usage).collect();
        gates.extend(growth::gates(&usage, GROWTH, MEMORY, 1.0));
        gates
    }

    /// The outages of each kind, with the times of one line.
    fn backs(&self, kind: Kind) -> [Vec<f64>; 2] {
        let outages = || self.outages.iter().filter(move |outage| outage.kind == kind);
        [
            outages().map(|outage| outage.file).collect(),
            outages().map(|outage| outage.camera).collect(),
        ]
    }

    fn table(&self) -> Table {
        let header = [
            "the server was",
            "line",
            "outages",
            "inference back after readiness: median",
            "p95",
            "slowest",
        ];
        let row = |kind: Kind, line: &str, backs: &[f64]| {
            let seconds = |value| Unit::Seconds.show(value);
            let p95 = percentile(backs, 0.95).unwrap_or(f64::NAN);
            let times = [median(backs), p95, greatest(backs)].map(seconds);
            let mut row = vec![kind.name().to_owned(), line.to_owned(), backs.len().to_string()];
            row.extend(times);
            row
        };
        let rows = Kind::ALL.iter().flat_map(|kind| {
            let [file, camera] = self.backs(*kind);
            [row(*kind, "file", &file), row(*kind, "camera", &camera)]
        });
        Table {
            header: header.map(str::to_owned).into(),
            rows: rows.collect(),
        }
    }

    fn samples(&self) -> Vec<Sample> {
        let outages = self.outages.iter().enumerate();
        let all = outages.flat_map(|(n, outage)| {
            let values = [
                ("file back s", outage.file),
                ("camera back s", outage.camera),
                ("memory MB", outage.usage.memory as f64 / 1e6),
                ("threads", outage.usage.threads as f64),
                ("descriptors", outage.usage.descriptors as f64),
            ];
            values.map(|(quantity, value)| Sample {
                case: outage.kind.name().to_owned(),
                round: n + 1,
                quantity,
                value,
            })
        });
        all.collect()
    }

    fn bars(&self) -> Vec<(String, f64)> {
        let bars = Kind::ALL.iter().flat_map(|kind| {
            let [file, camera] = self.backs(*kind);
            [("file", file), ("camera", camera)]
                .map(|(line, backs)| (format!("{}: {line}", kind.name()), greatest(&backs)))
        });
        bars.filter(|(_, slowest)| !slowest.is_nan()).collect()
    }
}

/// All outages, one after the other, with progress.
fn suffer(floor: &mut Floor, options: &Options, outages: &mut Vec<Outage>) -> Result<()> {
    let style = ProgressStyle::with_template("{elapsed_precise} {bar:20} {pos}/{len} {wide_msg}")?;
    let progress = ProgressBar::new(options.outages() as u64).with_style(style);
    for kind in Kind::ALL {
        progress.set_message(format!("the server is {}", kind.name()));
        for _ in 0..options.count(kind) {
            outages.push(floor.suffer(kind)?);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(())
}
