//! The measurements: what each runs, and what its result has to be.

mod cameras;
mod contest;
mod cpu;
mod hold;
mod many;
mod slow;
mod steady;
mod throughput;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::case::{Case, End, Outcome};
use crate::line::Latency;
use crate::report::{Chart, Gate, Report, Sample, Table, number};
use crate::repository::Repository;
use crate::statistics::{self, greatest, median};

/// A measurement that can be run by its name.
pub struct Measurement {
    /// Its name, also that of its files.
    pub name: &'static str,
    /// The title of its result.
    pub title: &'static str,
    /// What it is about, one line.
    pub about: &'static str,
    /// Whether it needs the peers in `.tools/bench`.
    pub peers: bool,
    run: fn(&Bench) -> Result<Report>,
}

/// All measurements, in the order in which they are run.
pub const ALL: [Measurement; 7] = [
    cameras::MEASUREMENT,
    many::MEASUREMENT,
    slow::MEASUREMENT,
    hold::MEASUREMENT,
    throughput::MEASUREMENT,
    cpu::MEASUREMENT,
    steady::MEASUREMENT,
];

/// The measurements with these names; all without names.
pub fn named(names: &[String]) -> Result<Vec<&'static Measurement>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let find = |name: &String| match ALL.iter().find(|measurement| measurement.name == name) {
        Some(measurement) => Ok(measurement),
        None => {
            let known: Vec<_> = ALL.iter().map(|measurement| measurement.name).collect();
            bail!("no measurement {name}; there are {}", known.join(", "))
        }
    };
    names.iter().map(find).collect()
}

/// What measurements need, and how long they may take.
pub struct Bench {
    /// The checkout's folder.
    pub root: PathBuf,
    /// Measured seconds of each case.
    pub seconds: f64,
    /// How often each case is run.
    pub rounds: usize,
    /// The shipped models, and one that does nothing.
    pub repository: Repository,
    /// A folder for logs and results of peers, removed at the end.
    pub scratch: tempfile::TempDir,
    progress: ProgressBar,
}

impl Bench {
    /// Prepares for measurements in the checkout.
    pub fn prepare(root: &Path, seconds: f64, rounds: usize) -> Result<Self> {
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:20} {pos}/{len} {wide_msg}")?;
        Ok(Self {
            root: root.to_owned(),
            seconds,
            rounds,
            repository: Repository::make(&root.join("model_repository"))?,
            scratch: tempfile::tempdir()?,
            progress: ProgressBar::new(0).with_style(style),
        })
    }

    /// Runs a measurement, with progress.
    pub fn run(&self, measurement: &Measurement) -> Result<Report> {
        self.progress.reset();
        self.progress.enable_steady_tick(std::time::Duration::from_secs(1));
        let report = (measurement.run)(self).with_context(|| format!("measurement {}", measurement.name));
        self.progress.finish_and_clear();
        report
    }

    /// Triton's install directory.
    pub fn triton(&self) -> PathBuf {
        self.root.join(".triton")
    }

    /// Calls `runs` in turn, each once a round (A B A B …), and returns the results of each.
    pub fn interleaved<T>(&self, runs: &[(&str, &dyn Fn() -> Result<T>)]) -> Result<Vec<Vec<T>>> {
        self.progress.set_length((runs.len() * self.rounds) as u64);
        let mut results: Vec<Vec<T>> = runs.iter().map(|_| Vec::new()).collect();
        for round in 1..=self.rounds {
            for ((name, run), results) in runs.iter().zip(&mut results) {
                self.progress
                    .set_message(format!("{name}, round {round} of {}", self.rounds));
                if self.progress.is_hidden() {
                    eprintln!("  {name}, round {round} of {}", self.rounds);
                }
                results.push(run().with_context(|| format!("case {name}"))?);
                self.progress.inc(1);
            }
        }
        Ok(results)
    }

    /// A case that plays `count` of a line for the measured time, from 3 s after its start.
    pub fn timed(&self, name: &str, line: &str, count: usize) -> Case {
        Case {
            name: name.to_owned(),
            lines: vec![line.to_owned(); count],
            warm_up: Some(3.0),
            end: End::Seconds(self.seconds),
            load: 0,
        }
    }

    /// Runs the cases in turn, each once a round, and returns the outcomes of each.
    pub fn play(&self, cases: &[Case]) -> Result<Vec<Vec<Outcome>>> {
        let runs: Vec<_> = cases.iter().map(|case| move || case.run()).collect();
        let named = cases.iter().zip(&runs);
        let named: Vec<_> = named
            .map(|(case, run)| (case.name.as_str(), run as &dyn Fn() -> Result<Outcome>))
            .collect();
        self.interleaved(&named)
    }
}

/// A line of 640×480 frames at `fps` through `element`: a camera if `live`, otherwise a file that plays as fast as it goes.
fn line(live: bool, fps: u32, element: &str) -> String {
    format!(
        "videotestsrc name=in is-live={live} ! video/x-raw,width=640,height=480,framerate={fps}/1 ! {element} name=element \
         ! fakesink name=out"
    )
}

/// Cases that were run, with the outcomes of their rounds.
struct Runs<'a> {
    cases: &'a [Case],
    outcomes: &'a [Vec<Outcome>],
}

impl Runs<'_> {
    /// The report with every quantity of every case; `bars` is what the chart shows of each.
    fn report(
        &self,
        measurement: &Measurement,
        method: String,
        gates: Vec<Gate>,
        bars: (&str, fn(&Outcome) -> f64),
    ) -> Report {
        let (title, value) = bars;
        let runs = || self.cases.iter().zip(self.outcomes);
        Report {
            name: measurement.name,
            title: measurement.title,
            method,
            table: medians(self.cases, self.outcomes),
            gates,
            samples: runs().flat_map(|(case, rounds)| samples(case, rounds)).collect(),
            chart: Chart {
                title: title.to_owned(),
                bars: runs()
                    .map(|(case, rounds)| (case.name.clone(), median_of(rounds, value)))
                    .collect(),
            },
        }
    }
}

/// A line as its user writes it, without the names that the probes need.
fn readable(line: &str) -> String {
    ["in", "element", "out"].iter().fold(format!("`{line}`"), |line, name| {
        line.replace(&format!(" name={name}"), "")
    })
}

/// The median over rounds of a value of each outcome.
fn median_of<T>(outcomes: &[T], value: impl Fn(&T) -> f64) -> f64 {
    median(&outcomes.iter().map(value).collect::<Vec<_>>())
}

/// A quantity with its unit, and how it is read from an outcome.
type Quantity = (&'static str, fn(&Outcome) -> f64);

/// What is kept of every round.
const QUANTITIES: [Quantity; 13] = [
    ("inferences a second", Outcome::rate),
    ("frames offered a second", |outcome| outcome.offered() / outcome.seconds),
    ("age p50 ms", |outcome| percentile(outcome, 0.5)),
    ("age p95 ms", |outcome| percentile(outcome, 0.95)),
    ("age p95 without the latency that the source reports ms", |outcome| {
        percentile(outcome, 0.95) - reported(outcome, |latency| latency.upstream)
    }),
    ("reported latency ms", |outcome| {
        reported(outcome, |latency| latency.element)
    }),
    ("process CPU, processors", |outcome| outcome.cpu / outcome.seconds),
    ("machine busy, share", |outcome| outcome.machine_busy),
    ("memory at the end MB", |outcome| {
        megabytes(outcome.memory.last().copied())
    }),
    ("allocations as large as a frame, each frame", large_allocations),
    ("threads", |outcome| outcome.threads as f64),
    ("stop s", |outcome| outcome.stop),
    ("end of the process s", |outcome| outcome.exit),
];

fn percentile(outcome: &Outcome, share: f64) -> f64 {
    statistics::percentile(&outcome.ages(), share).unwrap_or(f64::NAN)
}

/// The longest latency that a line of the case reported, in ms.
fn reported(outcome: &Outcome, which: fn(Latency) -> f64) -> f64 {
    let latencies: Vec<_> = outcome
        .lines
        .iter()
        .filter_map(|line| line.latency.map(which))
        .collect();
    greatest(&latencies)
}

/// Why ages are compared as they are.
const AGES: &str = "Age is clock − running time of an inferred frame at `tritoninfer`'s source pad. The latency that `videotestsrc` \
                    reports, one frame interval, is not subtracted, since it delivers without that delay; the table has both.";

/// Allocations of Rust code as large as a frame, for each frame that left an element.
fn large_allocations(outcome: &Outcome) -> f64 {
    outcome.large_allocations as f64 / outcome.left()
}

fn megabytes(bytes: Option<u64>) -> f64 {
    bytes.map_or(f64::NAN, |bytes| bytes as f64 / 1e6)
}

/// Every quantity of every round of a case.
fn samples(case: &Case, rounds: &[Outcome]) -> Vec<Sample> {
    let rounds = rounds.iter().enumerate();
    let all = rounds.flat_map(|(round, outcome)| {
        QUANTITIES.iter().map(move |(quantity, value)| Sample {
            case: case.name.clone(),
            round: round + 1,
            quantity,
            value: value(outcome),
        })
    });
    all.filter(|sample| !sample.value.is_nan()).collect()
}

/// The medians of each case, one row a case.
fn medians(cases: &[Case], outcomes: &[Vec<Outcome>]) -> Table {
    let titles = QUANTITIES.iter().map(|(quantity, _)| (*quantity).to_owned());
    let header = std::iter::once("median of the rounds".to_owned())
        .chain(titles)
        .collect();
    let row = |(case, rounds): (&Case, &Vec<Outcome>)| {
        let values = QUANTITIES.iter().map(|(_, value)| number(median_of(rounds, value)));
        std::iter::once(case.name.clone()).chain(values).collect()
    };
    Table {
        header,
        rows: cases.iter().zip(outcomes).map(row).collect(),
    }
}

/// How much memory grew: the median of the last quarter of the samples over that of the quarter that begins after 60 s, or
/// at half time if that is earlier.
fn growth(outcome: &Outcome) -> f64 {
    let memory: Vec<_> = outcome.memory.iter().map(|bytes| *bytes as f64).collect();
    let interval = outcome.seconds / memory.len().max(1) as f64;
    let start = ((60.0 / interval) as usize).min(memory.len() / 2);
    let quarter = (memory.len() / 4).max(1);
    let end = memory.len().saturating_sub(quarter);
    let reference = &memory[start.min(end)..(start + quarter).min(memory.len())];
    median(&memory[end..]) / median(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_memory(memory: Vec<u64>) -> Outcome {
        Outcome {
            seconds: memory.len() as f64 / 2.0,
            memory,
            ..Outcome::default()
        }
    }

    #[test]
    fn growth_is_what_comes_after_the_start() {
        // 20 s: grows for 10 s, then stays
        let flat: Vec<_> = (0..40).map(|n: u64| 100 + n.min(20)).collect();
        assert_eq!(growth(&with_memory(flat)), 1.0);
        let grows: Vec<_> = (0..40).map(|n: u64| 100 + 10 * n).collect();
        assert!(growth(&with_memory(grows)) > 1.2);
        // 200 s: what comes before 60 s does not count, what comes after half time does
        let late: Vec<_> = (0..400).map(|n: u64| if n < 300 { 100 } else { 200 }).collect();
        assert_eq!(growth(&with_memory(late)), 2.0);
        let early: Vec<_> = (0..400).map(|n: u64| if n < 110 { 100 } else { 200 }).collect();
        assert_eq!(growth(&with_memory(early)), 1.0);
    }

    #[test]
    fn the_readme_lists_every_measurement() {
        let readme = include_str!("../../README.md");
        for measurement in ALL {
            assert!(
                readme.contains(&format!("| `{}` |", measurement.name)),
                "{}",
                measurement.name
            );
        }
    }

    #[test]
    fn a_measurement_is_found_by_its_name() {
        assert_eq!(named(&[]).expect("all").len(), ALL.len());
        let one = named(&["slow".to_owned()]).expect("there is one");
        assert_eq!(one.first().map(|measurement| measurement.name), Some("slow"));
        let unknown = named(&["quick".to_owned()]).err().expect("there is none");
        assert!(unknown.to_string().contains("cameras"), "{unknown}");
    }
}
