//! The processes that run cells: this program again, or Python's application beside a `tritonserver`.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use super::cell::{Cell, Outcome, Work};
use super::mode::{Mode, Side};
use crate::child::Tethered;
use crate::process::Usage;
use crate::server::{Place, TritonServer};

/// Time beyond a cell's own that it may take to load, to warm up and to end.
const PATIENCE: Duration = Duration::from_secs(240);
/// The interval at which a cell, and the CPU time of its server, is looked at.
const STEP: Duration = Duration::from_millis(50);
/// Lines of a failed cell's messages that are kept.
const LAST_LINES: usize = 6;

/// Runs cells.
pub struct Contenders {
    /// `bench/article_app` and the Python that has what it needs; `None`: it does not take part.
    pub python: Option<Python>,
    /// Triton's install directory.
    pub triton: PathBuf,
    /// A folder for logs.
    pub scratch: PathBuf,
    /// Set by Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
}

/// Where Python's application is.
pub struct Python {
    /// The interpreter.
    pub interpreter: PathBuf,
    /// The application's folder.
    pub application: PathBuf,
}

/// A cell that was interrupted; nothing is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// A process that prints an outcome.
struct Process {
    program: PathBuf,
    arguments: Vec<OsString>,
    /// What it reads.
    input: Vec<u8>,
    /// The process of its Triton on this machine.
    server: Option<u32>,
    limit: Duration,
}

impl Contenders {
    /// Runs a cell, and returns when its process has ended.
    ///
    /// # Errors
    /// [`Interrupted`], or what the process said last.
    pub fn run(&self, side: Side, cell: &Cell) -> Result<Outcome> {
        match side {
            Side::Ours => self.ours(cell),
            Side::Python => self.python(cell),
        }
    }

    fn ours(&self, cell: &Cell) -> Result<Outcome> {
        self.ours_beside(cell, None)
    }

    /// Runs a cell of ours on a Triton of this machine, whose process is `server`.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn ours_beside(&self, cell: &Cell, server: Option<u32>) -> Result<Outcome> {
        let process = Process {
            program: std::env::current_exe()?,
            arguments: vec!["cell".into()],
            input: serde_json::to_vec(cell)?,
            server,
            limit: limit(cell),
        };
        process.run(&self.interrupted)
    }

    fn python(&self, cell: &Cell) -> Result<Outcome> {
        let python = self.python.as_ref().context("there is no Python")?;
        let models = &cell.models;
        let place = Place::find(&self.triton, &models.repository, &self.scratch)?;
        let needed: &[&str] = match cell.work {
            Work::Decoder | Work::Application(Mode::Runner) => &[],
            Work::Application(mode) if mode.is_ensemble() => &[&models.ensemble],
            Work::Application(_) => &[&models.pose, &models.vest],
        };
        // A server of its own, as ours is in the process: nothing of an earlier cell is left in it.
        let server = (!needed.is_empty()).then(|| TritonServer::ready(&place, needed));
        let server = server.transpose()?;
        let mut arguments = vec!["-B".into(), python.application.clone().into()];
        arguments.extend(python_arguments(cell).map(OsString::from));
        for (name, path) in [
            ("--input", &cell.input),
            ("--stations", &cell.stations),
            ("--models", &models.repository),
        ] {
            arguments.extend([name.into(), path.into()]);
        }
        if server.is_some() {
            arguments.push(format!("--server={}", place.address()).into());
        }
        let process = Process {
            program: python.interpreter.clone(),
            arguments,
            input: Vec::new(),
            server: server.as_ref().map(TritonServer::id),
            limit: limit(cell),
        };
        process.run(&self.interrupted)
    }
}

fn limit(cell: &Cell) -> Duration {
    PATIENCE + Duration::from_secs_f64(cell.warm_up + cell.seconds)
}

fn python_arguments(cell: &Cell) -> impl Iterator<Item = String> {
    let mode = match cell.work {
        Work::Decoder => ["--mode=decode".to_owned(), "--requests=threads".to_owned()],
        Work::Application(mode) => mode.arguments(),
    };
    let numbers = [
        format!("--tenants={}", cell.tenants),
        format!("--seconds={}", cell.seconds),
        format!("--warm-up={}", cell.warm_up),
    ];
    let window = (cell.window && cell.work != Work::Decoder).then(|| "--window".to_owned());
    mode.into_iter().chain(numbers).chain(window)
}

impl Process {
    fn run(self, interrupted: &AtomicBool) -> Result<Outcome> {
        let mut child = Tethered::start(&self.program, |command| {
            // A group of its own, so that all of its processes can be ended; the terminal's Ctrl-C is for this process only.
            command.args(&self.arguments).process_group(0);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        })?;
        let group = Group(Pid::from_child(&child.0));
        let (input, output) = (child.0.stdin.take(), child.0.stdout.take());
        let messages = last_lines(child.0.stderr.take().context("the child has no standard error")?);
        let output = output.context("the child has no standard output")?;
        let answer = thread::spawn(move || answer(output));
        // One that ends at once reads nothing, and says why.
        let _ = input.map(|mut input| input.write_all(&self.input));

        let deadline = Instant::now() + self.limit;
        let mut server = Vec::new();
        let status = loop {
            if let Some(status) = child.0.try_wait()? {
                break status;
            }
            if let Some(usage) = self.server.map(Usage::of) {
                server.push((Instant::now(), usage?.cpu));
            }
            ensure!(!interrupted.load(Ordering::Relaxed), Interrupted);
            ensure!(Instant::now() < deadline, "it has not ended after {:?}", self.limit);
            thread::sleep(STEP);
        };
        drop(group);
        let answer = answer.join().ok().flatten();
        outcome(answer, status, &messages.join().unwrap_or_default(), &server)
    }
}

/// A process and all that it has started; they are killed when this is dropped.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // There may be nobody left.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// The last line that was printed, and when.
fn answer(output: impl Read) -> Option<(Instant, String)> {
    let lines = BufReader::new(output).lines().map_while(Result::ok);
    lines.map(|line| (Instant::now(), line)).last()
}

fn last_lines(output: impl Read + Send + 'static) -> thread::JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut last = Vec::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            last.push(line);
            if last.len() > LAST_LINES {
                last.remove(0);
            }
        }
        last
    })
}

/// The outcome that was printed, with the CPU time of the server, of which there are samples.
fn outcome(
    answer: Option<(Instant, String)>,
    status: ExitStatus,
    messages: &[String],
    server: &[(Instant, f64)],
) -> Result<Outcome> {
    let said = messages.join(" | ");
    if !status.success() {
        bail!("{status}: {said}");
    }
    let (printed, line) = answer.with_context(|| format!("it printed nothing: {said}"))?;
    let mut outcome: Outcome = serde_json::from_str(&line).with_context(|| format!("no outcome: {line} {said}"))?;
    ensure!(outcome.frames() > 0.0, "no frame was drawn in the measured time");
    if outcome.cpu_server_seconds.is_none() {
        outcome.cpu_server_seconds = within(server, printed, outcome.seconds);
    }
    Ok(outcome)
}

/// How much a sampled value grew in the `seconds` before `end`; `None` without samples.
fn within(samples: &[(Instant, f64)], end: Instant, seconds: f64) -> Option<f64> {
    let began = end.checked_sub(Duration::from_secs_f64(seconds))?;
    let at = |time: Instant| {
        let before = samples.iter().rev().find(|(sampled, _)| *sampled <= time);
        before.or(samples.first()).map(|(_, value)| *value)
    };
    Some(at(end)? - at(began)?)
}

/// Python's application in the checkout `root`, if `interpreter` can run it.
///
/// # Errors
/// If it is not there.
pub fn python(interpreter: &Path, root: &Path) -> Result<Python> {
    let application = root.join("bench/article_app");
    ensure!(
        application.join("__main__.py").is_file(),
        "there is no {}: --python needs a checkout",
        application.display()
    );
    ensure!(
        interpreter.is_file(),
        "there is no {}: scripts/experiment installs it",
        interpreter.display()
    );
    Ok(Python {
        interpreter: interpreter.to_owned(),
        application,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shell prints and how it ends, as a contender.
    fn shell(script: &str, limit: Duration, interrupted: bool) -> Result<Outcome> {
        let process = Process {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            input: Vec::new(),
            server: None,
            limit,
        };
        process.run(&AtomicBool::new(interrupted))
    }

    const GOOD: &str = r#"{"tenants":[{"frames":5,"inferred":5,"seconds":1,"fps":5,"latency_ms":{"p50":1,"p95":1,"p99":1}}],
        "cpu_seconds":1,"cpu_model_seconds":null,"cpu_server_seconds":null,"seconds":1}"#;

    #[test]
    fn the_last_line_of_a_process_is_its_outcome() {
        let long = Duration::from_secs(60);
        let line = GOOD.replace('\n', "");
        let outcome = shell(&format!("echo starting; echo '{line}'"), long, false).unwrap();
        assert_eq!((outcome.frames(), outcome.cpu_server_seconds), (5.0, None));
        let check = |script: &str, says: &str| {
            let error = format!("{:#}", shell(script, long, false).unwrap_err());
            assert!(error.contains(says), "{script}: {error}");
        };
        check("echo why >&2; exit 3", "why");
        check("exit 0", "printed nothing");
        check("echo no", "no outcome");
        check(
            &format!("echo '{}'", line.replace("\"frames\":5", "\"frames\":0")),
            "no frame",
        );
    }

    #[test]
    fn a_process_that_does_not_end_is_ended_with_its_children() {
        let error = shell("sleep 600 & sleep 600", Duration::from_millis(100), false).unwrap_err();
        assert!(error.to_string().contains("has not ended"), "{error}");
        let error = shell("sleep 600", Duration::from_secs(60), true).unwrap_err();
        assert!(error.is::<Interrupted>(), "{error}");
    }

    #[test]
    fn a_servers_time_is_that_of_the_measured_seconds() {
        let start = Instant::now();
        let samples: Vec<_> = (0..100)
            .map(|n: u32| (start + Duration::from_millis(100) * n, f64::from(n)))
            .collect();
        let end = start + Duration::from_millis(8050);
        assert_eq!(within(&samples, end, 5.0), Some(50.0));
        assert_eq!(within(&[], end, 5.0), None);
    }
}
