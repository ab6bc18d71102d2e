//! One run of some pipelines in a process of its own, so that CPU time, memory and threads are this run's alone.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::allocations;
use crate::line::{self, Latency, Line, Record};
use crate::load::Load;
use crate::process::{MachineTime, Usage};

/// The longest that a model may take to load, or a first frame to be inferred.
const PATIENCE: Duration = Duration::from_secs(120);
/// The interval of samples of memory.
const SAMPLING: Duration = Duration::from_millis(500);

/// What to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// Its name in the results.
    pub name: String,
    /// gst-launch lines, played at the same time; see [`Line`].
    pub lines: Vec<String>,
    /// Time from the first frame that left every element until measuring begins, in seconds; `None`: measuring begins
    /// before the lines play.
    pub warm_up: Option<f64>,
    /// When measuring ends.
    pub end: End,
    /// Threads beside it that are always busy.
    pub load: usize,
}

/// When measuring ends.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum End {
    /// After so many seconds.
    Seconds(f64),
    /// After so many frames of all lines together.
    Frames(u64),
    /// With the streams.
    Eos,
}

/// What a line did while it was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LineOutcome {
    /// Frames that left the source.
    pub offered: u64,
    /// Frames that left the element.
    pub left: u64,
    /// Of those, the inferred ones.
    pub inferred: u64,
    /// Ages of inferred frames in ms; none if the line is not live.
    pub ages: Vec<f64>,
    /// The longest interval between two buffers at the source's pad, in ms.
    pub longest_gap: f64,
    /// The latencies that were reported at the end; `None` if the line is not live.
    pub latency: Option<Latency>,
}

/// What a case did while it was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The lines, in the order of the case.
    pub lines: Vec<LineOutcome>,
    /// Seconds.
    pub seconds: f64,
    /// CPU time of the process, in seconds.
    pub cpu: f64,
    /// Share of the processors that was busy, 0..1, other programs included.
    pub machine_busy: f64,
    /// Resident memory in bytes, every half second.
    pub memory: Vec<u64>,
    /// Allocations of Rust code that are as large as a frame, see [`allocations::LARGE`].
    pub large_allocations: u64,
    /// Threads at the end.
    pub threads: u64,
    /// Seconds that stopping all lines took.
    pub stop: f64,
    /// Seconds from then until the process had exited.
    #[serde(default)]
    pub exit: f64,
}

impl Outcome {
    /// Frames of all lines that were inferred.
    pub fn inferred(&self) -> f64 {
        self.lines.iter().map(|line| line.inferred as f64).sum()
    }

    /// Frames of all lines that left their elements.
    pub fn left(&self) -> f64 {
        self.lines.iter().map(|line| line.left as f64).sum()
    }

    /// Frames of all lines that left their sources.
    pub fn offered(&self) -> f64 {
        self.lines.iter().map(|line| line.offered as f64).sum()
    }

    /// Inferences a second of all lines together.
    pub fn rate(&self) -> f64 {
        self.inferred() / self.seconds
    }

    /// Ages of all lines.
    pub fn ages(&self) -> Vec<f64> {
        self.lines.iter().flat_map(|line| line.ages.iter().copied()).collect()
    }
}

impl Case {
    /// Runs the case in a child process.
    pub fn run(&self) -> Result<Outcome> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command
            .arg("case")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a process for a case")?;
        let mut input = child.stdin.take().context("the child has no standard input")?;
        input.write_all(&serde_json::to_vec(self)?)?;
        drop(input);
        let output = child.stdout.take().context("the child has no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let stopped = Instant::now();
        let status = child.wait()?;
        ensure!(status.success(), "case {}: {status}", self.name);
        let outcome = serde_json::from_str(&line).with_context(|| format!("case {}: not an outcome", self.name))?;
        Ok(Outcome {
            exit: stopped.elapsed().as_secs_f64(),
            ..outcome
        })
    }

    /// Runs the case in this process.
    pub fn play(&self) -> Result<Outcome> {
        line::init()?;
        let _load = Load::start(self.load);
        let lines = self.lines.iter().map(|launch| Line::build(launch));
        let lines = lines.collect::<Result<Vec<_>>>()?;
        if self.warm_up.is_none() {
            lines.iter().for_each(Line::record);
        }
        lines.iter().try_for_each(Line::play)?;
        if let Some(seconds) = self.warm_up {
            wait_for_inference(&lines)?;
            thread::sleep(Duration::from_secs_f64(seconds));
            lines.iter().for_each(Line::record);
        }
        let mut outcome = self.measure(&lines)?;
        let stopping = Instant::now();
        lines.iter().for_each(Line::stop);
        outcome.stop = stopping.elapsed().as_secs_f64();
        Ok(outcome)
    }

    fn measure(&self, lines: &[Line]) -> Result<Outcome> {
        let began = Instant::now();
        let (usage, machine) = (Usage::own()?, MachineTime::now()?);
        let large = allocations::large();
        let before: Vec<_> = lines.iter().map(counts).collect();
        let mut outcome = Outcome::default();
        let mut ended = vec![false; lines.len()];
        loop {
            for (line, ended) in lines.iter().zip(&mut ended) {
                *ended |= line.has_ended()?;
            }
            let frames = lines.iter().map(|line| line.watch().left()).sum::<u64>();
            let frames = frames - before.iter().map(|[_, left, _]| left).sum::<u64>();
            let all_ended = ended.iter().all(|ended| *ended);
            let rest = match self.end {
                End::Seconds(seconds) => Duration::from_secs_f64(seconds).saturating_sub(began.elapsed()),
                End::Frames(count) if frames >= count => Duration::ZERO,
                End::Frames(_) | End::Eos => SAMPLING,
            };
            if rest.is_zero() || all_ended {
                break;
            }
            outcome.memory.push(Usage::own()?.memory);
            thread::sleep(rest.min(SAMPLING));
        }
        let now = Usage::own()?;
        outcome.seconds = began.elapsed().as_secs_f64();
        outcome.cpu = now.cpu - usage.cpu;
        outcome.machine_busy = MachineTime::now()?.busy_since(&machine);
        outcome.large_allocations = allocations::large() - large;
        outcome.threads = now.threads;
        let lines = lines.iter().zip(before);
        outcome.lines = lines.map(|(line, before)| line_outcome(line, before)).collect();
        Ok(outcome)
    }
}

fn counts(line: &Line) -> [u64; 3] {
    let watch = line.watch();
    [watch.offered(), watch.left(), watch.inferred()]
}

fn line_outcome(line: &Line, before: [u64; 3]) -> LineOutcome {
    let now = counts(line);
    let Record { ages, gaps } = line.watch().recorded();
    let latency = line.latency();
    LineOutcome {
        offered: now[0] - before[0],
        left: now[1] - before[1],
        inferred: now[2] - before[2],
        ages: if latency.is_some() { ages } else { Vec::new() },
        longest_gap: gaps.into_iter().fold(0.0, f64::max),
        latency,
    }
}

/// Waits until a frame of each line has left its element, inferred or not.
fn wait_for_inference(lines: &[Line]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    for line in lines {
        while line.watch().left() == 0 {
            line.has_ended()?;
            if Instant::now() > deadline {
                bail!("no frame has left the element within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}
