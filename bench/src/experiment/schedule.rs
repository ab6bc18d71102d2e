//! The order of the cells, and the progress through them: A B C A B C, so that what else the machine does hits all alike, and ours
//! beside Python's, since a virtual machine is at another speed some minutes later. Who is first changes with the round.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::cell::{Cell, Outcome, Work};
use super::contender::{Contenders, Interrupted};
use super::mode::{Mode, Row, Side};
use super::results::{Results, Rounds};

/// The most seconds that decoding alone is measured in a round.
const DECODING: f64 = 5.0;

/// One thing to run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Run {
    Cell(Row, usize),
    Decoder(Side),
}

impl Run {
    fn name(self) -> String {
        match self {
            Self::Cell(row, tenants) => format!("{}, {tenants} at once", row.name()),
            Self::Decoder(side) => format!("decoder alone, {side:?}"),
        }
    }
}

/// Runs every cell of `results` once a round, from `like`, and fills the results in. Ends early after Ctrl-C.
pub fn run(results: &mut Results, contenders: &Contenders, like: &Cell) {
    let mut progress = Progress::new(runs(results, 1).len() * results.rounds);
    for round in 1..=results.rounds {
        for run in runs(results, round) {
            progress.begin(&format!("round {round} of {}: {}", results.rounds, run.name()));
            let (side, cell) = cell(like, run);
            let outcome = contenders.run(side, &cell);
            if matches!(&outcome, Err(error) if error.is::<Interrupted>()) {
                return progress.end();
            }
            progress.done(&said(&outcome));
            rounds_of(results, run).keep(outcome);
        }
    }
    progress.end();
}

fn runs(results: &Results, round: usize) -> Vec<Run> {
    let mut sides: Vec<_> = results.rows.iter().map(|row| row.side).collect();
    sides.dedup();
    let decoders = sides.into_iter().map(Run::Decoder);
    let mut order = results.rows.clone();
    if round.is_multiple_of(2) {
        order.reverse();
    }
    let rows = Mode::ALL
        .iter()
        .flat_map(|mode| order.iter().filter(move |row| row.mode == *mode));
    let cells = results
        .tenants
        .iter()
        .flat_map(|tenants| rows.clone().map(move |row| Run::Cell(*row, *tenants)));
    decoders.chain(cells).collect()
}

fn cell(like: &Cell, run: Run) -> (Side, Cell) {
    match run {
        Run::Cell(row, tenants) => {
            let work = Work::Application(row.mode);
            (
                row.side,
                Cell {
                    work,
                    tenants,
                    ..like.clone()
                },
            )
        }
        Run::Decoder(side) => {
            let decoder = Cell {
                work: Work::Decoder,
                tenants: 1,
                seconds: like.seconds.min(DECODING),
                window: false,
                ..like.clone()
            };
            (side, decoder)
        }
    }
}

fn rounds_of(results: &mut Results, run: Run) -> &mut Rounds {
    match run {
        Run::Cell(row, tenants) => results.cells.entry((row, tenants)).or_default(),
        Run::Decoder(side) => results.decoders.entry(side).or_default(),
    }
}

/// What is said of a run.
pub fn said(outcome: &anyhow::Result<Outcome>) -> String {
    match outcome {
        Ok(outcome) => format!("{:.1} frames a second", outcome.fps()),
        Err(error) => format!("failed: {error:#}"),
    }
}

/// A bar with the time left on a terminal, plain lines otherwise.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    message: String,
}

impl Progress {
    /// Of so many things.
    pub fn new(length: usize) -> Self {
        let template = "{elapsed_precise} {bar:20} {pos}/{len}, {eta} left: {wide_msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(length as u64).with_style(style);
        bar.enable_steady_tick(Duration::from_secs(1));
        Self {
            bar,
            started: Instant::now(),
            message: String::new(),
        }
    }

    /// The next one begins.
    pub fn begin(&mut self, message: &str) {
        message.clone_into(&mut self.message);
        self.bar.set_message(self.message.clone());
    }

    /// It is done, and this was seen.
    pub fn done(&mut self, seen: &str) {
        self.bar.inc(1);
        if self.bar.is_hidden() {
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            let left = self.started.elapsed().as_secs_f64() / done as f64 * (all - done) as f64;
            eprintln!("{done}/{all} {}: {seen}, {} left", self.message, rounded(left));
        }
    }

    /// Nothing more.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn rounded(seconds: f64) -> String {
    match seconds.round() as u64 {
        seconds @ 0..=120 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::launch::tests::cell as any;
    use super::*;
    use crate::experiment::page;

    #[test]
    fn a_round_has_every_row_of_every_column_and_each_decoder() {
        let results = Results {
            rows: page::rows(&Mode::ALL, true),
            tenants: vec![1, 4],
            rounds: 3,
            ..Results::default()
        };
        let later = runs(&results, 2);
        let runs = runs(&results, 1);
        assert_eq!(runs.len(), 2 + 2 * 10);
        assert_eq!(runs[..2], [Run::Decoder(Side::Ours), Run::Decoder(Side::Python)]);
        // The column changes last, so that rows that are compared run one after the other.
        assert_eq!(runs[2].name(), "base case: no Triton, 1 at once");
        assert_eq!(runs[3].name(), "Python: base case: no Triton, 1 at once");
        // in the next round the other is first
        assert_eq!(later[2..4], [runs[3], runs[2]]);
        let like = Cell {
            seconds: 30.0,
            ..any(Mode::Runner)
        };
        let (side, decoder) = cell(&like, runs[1]);
        assert_eq!(
            (side, decoder.seconds, decoder.work),
            (Side::Python, DECODING, Work::Decoder)
        );
        let (_, last) = cell(&like, runs[21]);
        assert_eq!((last.tenants, last.work), (4, Work::Application(Mode::EnsembleAsync)));
    }

    #[test]
    fn a_failure_is_kept_beside_what_was_measured() {
        let mut rounds = Rounds::default();
        rounds.keep(Ok(Outcome::default()));
        rounds.keep(Err(anyhow::anyhow!("gone")));
        assert_eq!((rounds.outcomes.len(), rounds.failure.as_deref()), (1, Some("gone")));
    }
}
