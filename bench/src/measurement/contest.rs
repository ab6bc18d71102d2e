//! Programs that do the same, each with one value a round.

use anyhow::Result;

use super::Bench;
use crate::report::{Sample, Table, number};
use crate::statistics::median;

/// One run of a contender: its value.
type Run<'a> = Box<dyn Fn() -> Result<f64> + 'a>;

/// Contenders, by their names.
pub struct Contest<'a> {
    /// What their values are, with the unit.
    pub quantity: &'static str,
    /// Who takes part, in the order in which they run.
    pub contenders: Vec<(&'static str, Run<'a>)>,
}

/// The values of all rounds.
pub struct Values {
    quantity: &'static str,
    values: Vec<(&'static str, Vec<f64>)>,
}

impl Contest<'_> {
    /// Runs all contenders in turn, each once a round.
    pub fn run(&self, bench: &Bench) -> Result<Values> {
        let runs: Vec<_> = self.contenders.iter().map(|(name, run)| (*name, &**run)).collect();
        let values = bench.interleaved(&runs)?;
        let names = self.contenders.iter().map(|(name, _)| *name);
        Ok(Values {
            quantity: self.quantity,
            values: names.zip(values).collect(),
        })
    }
}

impl Values {
    /// The median of a contender's values; NaN without such a contender.
    pub fn median(&self, name: &str) -> f64 {
        let found = self.values.iter().find(|(contender, _)| *contender == name);
        found.map_or(f64::NAN, |(_, values)| median(values))
    }

    /// The bars of the contenders whose names begin so.
    pub fn bars(&self, beginning: &str) -> Vec<(String, f64)> {
        let chosen = self.values.iter().filter(|(name, _)| name.starts_with(beginning));
        chosen
            .map(|(name, values)| ((*name).to_owned(), median(values)))
            .collect()
    }

    /// The median of each contender, and its rounds.
    pub fn table(&self) -> Table {
        let row = |(name, values): &(&str, Vec<f64>)| {
            let rounds: Vec<_> = values.iter().map(|value| number(*value)).collect();
            vec![(*name).to_owned(), number(median(values)), rounds.join(", ")]
        };
        Table {
            header: vec!["".into(), format!("{}, median", self.quantity), "each round".into()],
            rows: self.values.iter().map(row).collect(),
        }
    }

    /// Every value.
    pub fn samples(&self) -> Vec<Sample> {
        let all = self.values.iter().flat_map(|(name, values)| {
            values.iter().enumerate().map(|(round, value)| Sample {
                case: (*name).to_owned(),
                round: round + 1,
                quantity: self.quantity,
                value: *value,
            })
        });
        all.collect()
    }
}
