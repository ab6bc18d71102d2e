//! The supervisor: plays tenants side by side, handles their bus messages, and produces progress, the log of events and
//! the summary.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use files::log::LineLog;
use gst::prelude::*;
use people::event::LogLine;
use people_meta::bus::MessageError;

use crate::plugin;
use crate::progress::Progress;
use crate::shutdown::{STALL, Shutdown, Step};
use crate::summary::Summary;
use crate::tenant::{Event, Tenant};

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(200);

/// How playing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every tenant reached its end.
    Played,
    /// A tenant failed, or a result could not be written; the reason was printed.
    Failed,
    /// It was interrupted; files are finished.
    Interrupted,
}

/// All tenants, and their results so far.
pub struct Supervisor {
    slots: Vec<TenantSlot>,
    progress: Progress,
    log: Option<LineLog>,
    summary: Summary,
    failed: bool,
    interrupted: bool,
    started: Instant,
}

struct TenantSlot {
    tenant: Tenant,
    playing: bool,
    /// Whether its first frame was announced.
    announced: bool,
    /// Set by an interrupt.
    shutdown: Option<Shutdown>,
}

impl Supervisor {
    /// Nothing plays yet. Events are written to `log`; the time to the first frame is counted from `started`.
    pub fn new(tenants: Vec<Tenant>, log: Option<LineLog>, started: Instant) -> Self {
        Self {
            progress: Progress::new(tenants.iter().map(|tenant| tenant.name.clone())),
            slots: tenants
                .into_iter()
                .map(|tenant| TenantSlot {
                    tenant,
                    playing: true,
                    announced: false,
                    shutdown: None,
                })
                .collect(),
            log,
            summary: Summary::default(),
            failed: false,
            interrupted: false,
            started,
        }
    }

    /// Plays until no tenant plays any more.
    pub fn run(&mut self, events: &Receiver<Event>) {
        for index in 0..self.slots.len() {
            if self.slots[index].tenant.start().is_err() {
                self.cannot_start(index, events);
            }
        }
        let mut shown = Instant::now();
        while self.slots.iter().any(|slot| slot.playing) {
            match events.recv_timeout(TICK) {
                Ok(event) => self.handle_event(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if shown.elapsed() >= TICK {
                shown = Instant::now();
                self.show();
            }
            self.watch_shutdowns(Instant::now());
        }
        // The totals that the last tenant sent when it was stopped.
        self.handle_sent(events);
    }

    /// Writes what is left to write: the picture, the log and the table.
    pub fn report(mut self, picture: Option<&Path>) -> Result<Outcome> {
        let lost = self.log.take().map_or(0, LineLog::close);
        if lost > 0 {
            self.progress
                .print_line(&format!("error: {lost} lines of the events could not be written"));
            self.failed = true;
        }
        if let (Some(path), [slot]) = (picture, self.slots.as_slice())
            && let Err(error) = slot.tenant.save_picture(path)
        {
            self.progress
                .print_line(&format!("{}: error: {error:#}", slot.tenant.name));
            self.failed = true;
        }
        if let Some(table) = self.summary.table() {
            let caption = "Seconds in each state, per station; `total s` is how long the station was watched:";
            writeln!(std::io::stdout(), "{caption}\n{table}").context("cannot print the table")?;
        }
        Ok(match (self.failed, self.interrupted) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Interrupted,
            (false, false) => Outcome::Played,
        })
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Message(index, message) => self.handle_message(index, &message),
            Event::Activity(index, event) => self.handle_activity(index, event),
            Event::Log(text) => self.progress.print_line(&text),
            Event::Interrupt => self.interrupt(),
        }
    }

    /// Handles what has been sent so far.
    fn handle_sent(&mut self, events: &Receiver<Event>) {
        while let Ok(event) = events.try_recv() {
            self.handle_event(event);
        }
    }

    /// Handles the error messages that are on the bus already; without one, at least the failure is reported.
    fn cannot_start(&mut self, index: usize, events: &Receiver<Event>) {
        self.handle_sent(events);
        if self.slots[index].playing {
            self.end(
                index,
                "error: an element did not start and gave no reason; run again with GST_DEBUG=3",
                true,
            );
        }
    }

    fn handle_message(&mut self, index: usize, message: &gst::Message) {
        let slot = &self.slots[index];
        if !slot.playing {
            return;
        }
        match message.view() {
            gst::MessageView::Eos(_) => {
                let verdict = format!("ended after {}", slot.tenant.progress().describe());
                self.end(index, &verdict, false);
            }
            gst::MessageView::Error(error) => {
                let text = describe("error", message.src(), &error.error(), error.debug());
                self.end(index, &text, true);
            }
            gst::MessageView::Warning(warning) => {
                let text = describe("warning", message.src(), &warning.error(), warning.debug());
                self.progress.print_line(&format!("{}: {text}", slot.tenant.name));
            }
            gst::MessageView::Info(info) => {
                let text = describe("note", message.src(), &info.error(), info.debug());
                self.progress.print_line(&format!("{}: {text}", slot.tenant.name));
            }
            _ => slot.tenant.serve(message),
        }
    }

    /// Also of a tenant that does not play any more: its stations' totals come when it is stopped, however it ended.
    fn handle_activity(&mut self, index: usize, line: Result<LogLine, MessageError>) {
        let tenant = &self.slots[index].tenant.name;
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                self.failed = true;
                return self.progress.print_line(&format!("{tenant}: error: {error}"));
            }
        };
        if let LogLine::Event(record) = &line {
            self.summary.record(tenant, &record.event);
        }
        if let Some(log) = &self.log {
            log.write(&line.of_stream(tenant.as_str().into()).to_json());
        }
    }

    fn interrupt(&mut self) {
        if self.interrupted {
            for index in 0..self.slots.len() {
                self.give_up(index, "stopped at once; files it was writing may be unusable");
            }
            return;
        }
        self.interrupted = true;
        self.progress
            .print_line("interrupted: ending the streams, so that files are finished (again to stop at once)");
        for slot in self.slots.iter_mut().filter(|slot| slot.playing) {
            slot.shutdown = Some(Shutdown::new(Instant::now(), slot.tenant.frames()));
            slot.tenant.ask_to_end();
        }
    }

    /// Takes the next step for each tenant that was asked to end and still plays.
    fn watch_shutdowns(&mut self, now: Instant) {
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            let frames = slot.tenant.frames();
            match slot.shutdown.as_mut().map(|shutdown| shutdown.step(now, frames)) {
                Some(Step::Pass) if slot.playing && slot.tenant.pass_without_inference() => {
                    let (name, stall) = (&slot.tenant.name, STALL.as_secs());
                    self.progress.print_line(&format!(
                        "{name}: no frame for {stall} s: the rest passes without inference"
                    ));
                }
                Some(Step::GiveUp) => {
                    self.give_up(
                        index,
                        "did not end in time after the interrupt; files it was writing may be unusable",
                    );
                }
                _ => {}
            }
        }
    }

    fn give_up(&mut self, index: usize, why: &str) {
        if self.slots[index].playing {
            self.end(index, &format!("error: {why}"), true);
        }
    }

    fn end(&mut self, index: usize, verdict: &str, failed: bool) {
        self.announce(index);
        self.failed |= failed;
        self.progress.finish(index, verdict);
        let slot = &mut self.slots[index];
        slot.playing = false;
        if !slot.tenant.stop() {
            self.progress.print_line(&format!(
                "{}: an element does not stop, and is left; totals are those of its last message",
                slot.tenant.name
            ));
        }
    }

    fn show(&mut self) {
        for index in 0..self.slots.len() {
            if self.slots[index].playing {
                self.announce(index);
                self.progress.show(index, &self.slots[index].tenant.progress());
            }
        }
    }

    /// Prints once how long the first frame took.
    fn announce(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if let (false, Some(first)) = (slot.announced, slot.tenant.first_frame()) {
            slot.announced = true;
            let waited = first.duration_since(self.started).as_secs_f64();
            self.progress
                .print_line(&format!("{}: first frame after {waited:.1} s", slot.tenant.name));
        }
    }
}

/// An element's message for a user: the element's name and kind, and the text.
///
/// The texts of our own elements are complete. GStreamer's elements often have a general text, such as "Resource not
/// found.", and the particulars in the debug details, so these follow on lines of their own.
fn describe(
    kind: &str,
    source: Option<&gst::Object>,
    error: &gst::glib::Error,
    debug: Option<gst::glib::GString>,
) -> String {
    let name = source.map_or_else(String::new, |source| match factory_of(source) {
        Some(factory) => format!("{} ({factory}): ", source.name()),
        None => format!("{}: ", source.name()),
    });
    // The first line is the place in the element's source code.
    let details = debug
        .as_deref()
        .filter(|_| !source.is_some_and(is_ours))
        .and_then(|debug| debug.split_once('\n'))
        .map_or("", |(_, details)| details.trim());
    let details: String = details.lines().map(|line| format!("\n    {line}")).collect();
    format!("{kind}: {name}{error}{details}")
}

fn factory_of(object: &gst::Object) -> Option<gst::glib::GString> {
    let factory = object.downcast_ref::<gst::Element>()?.factory()?;
    Some(factory.name())
}

/// Whether it is an element of the plugin, or a part of one.
fn is_ours(source: &gst::Object) -> bool {
    std::iter::successors(Some(source.clone()), GstObjectExt::parent)
        .any(|object| factory_of(&object).is_some_and(|name| plugin::ELEMENTS.contains(&name.as_str())))
}
