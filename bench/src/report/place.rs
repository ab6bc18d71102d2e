//! Where results go, and where earlier ones are.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Report;
use crate::machine::Machine;

/// The options of the folders.
#[derive(clap::Args)]
pub struct Folders {
    /// Folder for the results [default: bench/results]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Folder with the results of an earlier run, for a column in the table of gates [default: bench/results/before]
    #[arg(long)]
    before: Option<PathBuf>,
}

impl Folders {
    /// The folder for the results, in the checkout `root`.
    pub fn output(&self, root: &Path) -> PathBuf {
        self.output.clone().unwrap_or_else(|| root.join("bench/results"))
    }

    /// Writes a report and prints its gates.
    pub fn publish(&self, report: &Report, root: &Path, machine: &Machine, command: &str) -> Result<()> {
        let output = self.output(root);
        let before = self.before.clone().unwrap_or_else(|| root.join("bench/results/before"));
        let before = (before != output).then_some(before);
        report.write(&output, machine, command, before.as_deref())?;
        report.gates.iter().for_each(|gate| println!("   {gate}"));
        Ok(())
    }
}
