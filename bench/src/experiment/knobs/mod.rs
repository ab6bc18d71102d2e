//! What each knob of Triton does to the application: a run with the knob turned beside one without.

mod page;
mod table;

use std::fs;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, anyhow};

use self::table::{KNOBS, Knob, Way};
use super::cell::{Cell, Models, Outcome, Work};
use super::contender::{Contenders, Interrupted};
use super::mode::Mode;
use super::models::{Choice, DEFAULT, Repository, Setting};
use super::places::{Places, Setup};
use super::results::Rounds;
use super::schedule::{Progress, said};
use crate::machine::Machine;
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

/// Runs all knobs in turn, and writes the page.
///
/// # Errors
/// If models cannot be prepared or the page cannot be written. A knob that fails is listed as failed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let setup = Setup::find(None, DEFAULT)?;
    let mut measured = KNOBS
        .iter()
        .map(|knob| Measured::prepare(knob, &setup.places).context(knob.name))
        .collect::<Result<Vec<_>>>()?;
    measure(options, &setup, &mut measured)?;
    let output = setup.places.output(options.output.as_ref());
    fs::create_dir_all(&output)?;
    let machine = Machine::read(&setup.places.home)?;
    let file = output.join("knobs.md");
    fs::write(&file, page::page(options, &measured, &machine)).with_context(|| file.display().to_string())?;
    fs::write(output.join("knobs.csv"), page::csv(&measured))?;
    println!("results: {}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Runs every knob once a round; ends early after Ctrl-C.
fn measure(options: &Options, setup: &Setup, measured: &mut [Measured]) -> Result<()> {
    let seconds = options.seconds / f64::from(options.rounds);
    let mut progress = Progress::new(KNOBS.len() * usize::from(options.rounds));
    for round in 1..=options.rounds {
        for (knob, measured) in KNOBS.iter().zip(measured.iter_mut()) {
            progress.begin(&format!("round {round}: {}", knob.name));
            let cell = Cell {
                priority: knob.priority,
                ..cell(&setup.places, &measured.repository.models, options.tenants, seconds)?
            };
            let outcome = knob.run(&setup.contenders, &cell);
            if matches!(&outcome, Err(error) if error.is::<Interrupted>()) {
                progress.end();
                return Ok(());
            }
            progress.done(&said(&outcome));
            measured.rounds.keep(outcome);
        }
    }
    progress.end();
    Ok(())
}

/// A knob's models and what was measured with them.
struct Measured {
    repository: Repository,
    rounds: Rounds,
}

impl Measured {
    fn prepare(knob: &Knob, places: &Places) -> Result<Self> {
        let settings = knob.settings().map(|text| text.parse());
        let settings = settings.collect::<Result<Vec<Setting>>>()?;
        Ok(Self {
            repository: Choice::named(DEFAULT)?.prepare(&places.repository, &settings)?,
            rounds: Rounds::default(),
        })
    }

    fn median(&self, value: impl Fn(&Outcome) -> f64) -> f64 {
        median(&self.rounds.measured().iter().map(value).collect::<Vec<_>>())
    }
}

fn cell(places: &Places, models: &Models, tenants: usize, seconds: f64) -> Result<Cell> {
    let cell = places.cell(models, None, None)?;
    Ok(Cell {
        work: Work::Application(Mode::DecoupledAsync),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::results::tests::outcome;

    #[test]
    fn every_knob_can_be_turned() {
        let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../model_repository");
        for knob in &KNOBS {
            let settings = knob.settings().map(|text| text.parse().unwrap());
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
