//! `shopfloor bench`: the article's experiment, one to four applications on one machine in every mode, and the capacity of the
//! machine.
//!
//! The command `shopfloor` starts this program, since the base case needs elements that are linked in: a pool of servers cannot
//! be given to a plugin of another library.

mod capacity;
pub mod cell;
mod contender;
mod gates;
pub mod knobs;
mod launch;
mod mode;
mod models;
mod page;
mod places;
mod play;
mod plots;
mod results;
mod schedule;
mod tenant;
mod threads;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};

use self::capacity::Capacity;
use self::cell::{Cell, Models};
use self::mode::Mode;
use self::models::{Choice, Setting};
use self::page::About;
use self::places::{Places, Setup};
use self::results::Results;
use crate::machine::Machine;
use crate::report::Gate;

pub use play::play;

/// Longest warm-up, in seconds.
const WARM_UP: f64 = 3.0;

/// Measure one to four applications on this machine in every mode, as the article does, or how many cameras it carries
///
/// The modes are: the models without Triton (the base case), and with Triton one by one or as an ensemble, with one request at a
/// time (threads) or several (async). Each cell of the table is run in processes of its own, in turn with the others. Writes a page,
/// a table of all values and plots. Ends with status 1 if a cell failed or a gate is missed. Ctrl-C writes what there is.
#[derive(clap::Args)]
pub struct Options {
    /// Numbers of applications, such as 1-4 or 1,4
    #[arg(long, default_value = "1-4", value_name = "N-N", value_parser = parse_range)]
    tenants: Range,
    /// Measured time of a cell, all rounds together
    #[arg(long, default_value_t = 100.0, value_name = "SECONDS", value_parser = positive)]
    seconds: f64,
    /// Rounds that a cell is measured in, in turn with the others
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Modes, separated by commas; all without, for --capacity ensemble-async
    #[arg(long, value_delimiter = ',', value_name = "MODE,…")]
    modes: Vec<Mode>,
    /// Models: person_pose (the shipped ones), movenet_multipose, small, light
    #[arg(long, default_value = models::DEFAULT, value_name = "NAME")]
    model: String,
    /// Change a model's configuration in a copy: MODEL:OLD=>NEW, or MODEL:+NEW to add; may be given several times
    #[arg(long, value_name = "CHANGE")]
    set: Vec<Setting>,
    /// Show each application in a window
    #[arg(long)]
    window: bool,
    /// Measure the same application in Python, too; scripts/experiment installs what it needs
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "INTERPRETER")]
    python: Option<PathBuf>,
    /// Address of a Triton that has the models, such as grpc://HOST:8001 [default: in the process]
    #[arg(long, value_name = "ADDRESS")]
    server: Option<String>,
    /// Video or address of a stream [default: the demo video of a checkout]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Stations [default: those of the demo video]
    #[arg(long, value_name = "FILE")]
    stations: Option<PathBuf>,
    /// Folder for the results [default: bench/results of a checkout, otherwise shopfloor-bench]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Name of the results' files [default: article, with the models' name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Find how many cameras this machine carries instead
    #[arg(long)]
    capacity: bool,
    /// Frames a second of a camera, for --capacity
    #[arg(long, default_value_t = 10.0, value_name = "N", value_parser = positive)]
    fps: f64,
}

/// Numbers of applications.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range(Vec<usize>);

fn parse_range(text: &str) -> Result<Range> {
    let number = |text: &str| {
        text.trim()
            .parse::<usize>()
            .context("expected numbers such as 1-4 or 1,4")
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) => all.extend(number(first)?..=number(last)?),
            None => all.push(number(part)?),
        }
    }
    all.sort_unstable();
    all.dedup();
    ensure!(!all.is_empty(), "expected the smaller number first");
    ensure!(
        all.iter().all(|number| (1..=64).contains(number)),
        "expected numbers from 1 to 64"
    );
    Ok(Range(all))
}

fn positive(text: &str) -> Result<f64> {
    let number: f64 = text.parse()?;
    ensure!(number > 0.0 && number.is_finite(), "expected a number above 0");
    Ok(number)
}

/// Runs the experiment or finds the capacity.
///
/// # Errors
/// If the options are wrong, or results cannot be written.
pub fn run(options: &Options) -> Result<ExitCode> {
    let choice = Choice::named(&options.model)?;
    let setup = Setup::find(options.python.as_deref(), choice.name)?;
    let (places, contenders) = (&setup.places, &setup.contenders);
    let repository = choice.prepare(&places.repository, &options.set)?;
    let like = options.cell(places, &repository.models)?;
    let machine = Machine::read(&places.home)?;
    let output = places.output(options.output.as_ref());
    fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    if options.capacity {
        let mode = options.modes.first().copied().unwrap_or(Mode::EnsembleAsync);
        let capacity = Capacity::new(contenders, &like, options.fps, mode);
        let about = capacity::About {
            models: choice.about,
            command: &command("shopfloor bench"),
        };
        return capacity.run(&about, &machine, &output);
    }
    let mut results = options.results();
    schedule::run(&mut results, contenders, &like);
    let gates = gates::gates(&results, choice.name);
    options.publish(&results, &gates, choice, &machine, &output)?;
    Ok(match contenders.interrupted.load(Ordering::Relaxed) {
        true => ExitCode::from(130),
        false if is_good(&results, &gates) => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn is_good(results: &Results, gates: &[Gate]) -> bool {
    results.missing().is_empty()
        && gates
            .iter()
            .all(|gate| gate.target || gate.measured.is_nan() || gate.is_met())
}

impl Options {
    /// A cell of one round.
    fn cell(&self, places: &Places, models: &Models) -> Result<Cell> {
        let seconds = self.seconds / f64::from(self.rounds);
        Ok(Cell {
            seconds,
            warm_up: seconds.min(WARM_UP),
            server: self.server.clone(),
            window: self.window,
            ..places.cell(models, self.input.as_ref(), self.stations.as_ref())?
        })
    }

    fn results(&self) -> Results {
        let modes = if self.modes.is_empty() {
            &Mode::ALL[..]
        } else {
            &self.modes
        };
        Results {
            rows: page::rows(modes, self.python.is_some()),
            tenants: self.tenants.0.clone(),
            rounds: self.rounds.into(),
            ..Results::default()
        }
    }

    fn publish(
        &self,
        results: &Results,
        gates: &[Gate],
        choice: &Choice,
        machine: &Machine,
        output: &Path,
    ) -> Result<()> {
        let rounds = usize::from(self.rounds);
        let has_python = self.python.is_some();
        let name = self.name.clone().unwrap_or_else(|| match choice.name {
            models::DEFAULT => "article".to_owned(),
            other => format!("article-{other}"),
        });
        let about = About {
            name: &name,
            models: choice.about,
            method: &page::method(self.seconds, rounds, has_python, self.server.as_deref(), self.window),
            command: &command("shopfloor bench"),
        };
        let write = |end: &str, text: &str| {
            let file = output.join(format!("{name}{end}"));
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
        };
        write(".md", &page::page(results, gates, &about, machine))?;
        write(".csv", &page::csv(results))?;
        for (end, chart) in plots::charts(results) {
            write(&format!("-{end}.svg"), &chart.svg()?)?;
        }
        print!("{}", page::frames_text(results));
        gates.iter().for_each(|gate| println!("{gate}"));
        results
            .missing()
            .iter()
            .for_each(|line| println!("without a value: {line}"));
        println!("results: {}", output.join(format!("{name}.md")).display());
        Ok(())
    }
}

/// The command line as a user would write it, without paths of this machine.
fn command(program: &str) -> String {
    let arguments = std::env::args().skip(2);
    let shown = arguments.map(|argument| match Path::new(&argument).is_absolute() {
        true => "…".to_owned(),
        false => argument,
    });
    std::iter::once(program.to_owned())
        .chain(shown)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_applications() {
        let check = |text: &str, expected: &[usize]| assert_eq!(parse_range(text).unwrap().0, expected, "{text}");
        check("1-4", &[1, 2, 3, 4]);
        check("4,1", &[1, 4]);
        check("1-2,8", &[1, 2, 8]);
        for wrong in ["", "4-1", "0", "1-65", "one", "1-"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
        assert!(positive("0").is_err() && positive("inf").is_err());
    }
}
