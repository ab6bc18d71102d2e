//! The rows of the experiment: the article's configurations, ours and Python's.

use serde::{Deserialize, Serialize};

/// How the models are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Without Triton: ONNX Runtime in the process, a thread for each instance of a model and queues between.
    Runner,
    /// Triton, the models one by one, one request at a time for each.
    DecoupledThreads,
    /// Triton, the models one by one, several requests in flight.
    DecoupledAsync,
    /// Triton, one ensemble, one request at a time.
    EnsembleThreads,
    /// Triton, one ensemble, several requests in flight.
    EnsembleAsync,
}

/// Whose application it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// Our elements.
    Ours,
    /// `bench/article_app`.
    Python,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    /// Whose application it is.
    pub side: Side,
    /// How the models are run.
    pub mode: Mode,
}

impl Mode {
    /// All, in the order of the article's table.
    pub const ALL: [Self; 5] = [
        Self::Runner,
        Self::DecoupledThreads,
        Self::DecoupledAsync,
        Self::EnsembleThreads,
        Self::EnsembleAsync,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runner => "base case: no Triton",
            Self::DecoupledThreads => "decoupled, threads",
            Self::DecoupledAsync => "decoupled, async",
            Self::EnsembleThreads => "ensemble, threads",
            Self::EnsembleAsync => "ensemble, async",
        }
    }

    /// Whether one request does the whole frame.
    pub fn is_ensemble(self) -> bool {
        matches!(self, Self::EnsembleThreads | Self::EnsembleAsync)
    }

    /// Whether each stage has one request at a time.
    pub fn is_synchronous(self) -> bool {
        matches!(self, Self::DecoupledThreads | Self::EnsembleThreads)
    }

    /// Python's arguments.
    pub fn arguments(self) -> [String; 2] {
        let mode = match self {
            Self::Runner => "runner",
            mode if mode.is_ensemble() => "ensemble",
            _ => "decoupled",
        };
        let requests = match self {
            Self::DecoupledAsync | Self::EnsembleAsync => "async",
            _ => "threads",
        };
        [format!("--mode={mode}"), format!("--requests={requests}")]
    }
}

impl Row {
    /// Its name in tables.
    pub fn name(self) -> String {
        match self.side {
            Side::Ours => self.mode.name().to_owned(),
            Side::Python => format!("Python: {}", self.mode.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_tell_the_side() {
        let rows = [Side::Ours, Side::Python]
            .into_iter()
            .flat_map(|side| Mode::ALL.map(|mode| Row { side, mode }.name()));
        let names: std::collections::BTreeSet<_> = rows.collect();
        assert_eq!(names.len(), 10, "{names:?}");
        assert_eq!(Mode::EnsembleAsync.arguments(), ["--mode=ensemble", "--requests=async"]);
        assert_eq!(Mode::Runner.arguments(), ["--mode=runner", "--requests=threads"]);
    }
}
