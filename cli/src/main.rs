//! The `shopfloor` command: plays tenants, each a pipeline in a launch file, and reports who worked where; runs a
//! Triton server for them; draws what they logged.
//!
//! An ordinary GStreamer application: it knows the elements by their bus messages and properties alone.
//! It ends with 0 when every tenant played to its end, 1 when something failed, 2 when it was called wrongly,
//! and 130 when it was interrupted (files are finished all the same).

mod facts;
mod floor;
mod picture;
mod play;
mod plugin;
mod progress;
mod server;
mod tenant;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shopfloor::{launch, report};

use crate::floor::Outcome;

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
    Server(server::Options),
    Report(report::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Play(options) => play::play(&options),
        Command::Server(options) => server::serve(&options).map(|()| Outcome::Played),
        Command::Report(options) => report::report(&options).map(|()| Outcome::Played),
    };
    match outcome {
        Ok(Outcome::Played) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
