//! The ways in which a server is taken away and given back, and the lines that play meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::ledger::SharedLedger;
use crate::line::Line;
use crate::process::Usage;
use crate::server::{Load, Place, TritonServer};

/// The longest wait for anything: after it, the soak has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// The interval of looking whether a line has ended while waiting for its frames.
const STEP: Duration = Duration::from_millis(200);
/// Frames of the camera that an outage lasts at least, so that both lines have noticed it.
const UNINFERRED: u64 = 5;
/// Inferred frames of each line between two outages.
const BETWEEN: u64 = 10;

/// A way of taking a server away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL, and a new server on the same port.
    Kill,
    /// SIGSTOP for longer than a request is waited for, then SIGCONT.
    Hang,
    /// SIGTERM, and a new server that has its model only later.
    Restart,
}

impl Kind {
    /// All, in the order in which they are run.
    pub const ALL: [Self; 3] = [Self::Kill, Self::Hang, Self::Restart];

    /// Its name in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed (SIGKILL)",
            Self::Hang => "hung (SIGSTOP)",
            Self::Restart => "restarted, model late",
        }
    }
}

/// One outage: how long inference took to come back after the server was ready, and what the process uses then.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// What was done.
    pub kind: Kind,
    /// The file's first inferred frame after readiness, in seconds.
    pub file: f64,
    /// The camera's.
    pub camera: f64,
    /// What this process uses after both are back.
    pub usage: Usage,
}

/// A file and a camera on one server.
pub struct Floor {
    place: Place,
    model: String,
    hang: Duration,
    server: Option<TritonServer>,
    lines: [(Line, SharedLedger); 2],
}

impl Floor {
    /// Starts the server and both lines, and waits until both are inferred.
    pub fn open(place: &Place, model: &str, hang: Duration) -> Result<Self> {
        let server = TritonServer::ready(place, &[model])?;
        let line = |live: bool| -> Result<_> {
            let line = Line::build(&format!(
                "videotestsrc name=in is-live={live} ! video/x-raw,width=640,height=480,framerate=10/1 \
                 ! tritoninfer name=element server={} model={model} ! fakesink name=out",
                place.url()
            ))?;
            let ledger = SharedLedger::of(&line)?;
            Ok((line, ledger))
        };
        let floor = Self {
            place: place.clone(),
            model: model.to_owned(),
            hang,
            server: Some(server),
            lines: [line(false)?, line(true)?],
        };
        floor.lines.iter().try_for_each(|(line, _)| line.play())?;
        floor.wait_for_inference()?;
        Ok(floor)
    }

    /// The ledgers of the file and of the camera.
    pub fn ledgers(&self) -> [&SharedLedger; 2] {
        self.lines.each_ref().map(|(_, ledger)| ledger)
    }

    /// Takes the server away, gives it back, and waits until both lines are inferred again.
    pub fn suffer(&mut self, kind: Kind) -> Result<Outage> {
        let ready = match kind {
            Kind::Kill => self.kill(),
            Kind::Hang => self.hang(),
            Kind::Restart => self.restart(),
        };
        let ready = ready.with_context(|| format!("the server was {}", kind.name()))?;
        let back = self.wait_for_marked_inference(ready);
        let [file, camera] = back.with_context(|| format!("the server was {}, and is ready", kind.name()))?;
        self.wait_for_inference()?;
        Ok(Outage {
            kind,
            file,
            camera,
            usage: Usage::own()?,
        })
    }

    fn kill(&mut self) -> Result<Instant> {
        self.server()?.kill();
        self.wait_for_outage()?;
        self.server = Some(TritonServer::ready(&self.place, &[&self.model])?);
        Ok(Instant::now())
    }

    fn hang(&mut self) -> Result<Instant> {
        let server = self.server()?;
        server.hang()?;
        let hung = Instant::now();
        self.wait_for_outage()?;
        std::thread::sleep(self.hang.saturating_sub(hung.elapsed()));
        self.mark();
        server.go_on()?;
        self.server = Some(server);
        Ok(Instant::now())
    }

    fn restart(&mut self) -> Result<Instant> {
        self.server()?.stop()?;
        let mut server = TritonServer::start(&self.place, Load::Later)?;
        server.wait_until_ready()?;
        // The server is there, its model is not.
        self.wait_for_outage()?;
        server.load(&self.model)?;
        self.server = Some(server);
        Ok(Instant::now())
    }

    /// Takes the server out; it is put back when it is ready again.
    fn server(&mut self) -> Result<TritonServer> {
        self.server.take().context("an earlier outage has not ended")
    }

    /// Waits until the camera has passed frames without inference; from then on the next inferred frames are the first ones.
    fn wait_for_outage(&self) -> Result<()> {
        let [_, camera] = &self.lines;
        let target = camera.1.get().uninferred + UNINFERRED;
        self.wait(
            &camera.1,
            "the camera passes frames without inference",
            |uninferred, _, _| uninferred >= target,
        )?;
        self.mark();
        Ok(())
    }

    fn mark(&self) {
        self.ledgers().into_iter().for_each(SharedLedger::mark);
    }

    /// Waits for the first inferred frame of both lines; returns how long after `ready` each was, in seconds.
    fn wait_for_marked_inference(&self, ready: Instant) -> Result<[f64; 2]> {
        let mut back = [0.0; 2];
        for (back, (_, ledger)) in back.iter_mut().zip(&self.lines) {
            self.wait(ledger, "inference is back", |_, _, since| since.is_some())?;
            let since = ledger.get().inferred_since.unwrap_or(ready);
            // It may come between the server's readiness and our knowing of it.
            *back = since.saturating_duration_since(ready).as_secs_f64();
        }
        Ok(back)
    }

    /// Waits until some more frames of each line were inferred.
    fn wait_for_inference(&self) -> Result<()> {
        for (_, ledger) in &self.lines {
            let target = ledger.get().inferred() + BETWEEN;
            self.wait(ledger, "frames are inferred", |_, inferred, _| inferred >= target)?;
        }
        Ok(())
    }

    /// Waits until the ledger's uninferred and inferred frames and the time of the first inferred one meet the condition.
    fn wait(
        &self,
        ledger: &SharedLedger,
        what: &str,
        condition: impl Fn(u64, u64, Option<Instant>) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let met =
            |ledger: &super::ledger::Ledger| condition(ledger.uninferred, ledger.inferred(), ledger.inferred_since);
        while !ledger.wait(STEP, met) {
            self.check_lines()?;
            ensure!(Instant::now() < deadline, "waited {PATIENCE:?} until {what}");
        }
        Ok(())
    }

    fn check_lines(&self) -> Result<()> {
        for ((line, _), name) in self.lines.iter().zip(["file", "camera"]) {
            if line
                .has_ended()
                .with_context(|| format!("the {name} ended by an error"))?
            {
                bail!("the {name} ended");
            }
        }
        Ok(())
    }

    /// Ends both streams, and waits until every frame has left.
    pub fn close(&self) -> Result<()> {
        for (line, _) in &self.lines {
            line.end_stream();
        }
        let deadline = Instant::now() + PATIENCE;
        for (line, _) in &self.lines {
            while !line.has_ended()? {
                ensure!(Instant::now() < deadline, "a stream has not ended within {PATIENCE:?}");
                std::thread::sleep(STEP);
            }
        }
        Ok(())
    }
}
