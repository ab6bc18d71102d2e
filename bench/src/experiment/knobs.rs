//! What each knob of Triton does to the application: a run with the knob turned beside one without.

use std::fmt::Write;
use std::fs;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, anyhow};

use super::cell::{Cell, Models, Outcome};
use super::contender::{Contenders, Interrupted};
use super::mode::Mode;
use super::models::{Choice, DEFAULT, Repository, Setting};
use super::page::shown;
use super::schedule::Progress;
use super::{Places, Setup, command};
use crate::machine::Machine;
use crate::report::{Table, markdown};
use crate::server::{Place, TritonServer};
use crate::statistics::median;

/// Options of `scripts/knobs`.
#[derive(clap::Args)]
pub struct Options {
    /// Measured time of a knob, all rounds together
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    seconds: f64,
    /// How often each is run, in turn with the others
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Applications at once
    #[arg(long, default_value_t = 4, value_name = "N")]
    tenants: usize,
    /// Folder for the results
    #[arg(long, value_name = "FOLDER")]
    output: Option<std::path::PathBuf>,
}

/// Where the models run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// All applications and Triton in one process.
    OneProcess,
    /// All applications in one process, Triton in another with further options.
    Server(&'static [&'static str]),
    /// Each application in a process with a Triton of its own.
    Isolated,
    /// Each application in a process, one Triton in another.
    SharedServer,
}

/// A knob.
struct Knob {
    name: &'static str,
    settings: &'static [&'static str],
    way: Way,
    /// Triton's priority of the first application's requests.
    priority: u32,
}

const DETECTOR: &str = "person_detector:count: 2=>count: 1";
const POSE: &str = "movenet_lightning:count: 2=>count: 1";
/// The detector does not batch, so its queue has to be asked for.
const PRIORITIES: &str = "person_detector:+dynamic_batching { priority_levels: 2 default_priority_level: 2 }";
const LIMITER: &str =
    "instance_group [ { count: 2 kind: KIND_CPU rate_limiter { resources [ { name: \"cpu\" count: 1 } ] } } ]";

/// The first one is what the others are compared with; so is the first with a server for those.
fn knobs() -> Vec<Knob> {
    let knob = |name, settings| Knob {
        name,
        settings,
        way: Way::OneProcess,
        priority: 0,
    };
    let of = |name, settings, way| Knob {
        way,
        ..knob(name, settings)
    };
    vec![
        knob(BASELINE, &[]),
        knob(
            "instance groups: 1 instance of detector and pose instead of 2",
            &[DETECTOR, POSE],
        ),
        knob(
            "instance groups: 4 instances of detector and pose",
            &[
                "person_detector:count: 2=>count: 4",
                "movenet_lightning:count: 2=>count: 4",
            ],
        ),
        knob(
            "threads: 1 instance of 2 threads of detector and pose",
            &[
                DETECTOR,
                POSE,
                "person_detector:\"intra_op_thread_count\" value { string_value: \"1\"=>\"intra_op_thread_count\" value { string_value: \"2\"",
                "movenet_lightning:\"intra_op_thread_count\" value { string_value: \"1\"=>\"intra_op_thread_count\" value { string_value: \"2\"",
            ],
        ),
        knob(
            "dynamic batching: off",
            &[
                "movenet_lightning:dynamic_batching { }=>",
                "vest_resnet18:dynamic_batching { }=>",
            ],
        ),
        knob(
            "dynamic batching: waits 5 ms for a batch",
            &[
                "movenet_lightning:dynamic_batching { }=>dynamic_batching { max_queue_delay_microseconds: 5000 }",
                "vest_resnet18:dynamic_batching { }=>dynamic_batching { max_queue_delay_microseconds: 5000 }",
            ],
        ),
        Knob {
            priority: 1,
            ..knob("priority levels: the first application's requests first", &[PRIORITIES])
        },
        knob(
            "model warm-up",
            &[
                "person_detector:+model_warmup [ { name: \"zeros\" batch_size: 1 inputs { key: \"images\" \
               value { data_type: TYPE_FP32 dims: [ 1, 3, 480, 640 ] zero_data: true } } } ]",
            ],
        ),
        of(
            "isolation: a process and a Triton for each application",
            &[],
            Way::Isolated,
        ),
        of(SERVER, &[], Way::Server(&[])),
        of(
            "rate limiter: one execution of detector or pose at a time",
            &[
                "person_detector:instance_group [ { count: 2 kind: KIND_CPU } ]=>LIMITER",
                "movenet_lightning:instance_group [ { count: 2 kind: KIND_CPU } ]=>LIMITER",
            ],
            Way::Server(&["--rate-limit=execution_count", "--rate-limit-resource=cpu:1"]),
        ),
        of(
            "pinned memory pool: 0 bytes instead of 256 MiB",
            &[],
            Way::Server(&["--pinned-memory-pool-byte-size=0"]),
        ),
        of(
            "isolation: a process for each application, one Triton",
            &[],
            Way::SharedServer,
        ),
    ]
}

const BASELINE: &str = "shipped configuration, one process";
const SERVER: &str = "shipped configuration, Triton in a process of its own";

/// What was not run, and why.
const NOT_RUN: [(&str, &str); 5] = [
    ("CUDA memory pool size", "needs a GPU"),
    ("MPS", "needs a GPU"),
    ("MIG", "needs a GPU that can be divided"),
    (
        "response cache on",
        "frames of a camera are never the same; the applications of this measurement play the same video, so that a cache would \
         only seem to help. It is off, which is Triton's default",
    ),
    (
        "priority levels of an ensemble's other steps",
        "the detector takes most of the time, so its queue is the one that grows",
    ),
];

/// Runs all knobs in turn, and writes the page.
///
/// # Errors
/// If models cannot be prepared or the page cannot be written. A knob that fails is listed as failed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let setup = Setup::find(None, DEFAULT)?;
    let (contenders, places) = (&setup.contenders, &setup.places);
    let choice = Choice::named(DEFAULT)?;
    let knobs = knobs();
    let mut measured: Vec<Measured> = Vec::new();
    for knob in &knobs {
        let settings = knob
            .settings
            .iter()
            .map(|text| text.replace("LIMITER", LIMITER).parse());
        let settings = settings.collect::<Result<Vec<Setting>>>()?;
        let repository = choice.prepare(&places.repository, &settings).context(knob.name)?;
        measured.push(Measured {
            repository,
            outcomes: Vec::new(),
            failure: None,
        });
    }
    let seconds = options.seconds / f64::from(options.rounds);
    let mut progress = Progress::new(knobs.len() * usize::from(options.rounds));
    'rounds: for round in 1..=options.rounds {
        for (knob, measured) in knobs.iter().zip(&mut measured) {
            progress.begin(&format!("round {round}: {}", knob.name));
            let cell = cell(places, &measured.repository.models, options.tenants, seconds)?;
            match knob.run(
                contenders,
                &Cell {
                    priority: knob.priority,
                    ..cell
                },
            ) {
                Ok(outcome) => {
                    progress.done(&format!("{:.1} frames a second", outcome.fps()));
                    measured.outcomes.push(outcome);
                }
                Err(error) if error.is::<Interrupted>() => break 'rounds,
                Err(error) => {
                    progress.done(&format!("failed: {error:#}"));
                    measured.failure = Some(format!("{error:#}"));
                }
            }
        }
    }
    progress.end();
    let output = places.output(options.output.as_ref());
    fs::create_dir_all(&output)?;
    let machine = Machine::read(&places.home)?;
    let file = output.join("knobs.md");
    fs::write(&file, page(options, &knobs, &measured, &machine)).with_context(|| file.display().to_string())?;
    fs::write(output.join("knobs.csv"), csv(&knobs, &measured))?;
    println!("results: {}", file.display());
    Ok(ExitCode::SUCCESS)
}

struct Measured {
    repository: Repository,
    outcomes: Vec<Outcome>,
    failure: Option<String>,
}

impl Measured {
    fn median(&self, value: impl Fn(&Outcome) -> f64) -> f64 {
        match self.failure {
            None => median(&self.outcomes.iter().map(value).collect::<Vec<_>>()),
            Some(_) => f64::NAN,
        }
    }
}

fn cell(places: &Places, models: &Models, tenants: usize, seconds: f64) -> Result<Cell> {
    let cell = places.cell(models, None, None)?;
    Ok(Cell {
        work: super::cell::Work::Application(Mode::DecoupledAsync),
        tenants,
        seconds,
        warm_up: seconds.min(super::WARM_UP),
        ..cell
    })
}

impl Knob {
    fn run(&self, contenders: &Contenders, cell: &Cell) -> Result<Outcome> {
        let server = |options: &[&str]| {
            let place = Place::find(&contenders.triton, &cell.models.repository, &contenders.scratch)?;
            let server = TritonServer::ready_with(&place, &[&cell.models.pose, &cell.models.vest], options)?;
            anyhow::Ok((place.url(), server))
        };
        match self.way {
            Way::OneProcess => contenders.ours_beside(cell, None),
            Way::Server(options) => {
                let (url, server) = server(options)?;
                let remote = Cell {
                    server: Some(url),
                    ..cell.clone()
                };
                contenders.ours_beside(&remote, Some(server.id()))
            }
            Way::Isolated => apart(contenders, cell, None),
            Way::SharedServer => {
                let (url, server) = server(&[])?;
                let remote = Cell {
                    server: Some(url),
                    ..cell.clone()
                };
                apart(contenders, &remote, Some(server.id()))
            }
        }
    }
}

/// Runs each application of the cell in a process of its own, at the same time.
fn apart(contenders: &Contenders, cell: &Cell, server: Option<u32>) -> Result<Outcome> {
    let one = Cell {
        tenants: 1,
        ..cell.clone()
    };
    let outcomes = thread::scope(|scope| {
        let runs: Vec<_> = (0..cell.tenants)
            .map(|_| scope.spawn(|| contenders.ours_beside(&one, server)))
            .collect();
        let ended = runs
            .into_iter()
            .map(|run| run.join().map_err(|_| anyhow!("a thread has panicked"))?);
        ended.collect::<Result<Vec<_>>>()
    })?;
    Ok(together(outcomes))
}

/// The outcome of applications in several processes; they have one server.
fn together(outcomes: Vec<Outcome>) -> Outcome {
    let mut all = Outcome::default();
    for outcome in outcomes {
        all.tenants.extend(outcome.tenants);
        all.cpu_seconds += outcome.cpu_seconds;
        if let Some(model) = outcome.cpu_model_seconds {
            *all.cpu_model_seconds.get_or_insert(0.0) += model;
        }
        all.cpu_server_seconds = greater(all.cpu_server_seconds, outcome.cpu_server_seconds);
        all.seconds = all.seconds.max(outcome.seconds);
        all.start = greater(all.start, outcome.start);
        all.memory += outcome.memory;
    }
    all
}

fn greater(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

fn page(options: &Options, knobs: &[Knob], measured: &[Measured], machine: &Machine) -> String {
    let mut page = format!(
        "# What each knob of Triton does\n\n{} applications at once ({}, the shipped models), one knob turned at a time, {:.0} s each \
         in {} rounds in turn with the others; medians. The first column of figures is relative to the shipped configuration with \
         Triton in the same place. \"Start\" is the time from the process's start until every application has drawn a frame.\n\n{}",
        options.tenants,
        Mode::DecoupledAsync.name(),
        options.seconds,
        options.rounds,
        markdown::table(&table(knobs, measured))
    );
    let failed = knobs
        .iter()
        .zip(measured)
        .filter_map(|(knob, measured)| Some((knob.name, measured.failure.as_ref()?)));
    let failed: Vec<_> = failed.collect();
    if !failed.is_empty() {
        page.push_str("\n## Failed\n\n");
        for (name, why) in failed {
            let _ = writeln!(page, "- {name}: {}", why.replace('\n', " "));
        }
    }
    page.push_str("\n## Not run\n\n");
    for (name, why) in NOT_RUN {
        let _ = writeln!(page, "- {name}: {why}.");
    }
    let _ = write!(
        page,
        "\n## Machine\n\n{}",
        markdown::table(&markdown::facts(machine, &command()))
    );
    page
}

fn table(knobs: &[Knob], measured: &[Measured]) -> Table {
    let header = [
        "knob",
        "frames a second, relative",
        "frames a second",
        "the first application's",
        "p95 ms",
        "CPU-ms a frame",
        "memory MB",
        "start s",
    ];
    let base = |knob: &Knob| {
        let name = match knob.way {
            Way::OneProcess | Way::Isolated => BASELINE,
            Way::Server(_) | Way::SharedServer => SERVER,
        };
        let found = knobs
            .iter()
            .position(|knob| knob.name == name)
            .and_then(|index| measured.get(index));
        found.map_or(f64::NAN, |measured| measured.median(Outcome::fps))
    };
    let row = |(knob, measured): (&Knob, &Measured)| {
        let fps = measured.median(Outcome::fps);
        let first = |outcome: &Outcome| outcome.tenants.first().map_or(f64::NAN, |tenant| tenant.fps);
        let values = [
            fps / base(knob),
            fps,
            measured.median(first),
            measured.median(|outcome| outcome.latency(|times| times.p95)),
            measured.median(Outcome::cpu),
            measured.median(|outcome| outcome.memory as f64 / 1e6),
            measured.median(|outcome| outcome.start.unwrap_or(f64::NAN)),
        ];
        std::iter::once(knob.name.to_owned()).chain(values.map(shown)).collect()
    };
    Table {
        header: header.map(str::to_owned).into(),
        rows: knobs.iter().zip(measured).map(row).collect(),
    }
}

fn csv(knobs: &[Knob], measured: &[Measured]) -> String {
    let mut text = String::from("knob,round,frames a second,p95 ms,CPU-ms a frame\n");
    for (knob, measured) in knobs.iter().zip(measured) {
        for (round, outcome) in measured.outcomes.iter().enumerate() {
            let p95 = outcome.latency(|times| times.p95);
            let _ = writeln!(
                text,
                "\"{}\",{},{},{p95},{}",
                knob.name,
                round + 1,
                outcome.fps(),
                outcome.cpu()
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::results::tests::outcome;

    #[test]
    fn every_knob_can_be_turned() {
        let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../model_repository");
        for knob in knobs() {
            let settings = knob
                .settings
                .iter()
                .map(|text| text.replace("LIMITER", LIMITER).parse().unwrap());
            let settings: Vec<Setting> = settings.collect();
            let prepared = Choice::named(DEFAULT).unwrap().prepare(&shipped, &settings);
            assert!(prepared.is_ok(), "{}: {:?}", knob.name, prepared.err());
        }
    }

    #[test]
    fn processes_are_one_outcome() {
        let one = Outcome {
            cpu_server_seconds: Some(7.0),
            memory: 100,
            ..outcome(1, 5.0, 2.0, 8.0)
        };
        let all = together(vec![one.clone(), one]);
        assert_eq!((all.fps(), all.memory, all.cpu_server_seconds), (10.0, 200, Some(7.0)));
        assert_eq!(all.cpu_seconds, 1.0);
    }
}
