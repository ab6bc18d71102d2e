//! `shopfloor bench`: starts the program that measures, which has the elements linked in and is installed beside this one's
//! other private files.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The program's name.
const PROGRAM: &str = "shopfloor-bench";

/// Measure one to four applications on this machine in every mode, or how many cameras it carries
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// Options; `shopfloor bench --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Becomes the program.
///
/// # Errors
/// If it is not there or cannot be started.
pub fn bench(options: &Options) -> Result<()> {
    let program = find()?;
    let error = Command::new(&program).arg("experiment").args(&options.arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

/// Beside this command, as in a build; or in `lib/shopfloor` of its installation.
fn find() -> Result<PathBuf> {
    let command = std::env::current_exe().context("cannot find the path of this command")?;
    let folders = command.ancestors().skip(1);
    let candidates = folders.take(2).zip(["", "lib/shopfloor"]);
    let tried: Vec<_> = candidates
        .map(|(folder, below)| folder.join(below).join(PROGRAM))
        .collect();
    match tried.iter().find(|program| program.is_file()) {
        Some(program) => Ok(program.clone()),
        None => bail!(
            "there is no {PROGRAM}, tried {}; build it (cargo build --release -p {PROGRAM}) or install the package again",
            tried
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
                .join(" and ")
        ),
    }
}
