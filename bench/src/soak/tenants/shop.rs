//! What the soak of tenants runs beside itself: cameras, and a `shopfloor play` whose lines of JSON are read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};
use rustix::process::Signal;
use serde::Deserialize;

use crate::child::Tethered;
use crate::process::Usage;

/// The longest wait for a start or an end.
const PATIENCE: Duration = Duration::from_secs(120);
/// The interval of looking.
const STEP: Duration = Duration::from_millis(100);

/// A camera on the loopback interface, at the same port over its lives.
pub struct Camera {
    script: PathBuf,
    kind: &'static str,
    port: u16,
    process: Option<Tethered>,
}

impl Camera {
    /// Starts one: `picture` or `garbage`.
    pub fn start(root: &Path, kind: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let script = root.join("bench/soak/camera.py");
        let mut camera = Self {
            script,
            kind,
            port,
            process: None,
        };
        camera.live()?;
        Ok(camera)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("rtsp://{}:{}/live", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, and waits until it listens.
    pub fn live(&mut self) -> Result<()> {
        let mut process = Tethered::start(&self.script, |command| {
            command.arg(self.port.to_string()).arg(self.kind);
            command.stdout(Stdio::piped()).stderr(Stdio::null());
        })?;
        let output = process.0.stdout.take().context("the camera has no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(
            !line.is_empty(),
            "the camera does not start; it needs python3-gst-1.0 and gir1.2-gst-rtsp-server-1.0"
        );
        self.process = Some(process);
        Ok(())
    }

    /// Stops its threads: its connections stay, and nothing comes any more.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets its threads go on.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(signal))
    }
}

/// A line of `shopfloor play --json`.
#[derive(Clone, Debug, Deserialize)]
struct Line {
    tenant: String,
    state: String,
    restarts: u64,
    frames: u64,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug, Deserialize)]
struct Stage {
    inferred: u64,
}

/// What is known of a tenant.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What it did last.
    pub state: String,
    /// How often it was started again.
    pub restarts: u64,
    /// Frames that have left, and those that were inferred, in its present run.
    pub frames: u64,
    /// See `frames`.
    pub inferred: u64,
    /// Inferred frames of all runs up to each second.
    pub history: Vec<(Instant, u64)>,
}

impl Seen {
    fn add(&mut self, line: Line, now: Instant) {
        let inferred = line.stages.first().map_or(0, |stage| stage.inferred);
        // A new run counts from 0; without one, the counts of the last one stay.
        let more = inferred.checked_sub(self.inferred).unwrap_or(inferred);
        let all = self.history.last().map_or(0, |(_, all)| *all);
        self.history.push((now, all + more));
        (self.state, self.restarts) = (line.state, line.restarts);
        (self.frames, self.inferred) = (line.frames, inferred);
    }

    /// Inferred frames a second between two times.
    pub fn rate(&self, from: Instant, to: Instant) -> f64 {
        let inside = || self.history.iter().filter(|(at, _)| (from..=to).contains(at));
        match (inside().next(), inside().next_back()) {
            (Some((first, less)), Some((last, more))) if last > first => {
                (more - less) as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

/// A `shopfloor play` of a folder.
pub struct Play {
    process: Tethered,
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
}

impl Play {
    /// Plays `folder`; events go to `events.jsonl` and messages to `play.log` in `scratch`.
    pub fn start(folder: &Path, scratch: &Path, more: &[&str]) -> Result<Self> {
        let program = std::env::current_exe()?;
        let built = program.parent().context("this program is in no folder")?;
        let log = File::create(scratch.join("play.log"))?;
        let mut process = Tethered::start(built.join("shopfloor"), |command| {
            command.arg("play").arg(folder).arg("--json").args(more);
            command.arg("--events").arg(scratch.join("events.jsonl"));
            command.env("GST_PLUGIN_PATH", built);
            command.stdout(Stdio::piped()).stderr(log);
        })?;
        let output = process
            .0
            .stdout
            .take()
            .context("shopfloor play has no standard output")?;
        let seen = Arc::<Mutex<BTreeMap<String, Seen>>>::default();
        let shared = seen.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str::<Line>(&line) {
                    let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.entry(line.tenant.clone()).or_default().add(line, Instant::now());
                }
            }
        });
        Ok(Self { process, seen })
    }

    /// What is known of all.
    pub fn all(&self) -> BTreeMap<String, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a condition on all tenants is met.
    pub fn wait(&mut self, what: &str, is_met: impl Fn(&BTreeMap<String, Seen>) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_met(&self.all()) {
            let ended = self.process.0.try_wait()?;
            ensure!(ended.is_none(), "shopfloor play has ended: {ended:?}");
            ensure!(Instant::now() < deadline, "waited {PATIENCE:?} until {what}");
            thread::sleep(STEP);
        }
        Ok(())
    }

    fn proc(&self) -> Result<Process> {
        Ok(Process::new(i32::try_from(self.process.0.id())?)?)
    }

    /// What it uses now.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.process.0.id())
    }

    /// Connections that it has to a port of this machine.
    pub fn connections(&self, port: u16) -> Result<usize> {
        let process = self.proc()?;
        let socket = |target: FDTarget| match target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        };
        let sockets: Vec<_> = process.fd()?.flatten().filter_map(|fd| socket(fd.target)).collect();
        let connections = process.tcp()?.into_iter().filter(|tcp| {
            tcp.state == TcpState::Established && tcp.remote_address.port() == port && sockets.contains(&tcp.inode)
        });
        Ok(connections.count())
    }

    /// Asks it to end (SIGTERM); its exit status, if it ends.
    pub fn end(mut self) -> Result<Option<i32>> {
        self.process.signal(Signal::TERM)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.0.try_wait()? {
                return Ok(status.code());
            }
            ensure!(
                Instant::now() < deadline,
                "shopfloor play has not ended after {PATIENCE:?}"
            );
            thread::sleep(STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inferred_frames_are_counted_over_all_runs() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let mut seen = Seen::default();
        for (second, restarts, inferred) in [(0, 0, 3), (1, 0, 6), (2, 0, 6), (3, 1, 2), (4, 1, 5)] {
            let line = Line {
                tenant: "yard".into(),
                state: "playing".into(),
                restarts,
                frames: inferred,
                stages: vec![Stage { inferred }],
            };
            seen.add(line, at(second));
        }
        assert_eq!(seen.history.last().map(|(_, all)| *all), Some(11));
        assert_eq!(seen.rate(at(0), at(4)), 2.0);
        assert_eq!(seen.rate(at(1), at(2)), 0.0);
        assert_eq!(seen.rate(at(4), at(9)), 0.0, "one second alone has no rate");
    }
}
