//! The `shopfloor` command: `play` plays tenants, each a pipeline in a launch file, and reports the work at stations;
//! `check` looks beforehand whether that can work; `server` runs a Triton server for them; `report` makes pages of logs;
//! `bench` measures.
//!
//! An ordinary GStreamer application: it uses the elements by their bus messages and properties alone.
//! Its exit status is 0 when every tenant played to its end, 1 after a failure, 2 for wrong usage, and 130 after an
//! interrupt (files are finished all the same).

mod backoff;
mod bench;
mod check;
mod metrics;
mod paths;
mod picture;
mod play;
mod plugin;
mod sampler;
mod server;
mod shutdown;
mod signals;
mod state;
mod status;
mod summary;
mod supervisor;
mod tenant;
mod view;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shopfloor::report;

use crate::supervisor::Outcome;

/// Who is on the shop floor, and who is working where.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Play(play::Options),
    Check(check::Options),
    Server(server::Options),
    Report(report::Options),
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Play(options) => play::play(&options),
        Command::Check(options) => check::check(&options),
        Command::Server(options) => server::serve(&options).map(|()| Outcome::Played),
        Command::Report(options) => report::report(&options).map(|()| Outcome::Played),
        Command::Bench(options) => bench::bench(&options).map(|()| Outcome::Played),
    };
    match outcome {
        Ok(Outcome::Played) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Err(error) => {
            view::to_stderr(&format!("error: {error:#}"));
            let is_usage = error.is::<report::WrongUsage>();
            if is_usage { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
