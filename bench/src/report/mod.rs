//! The result of a measurement, and its files: Markdown to read, CSV to compute with, SVG to look at.

mod chart;
mod csv;
mod drawing;
mod gate;
pub mod grouped;
pub mod markdown;
mod place;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

pub use chart::Chart;
pub use gate::{Gate, Limit, Unit};
pub use place::Folders;

use crate::machine::Machine;

/// Three significant digits, which are enough to read; a dash for what has no value.
pub fn number(value: f64) -> String {
    match value.abs() {
        nothing if nothing.is_nan() => "–".into(),
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// One measured value.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The case that it belongs to.
    pub case: String,
    /// The round, counted from 1.
    pub round: usize,
    /// What was measured, with its unit.
    pub quantity: &'static str,
    /// The value.
    pub value: f64,
}

/// A table of the result; the first column is left-aligned.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The titles of the columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// A measurement's result.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of its files.
    pub name: &'static str,
    /// The title.
    pub title: &'static str,
    /// What was run and how, a paragraph.
    pub method: String,
    /// The table of medians.
    pub table: Table,
    /// What was to be met.
    pub gates: Vec<Gate>,
    /// Every value of every round.
    pub samples: Vec<Sample>,
    /// The plot.
    pub chart: Chart,
}

impl Report {
    /// Writes `NAME.md`, `NAME.csv` and `NAME.svg` into the folder.
    ///
    /// The table of gates has the values of an earlier run beside these if `before` has a `NAME.csv`.
    pub fn write(&self, folder: &Path, machine: &Machine, command: &str, before: Option<&Path>) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let before = before.map(|folder| folder.join(self.name).with_extension("csv"));
        let before = before.and_then(|file| fs::read_to_string(file).ok());
        let before: BTreeMap<_, _> = before.as_deref().map(csv::gates).unwrap_or_default();
        let file = |extension| folder.join(self.name).with_extension(extension);
        let write = |extension, text: String| {
            let file = file(extension);
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
        };
        write("md", markdown::page(self, machine, command, &before))?;
        write("csv", csv::table(self))?;
        write("svg", self.chart.svg()?)
    }

    /// Whether every gate was met; targets may be missed.
    pub fn is_met(&self) -> bool {
        self.gates.iter().all(|gate| gate.target || gate.is_met())
    }
}
