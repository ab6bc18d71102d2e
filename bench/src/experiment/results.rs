//! What was measured, by cell, and its medians.

use std::collections::BTreeMap;

use super::cell::Outcome;
use super::mode::{Row, Side};
use crate::statistics::median;

/// What is known of a cell.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    /// The rounds that were run.
    pub outcomes: Vec<Outcome>,
    /// Why a round failed.
    pub failure: Option<String>,
}

impl Rounds {
    /// Adds a round.
    pub fn keep(&mut self, outcome: anyhow::Result<Outcome>) {
        match outcome {
            Ok(outcome) => self.outcomes.push(outcome),
            Err(error) => self.failure = Some(format!("{error:#}")),
        }
    }

    /// The rounds, none if one has failed.
    pub fn measured(&self) -> &[Outcome] {
        match self.failure {
            None => &self.outcomes,
            Some(_) => &[],
        }
    }
}

/// All that was measured.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// The rows, in the order of the tables.
    pub rows: Vec<Row>,
    /// The columns: numbers of applications.
    pub tenants: Vec<usize>,
    /// How often each cell was to be run.
    pub rounds: usize,
    /// The cells; one that was not run is absent.
    pub cells: BTreeMap<(Row, usize), Rounds>,
    /// Decoding alone.
    pub decoders: BTreeMap<Side, Rounds>,
}

/// The state of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State<'a> {
    /// Every round of it was run.
    Measured,
    /// Some rounds of it were run.
    Partly(usize),
    /// Nothing was.
    NotRun,
    /// A round failed.
    Failed(&'a str),
}

impl Results {
    /// The state of a cell.
    pub fn state(&self, row: Row, tenants: usize) -> State<'_> {
        match self.cells.get(&(row, tenants)) {
            None => State::NotRun,
            Some(Rounds { failure: Some(why), .. }) => State::Failed(why),
            Some(Rounds { outcomes, .. }) if outcomes.is_empty() => State::NotRun,
            Some(Rounds { outcomes, .. }) if outcomes.len() < self.rounds => State::Partly(outcomes.len()),
            Some(_) => State::Measured,
        }
    }

    /// The median over the rounds of a cell; NaN if it was not run or failed.
    pub fn median(&self, row: Row, tenants: usize, value: impl Fn(&Outcome) -> f64) -> f64 {
        median_of(self.measured(row, tenants), value)
    }

    /// The median over the rounds of a cell's value in parts of another cell's in the same round; NaN if one of them was not
    /// run or failed. A virtual machine is at another speed some minutes later, which a ratio of medians would show and
    /// this does not.
    pub fn ratio(&self, rows: [Row; 2], tenants: usize, value: impl Fn(&Outcome) -> f64) -> f64 {
        ratio(rows.map(|row| self.measured(row, tenants)), value)
    }

    /// The rounds of a cell, none if it was not run or failed.
    fn measured(&self, row: Row, tenants: usize) -> &[Outcome] {
        self.cells.get(&(row, tenants)).map_or(&[], Rounds::measured)
    }

    /// Whether rows of that side are measured.
    pub fn has(&self, side: Side) -> bool {
        self.rows.iter().any(|row| row.side == side)
    }

    /// Frames a second of all applications of a cell together.
    pub fn fps(&self, row: Row, tenants: usize) -> f64 {
        self.median(row, tenants, Outcome::fps)
    }

    /// CPU-ms a frame of the side's decoder alone.
    pub fn decoder(&self, side: Side) -> f64 {
        median_of(self.decoders.get(&side).map_or(&[], Rounds::measured), Outcome::cpu)
    }

    /// CPU-ms a frame of a cell that are neither the models' nor the decoder's.
    pub fn cpu_outside(&self, row: Row, tenants: usize) -> f64 {
        self.median(row, tenants, Outcome::cpu_outside_model) - self.decoder(row.side)
    }

    /// Cells that have no value, and why.
    pub fn missing(&self) -> Vec<String> {
        let cells = self
            .rows
            .iter()
            .flat_map(|row| self.tenants.iter().map(|tenants| (*row, *tenants)));
        let missing = cells.filter_map(|(row, tenants)| {
            let why = match self.state(row, tenants) {
                State::Measured => return None,
                State::Partly(rounds) => format!("{rounds} of {} rounds were run", self.rounds),
                State::NotRun => "not run".to_owned(),
                State::Failed(why) => format!("failed: {why}"),
            };
            Some(format!("{}, {tenants} at once: {why}", row.name()))
        });
        let decoders = self.decoders.iter().filter_map(|(side, rounds)| {
            let why = rounds.failure.as_ref()?;
            Some(format!("decoder alone, {side:?}: failed: {why}"))
        });
        missing.chain(decoders).collect()
    }
}

/// The median over rounds of a value in parts of another cell's in the same round; NaN without rounds of both.
pub fn ratio(outcomes: [&[Outcome]; 2], value: impl Fn(&Outcome) -> f64) -> f64 {
    let rounds = outcomes[0].iter().zip(outcomes[1]);
    let ratios: Vec<_> = rounds.map(|(one, other)| value(one) / value(other)).collect();
    median(&ratios)
}

fn median_of(outcomes: &[Outcome], value: impl Fn(&Outcome) -> f64) -> f64 {
    let values: Vec<_> = outcomes.iter().map(value).filter(|value| !value.is_nan()).collect();
    median(&values)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::experiment::cell::{Percentiles, Tenant};
    use crate::experiment::mode::Mode;

    /// An outcome of `tenants` applications of `fps` each with that CPU time outside and inside the model, in ms a frame.
    pub fn outcome(tenants: usize, fps: f64, outside: f64, model: f64) -> Outcome {
        let frames = (fps * 10.0) as u64;
        let tenant = Tenant {
            frames,
            inferred: frames,
            seconds: 10.0,
            fps,
            latency_ms: Percentiles {
                p50: Some(100.0),
                p95: Some(150.0),
                p99: Some(200.0),
            },
        };
        let all = (frames as usize * tenants) as f64;
        Outcome {
            tenants: vec![tenant; tenants],
            cpu_seconds: all * (outside + model) / 1e3,
            cpu_model_seconds: Some(all * model / 1e3),
            seconds: 10.0,
            ..Outcome::default()
        }
    }

    /// Results of one round of both sides and all modes: ours with 10 frames a second together, Python with 8.
    pub fn results() -> Results {
        let sides = [(Side::Ours, 10.0, 3.0), (Side::Python, 8.0, 20.0)];
        let mut results = Results {
            tenants: vec![1, 2, 4],
            rounds: 1,
            ..Results::default()
        };
        for (side, fps, outside) in sides {
            for mode in Mode::ALL {
                results.rows.push(Row { side, mode });
                for tenants in [1, 2, 4] {
                    let outcome = outcome(tenants, fps / tenants as f64, outside, 90.0);
                    let rounds = Rounds {
                        outcomes: vec![outcome],
                        failure: None,
                    };
                    results.cells.insert((Row { side, mode }, tenants), rounds);
                }
            }
            let decoder = Rounds {
                outcomes: vec![outcome(1, 400.0, 2.0, 0.0)],
                failure: None,
            };
            results.decoders.insert(side, decoder);
        }
        results
    }

    const ROW: Row = Row {
        side: Side::Ours,
        mode: Mode::EnsembleAsync,
    };

    #[test]
    fn a_value_is_the_median_of_the_rounds() {
        let mut results = results();
        results.rounds = 3;
        let rounds = Rounds {
            outcomes: [9.0, 30.0, 10.0].map(|fps| outcome(1, fps, 1.0, 9.0)).into(),
            failure: None,
        };
        results.cells.insert((ROW, 1), rounds);
        assert_eq!(results.fps(ROW, 1), 10.0);
        assert_eq!(results.state(ROW, 1), State::Measured);
        assert!((results.cpu_outside(ROW, 2) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn cells_are_compared_within_a_round() {
        let mut results = results();
        let other = Row {
            mode: Mode::EnsembleThreads,
            ..ROW
        };
        // the machine is at half its speed in the second round
        for (row, rounds) in [(ROW, [10.0, 5.0, 11.0]), (other, [9.0, 6.0, 10.0])] {
            let rounds = Rounds {
                outcomes: rounds.map(|fps| outcome(1, fps, 1.0, 9.0)).into(),
                failure: None,
            };
            results.cells.insert((row, 1), rounds);
        }
        let ratio = |rows| results.ratio(rows, 1, Outcome::fps);
        assert!((ratio([ROW, other]) - 1.1).abs() < 1e-9, "{}", ratio([ROW, other]));
        results.cells.remove(&(other, 1));
        assert!(results.ratio([ROW, other], 1, Outcome::fps).is_nan());
    }

    #[test]
    fn a_cell_without_a_value_is_named_and_has_none() {
        let mut results = results();
        results.cells.remove(&(ROW, 1));
        let failed = Rounds {
            outcomes: vec![outcome(2, 9.0, 1.0, 9.0)],
            failure: Some("no such model".into()),
        };
        results.cells.insert((ROW, 2), failed);
        assert!(results.fps(ROW, 1).is_nan() && results.fps(ROW, 2).is_nan());
        assert_eq!(
            results.missing(),
            [
                "ensemble, async, 1 at once: not run",
                "ensemble, async, 2 at once: failed: no such model"
            ]
        );
        results.rounds = 2;
        assert!(results.missing().iter().any(|line| line.contains("1 of 2 rounds")));
    }
}
