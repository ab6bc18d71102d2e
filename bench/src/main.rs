//! `shopfloor-bench`: measures whole pipelines beside their peers, and kills, hangs and restarts servers under them.
//!
//! `scripts/bench` and `scripts/soak` build and run it; `bench/README.md` says how to read what it writes.
#![deny(unsafe_code)]

mod allocations;
mod case;
mod child;
mod experiment;
mod gpu;
mod line;
mod load;
mod machine;
mod measurement;
mod onnx;
mod peers;
mod process;
mod report;
mod repository;
mod runner;
mod server;
mod soak;
mod statistics;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::machine::Machine;
use crate::measurement::Bench;
use crate::report::Folders;

#[derive(Parser)]
#[command(about, version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run measurements and write their results
    Run(Run),
    /// List the measurements
    List {
        /// Only those that need perf_analyzer and Python
        #[arg(long)]
        peers: bool,
    },
    // Its description is that of its options: users know it as `shopfloor bench`.
    #[command(override_usage = "shopfloor bench [OPTIONS]")]
    Experiment(experiment::Options),
    /// What each knob of Triton does: `scripts/knobs`
    Knobs(experiment::knobs::Options),
    /// Kill, hang and restart a server under a file and a camera
    Soak(soak::Options),
    /// Play cameras that are killed, freeze and send garbage, and many tenants
    SoakTenants(soak::tenants::Options),
    /// Run one case, read from standard input as JSON
    #[command(hide = true)]
    Case,
    /// Run one cell of the experiment, read from standard input as JSON
    #[command(hide = true)]
    Cell,
    /// Serve a model that takes a fixed time
    #[command(hide = true)]
    SlowServer { milliseconds: u64, instances: usize },
}

#[derive(clap::Args)]
struct Run {
    /// Their names; all without
    names: Vec<String>,
    /// Measured time of each case in seconds
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// How often each case is run, in turn with the others
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    folders: Folders,
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    match Options::parse().command {
        Command::Run(run) => measure(&run),
        Command::List { peers } => {
            let listed = measurement::ALL
                .iter()
                .filter(|measurement| measurement.peers || !peers);
            listed.for_each(|measurement| println!("{:<12} {}", measurement.name, measurement.about));
            Ok(ExitCode::SUCCESS)
        }
        Command::Soak(options) => soak::run(&options, &root()?),
        Command::SoakTenants(options) => soak::tenants::run(&options, &root()?),
        Command::Case => {
            let case: case::Case = serde_json::from_reader(std::io::stdin())?;
            println!("{}", serde_json::to_string(&case.play()?)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Experiment(options) => experiment::run(&options),
        Command::Knobs(options) => experiment::knobs::run(&options),
        Command::Cell => {
            let cell: experiment::cell::Cell = serde_json::from_reader(std::io::stdin())?;
            println!("{}", serde_json::to_string(&experiment::play(&cell)?)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::SlowServer {
            milliseconds,
            instances,
        } => {
            server::serve_slowly(Duration::from_millis(milliseconds), instances)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs measurements one after the other; a failure of one does not stop the others.
fn measure(options: &Run) -> Result<ExitCode> {
    gst::init()?;
    let root = root()?;
    let measurements = measurement::named(&options.names)?;
    let bench = Bench::prepare(&root, options.seconds, options.rounds)?;
    let mut met = true;
    for measurement in measurements {
        let machine = Machine::read(&root)?;
        println!("== {}: {}", measurement.name, measurement.about);
        let command = format!(
            "scripts/bench {} --seconds {} --rounds {}",
            measurement.name, options.seconds, options.rounds
        );
        match bench.run(measurement) {
            Ok(report) => {
                options.folders.publish(&report, &root, &machine, &command)?;
                met &= report.is_met();
            }
            Err(error) => {
                eprintln!("   failed: {error:#}");
                met = false;
            }
        }
    }
    println!("== results: {}", options.folders.output(&root).display());
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The checkout that this program was built in.
fn root() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let mut folders = program.ancestors();
    let root = folders.find(|folder| folder.join("model_repository").is_dir());
    let root = root.context("this program is not below a checkout's folder; run scripts/bench there")?;
    Ok(root.to_owned())
}
