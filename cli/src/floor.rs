//! Tenants side by side: hears what they say, and turns it into progress, events and results.

use std::fs::File;
use std::io::{LineWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gst::prelude::*;

use crate::facts::{self, Ledger};
use crate::progress::Progress;
use crate::tenant::{Event, Tenant};

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(200);
/// How long a pipeline may take to finish its files after an interrupt.
const GRACE: Duration = Duration::from_secs(20);

/// How playing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every tenant reached its end.
    Played,
    /// A tenant, or writing a result, failed; it was said why.
    Failed,
    /// Somebody stopped it; files are finished.
    Interrupted,
}

/// Everything that plays, and what came of it.
pub struct Floor {
    seats: Vec<Seat>,
    progress: Progress,
    lines: Option<LineWriter<File>>,
    ledger: Ledger,
    failed: bool,
    interrupted: Option<Instant>,
    started: Instant,
}

struct Seat {
    tenant: Tenant,
    playing: bool,
    /// Its first frame was announced.
    begun: bool,
}

impl Floor {
    /// Nothing plays yet; events go to `lines`, and the first frames' time is counted from `started`.
    pub fn new(tenants: Vec<Tenant>, lines: Option<LineWriter<File>>, started: Instant) -> Self {
        Self {
            progress: Progress::new(tenants.iter().map(|tenant| tenant.name.clone())),
            seats: tenants
                .into_iter()
                .map(|tenant| Seat {
                    tenant,
                    playing: true,
                    begun: false,
                })
                .collect(),
            lines,
            ledger: Ledger::default(),
            failed: false,
            interrupted: None,
            started,
        }
    }

    /// Until no tenant plays any more.
    pub fn run(&mut self, events: &Receiver<Event>) -> Result<()> {
        for index in 0..self.seats.len() {
            if self.seats[index].tenant.start().is_err() {
                self.cannot_start(index, events)?;
            }
        }
        let mut shown = Instant::now();
        while self.seats.iter().any(|seat| seat.playing) {
            match events.recv_timeout(TICK) {
                Ok(event) => self.take(event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if shown.elapsed() >= TICK {
                shown = Instant::now();
                self.show();
            }
            if self.interrupted.is_some_and(|since| since.elapsed() > GRACE) {
                self.give_up("did not end in time after the interrupt; files it was writing may be unusable");
            }
        }
        Ok(())
    }

    /// Writes what is left to write: the picture and the table.
    pub fn report(mut self, picture: Option<&Path>) -> Result<Outcome> {
        if let (Some(path), [seat]) = (picture, self.seats.as_slice())
            && let Err(error) = seat.tenant.save_picture(path)
        {
            self.progress.say(&format!("{}: error: {error:#}", seat.tenant.name));
            self.failed = true;
        }
        if let Some(table) = self.ledger.table() {
            writeln!(std::io::stdout(), "{table}").context("cannot print the table")?;
        }
        Ok(match (self.failed, self.interrupted) {
            (true, _) => Outcome::Failed,
            (false, Some(_)) => Outcome::Interrupted,
            (false, None) => Outcome::Played,
        })
    }

    fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Bus(index, message) => self.hear(index, &message),
            Event::Interrupt => {
                self.interrupt();
                Ok(())
            }
        }
    }

    /// The error message that says why is on the bus already; if an element said nothing, say that much.
    fn cannot_start(&mut self, index: usize, events: &Receiver<Event>) -> Result<()> {
        while let Ok(event) = events.try_recv() {
            self.take(event)?;
        }
        if self.seats[index].playing {
            self.end(
                index,
                "error: an element refused to start without saying why; see GST_DEBUG=3",
                true,
            );
        }
        Ok(())
    }

    fn hear(&mut self, index: usize, message: &gst::Message) -> Result<()> {
        let Seat {
            tenant, playing: true, ..
        } = &self.seats[index]
        else {
            return Ok(());
        };
        let name = tenant.name.clone();
        match message.view() {
            gst::MessageView::Eos(_) => {
                let verdict = format!("ended after {}", tenant.standing().describe());
                self.end(index, &verdict, false);
            }
            gst::MessageView::Error(error) => {
                let text = complaint("error", message.src(), &error.error(), error.debug());
                self.end(index, &text, true);
            }
            gst::MessageView::Warning(warning) => {
                let text = complaint("warning", message.src(), &warning.error(), warning.debug());
                self.progress.say(&format!("{name}: {text}"));
            }
            gst::MessageView::Info(info) => {
                let text = complaint("note", message.src(), &info.error(), info.debug());
                self.progress.say(&format!("{name}: {text}"));
            }
            gst::MessageView::Element(element) => {
                if let Some(structure) = element.structure() {
                    self.hear_of_station(&name, structure)?;
                }
            }
            _ => tenant.serve(message),
        }
        Ok(())
    }

    fn hear_of_station(&mut self, tenant: &str, structure: &gst::StructureRef) -> Result<()> {
        let Some(event) = facts::read_event(structure)? else {
            return Ok(());
        };
        if let Some(lines) = &mut self.lines {
            writeln!(lines, "{}", event.to_json(Some(tenant))).context("cannot write the events")?;
        }
        self.ledger.note(tenant, &event);
        Ok(())
    }

    fn interrupt(&mut self) {
        if self.interrupted.is_some() {
            self.give_up("stopped at once; files it was writing may be unusable");
            return;
        }
        self.interrupted = Some(Instant::now());
        self.progress
            .say("interrupted: ending the streams, so that files are finished (again to stop at once)");
        self.seats
            .iter()
            .filter(|seat| seat.playing)
            .for_each(|seat| seat.tenant.ask_to_end());
    }

    fn give_up(&mut self, why: &str) {
        for index in 0..self.seats.len() {
            if self.seats[index].playing {
                self.end(index, &format!("error: {why}"), true);
            }
        }
    }

    fn end(&mut self, index: usize, verdict: &str, failed: bool) {
        self.announce(index);
        self.failed |= failed;
        self.progress.finish(index, verdict);
        let seat = &mut self.seats[index];
        seat.playing = false;
        seat.tenant.stop();
    }

    fn show(&mut self) {
        for index in 0..self.seats.len() {
            if self.seats[index].playing {
                self.announce(index);
                self.progress.show(index, &self.seats[index].tenant.standing());
            }
        }
    }

    /// Says once how long the first frame took.
    fn announce(&mut self, index: usize) {
        let seat = &mut self.seats[index];
        if let (false, Some(first)) = (seat.begun, seat.tenant.first_frame()) {
            seat.begun = true;
            let waited = first.duration_since(self.started).as_secs_f64();
            self.progress
                .say(&format!("{}: first frame after {waited:.1} s", seat.tenant.name));
        }
    }
}

/// What an element complains about: its name and kind, the message, and the details below.
fn complaint(
    kind: &str,
    source: Option<&gst::Object>,
    error: &gst::glib::Error,
    debug: Option<gst::glib::GString>,
) -> String {
    let source = source.map_or_else(String::new, |source| {
        let factory = source.downcast_ref::<gst::Element>().and_then(ElementExt::factory);
        match factory {
            Some(factory) => format!("{} ({}): ", source.name(), factory.name()),
            None => format!("{}: ", source.name()),
        }
    });
    // GStreamer puts the place in its source code on the first line, and the element's own words below.
    let details = debug
        .as_deref()
        .and_then(|debug| debug.split_once('\n'))
        .map_or("", |(_, details)| details.trim());
    let details: String = details.lines().map(|line| format!("\n    {line}")).collect();
    format!("{kind}: {source}{error}{details}")
}
