//! The supervisor: plays tenants side by side, each on its own, starts again what has failed, and produces what is shown of them,
//! the log of events and the summary.
//!
//! One loop owns all of it and never waits: whatever may, such as making, starting, asking and stopping a pipeline, is done by threads
//! that report to the loop.

mod context;
mod describe;
mod folder;
mod repeats;
mod restart;
mod run;
mod slot;
mod stall;
mod systemd;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use files::folder::News;
use files::log::LineLog;
use people::event::LogLine;
use people_meta::bus::MessageError;
use shopfloor::launch::{Launch, Parameters};

use context::Context;
pub use context::{Settings, Waits};
use folder::{Change, Tenants};
pub use restart::RestartPolicy;
use slot::Slot;
use systemd::Systemd;

use crate::metrics::Metrics;
use crate::picture::Picture;
use crate::state::TenantState;
use crate::summary::Summary;
use crate::tenant::{Event, RunEvent, RunId, lock};
use crate::view::{self, View};

/// How often every tenant is looked after.
const TICK: Duration = Duration::from_millis(200);
/// How often tenants are read and shown.
const SHOW: Duration = Duration::from_secs(1);

/// How playing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every tenant reached its end.
    Played,
    /// A tenant has failed for good, or a result could not be written; the reason was printed.
    Failed,
    /// It was interrupted; files are finished.
    Interrupted,
}

/// All tenants, and their results so far.
pub struct Supervisor {
    slots: Vec<Slot>,
    folders: Vec<Tenants>,
    settings: Settings,
    events: Sender<Event>,
    view: View,
    metrics: Option<Metrics>,
    log: Option<LineLog>,
    summary: Summary,
    failed: bool,
    interrupted: bool,
    /// The time to the first frame is counted from here.
    started: Instant,
    ticked: Instant,
    shown: Instant,
    systemd: Systemd,
}

impl Supervisor {
    /// Nothing plays yet. What happens to the tenants goes to `events`, whose other end [`run`](Self::run) gets.
    pub fn new(settings: Settings, events: Sender<Event>, started: Instant) -> Self {
        Self {
            slots: Vec::new(),
            folders: Vec::new(),
            settings,
            events,
            view: View::of_lines(),
            metrics: None,
            log: None,
            summary: Summary::default(),
            failed: false,
            interrupted: false,
            started,
            ticked: started,
            shown: started,
            systemd: Systemd::new(started),
        }
    }

    /// Adds the tenant of a launch file, with a name of its own, and makes its pipeline; good frames of it are offered for the picture, if
    /// there is one.
    ///
    /// # Errors
    /// A pipeline that GStreamer cannot make.
    pub fn add(&mut self, launch: Launch, picture: Option<Arc<Mutex<Picture>>>) -> Result<()> {
        let name = self.free_name(&launch.name);
        let mut slot = Slot::new(&name, Ok(launch), None, self.settings);
        slot.make(picture, &self.events, self.started).context(name)?;
        self.slots.push(slot);
        Ok(())
    }

    /// Plays the launch files of a folder, those of the future, too; then it plays until it is interrupted.
    ///
    /// # Errors
    /// The system has no thread that follows it.
    pub fn follow(&mut self, path: PathBuf, parameters: Arc<Parameters>) -> Result<()> {
        let (number, events) = (self.folders.len(), self.events.clone());
        // The supervisor may have ended.
        let notify = move |news| drop(events.send(Event::Folder(number, news)));
        let folder = Tenants::follow(path, parameters, notify).context("cannot follow the folder")?;
        self.folders.push(folder);
        Ok(())
    }

    /// Tenants and messages are shown there.
    pub fn show_on(&mut self, view: View, metrics: Option<Metrics>) {
        if let Some(metrics) = &metrics {
            view.print_line(&format!("metrics: http://{}/metrics", metrics.address()));
        }
        (self.view, self.metrics) = (view, metrics);
    }

    /// Events are written to this log.
    pub fn log_to(&mut self, log: LineLog) {
        self.log = Some(log);
    }

    /// The name, numbered if another tenant has it.
    fn free_name(&self, name: &str) -> String {
        let is_free = |name: &String| self.slots.iter().all(|slot| **slot.name() != **name);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(is_free).unwrap_or_default()
    }

    /// Plays until no tenant plays any more, nor is to be started again.
    pub fn run(&mut self, events: &Receiver<Event>) {
        self.start();
        while !self.is_over() {
            self.turn(events);
        }
        // The last lines of those that do not stop.
        while let Ok(event) = events.try_recv() {
            self.handle_event(event);
        }
    }

    fn start(&mut self) {
        self.each(Slot::start);
    }

    fn is_over(&self) -> bool {
        let may_grow = !self.folders.is_empty() && !self.interrupted;
        !may_grow && self.slots.iter().all(Slot::is_over)
    }

    /// Handles one event, if one comes, and what is due.
    fn turn(&mut self, events: &Receiver<Event>) {
        if let Ok(event) = events.recv_timeout(TICK) {
            self.handle_event(event);
        }
        if self.ticked.elapsed() >= TICK {
            self.tick();
        }
    }

    /// Does what is due, and shows how far everything is.
    fn tick(&mut self) {
        self.ticked = Instant::now();
        self.each(Slot::tick);
        if !self.interrupted {
            self.slots.retain(|slot| slot.file().is_none() || !slot.is_gone());
        }
        let mut lines = Vec::new();
        for folder in &mut self.folders {
            folder.tick(self.ticked, &mut lines);
        }
        self.print(&lines);
        if self.shown.elapsed() >= SHOW {
            self.show();
        }
        let were_tried = self.folders.iter().all(Tenants::was_read) && self.slots.iter().all(Slot::was_tried);
        self.systemd.turn(self.ticked, were_tried, &self.status());
    }

    /// How many play, and which do not, in one line.
    fn status(&self) -> String {
        let plays = |slot: &&Slot| *slot.state() == TenantState::Playing;
        let (playing, others): (Vec<_>, Vec<_>) = self.slots.iter().partition(plays);
        let described = others.iter().take(5).map(|slot| {
            let reason = slot.state().reason().and_then(|reason| reason.lines().next());
            let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
            format!("{} ({}{reason})", slot.name(), slot.state().name())
        });
        let mut status = format!("{} of {} tenants play", playing.len(), self.slots.len());
        for (index, other) in described.enumerate() {
            status.push_str(if index == 0 { "; not " } else { ", " });
            status.push_str(&other);
        }
        if others.len() > 5 {
            status.push_str(", …");
        }
        status
    }

    /// Writes what is left to write: the picture, the log and the table.
    pub fn report(mut self, picture: Option<(&Path, &Mutex<Picture>)>) -> Result<Outcome> {
        let lost = self.log.take().map_or(0, LineLog::close);
        if lost > 0 {
            self.view
                .print_line(&format!("error: {lost} lines of the events could not be written"));
            self.failed = true;
        }
        if let Some((path, picture)) = picture
            && let Err(error) = lock(picture).save(path)
        {
            self.view.print_line(&format!("error: {error:#}"));
            self.failed = true;
        }
        self.view.close();
        if let Some(table) = self.summary.table() {
            let caption = "Seconds in each state, per station; `total s` is how long the station was watched:";
            let text = format!("{caption}\n{table}");
            if self.view.has_stdout() {
                view::to_stderr(&text);
            } else {
                writeln!(std::io::stdout(), "{text}").context("cannot print the table")?;
            }
        }
        let is_failed = |slot: &Slot| matches!(slot.state(), TenantState::Failed { .. });
        self.failed |= self.slots.iter().any(is_failed);
        Ok(match (self.failed, self.interrupted) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Interrupted,
            (false, false) => Outcome::Played,
        })
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Run(id, event) => self.handle_run(id, event),
            Event::Log(text) => self.view.print_line(&text),
            Event::Folder(number, news) => self.handle_folder(number, news),
            Event::Interrupt => self.interrupt(),
            Event::Reload if self.folders.is_empty() => self.interrupt(),
            Event::Reload => self.reload(),
        }
    }

    fn handle_folder(&mut self, number: usize, news: News) {
        let mut lines = Vec::new();
        let changes = self.folders[number].changes(news, &mut lines);
        self.print(&lines);
        if self.interrupted {
            return;
        }
        for (name, change) in changes {
            self.change((number, name), change);
        }
    }

    /// A launch file has come, changed, or is gone.
    fn change(&mut self, file: (usize, OsString), change: Change) {
        let index = self.slots.iter().position(|slot| slot.file() == Some(&file));
        match (change, index) {
            (Change::Removed, None) => {}
            (Change::Removed, Some(index)) => self.with(index, |slot, context| {
                slot.say("its launch file is gone: it ends", context);
                slot.dismiss(context);
            }),
            (Change::Added(launch) | Change::Changed(launch), Some(index)) => {
                self.with(index, |slot, context| slot.renew(launch, context));
            }
            (Change::Added(launch) | Change::Changed(launch), None) => {
                let name = self.free_name(&Path::new(&file.1).with_extension("").to_string_lossy());
                self.slots
                    .push(Slot::new(&name, Err("".into()), Some(file), self.settings));
                self.with(self.slots.len() - 1, |slot, context| slot.renew(launch, context));
            }
        }
    }

    /// Looks at the folders, and starts what waits, at once.
    fn reload(&mut self) {
        self.print(&["looking at the folders, and starting tenants that wait".to_owned()]);
        self.folders.iter().for_each(Tenants::hurry);
        self.each(Slot::hurry);
    }

    fn print(&self, lines: &[String]) {
        lines.iter().for_each(|line| self.view.print_line(line));
    }

    fn handle_run(&mut self, id: RunId, event: RunEvent) {
        let Some(index) = self.slots.iter().position(|slot| slot.has_run(id)) else {
            if matches!(event, RunEvent::Stopped) {
                self.slots.iter_mut().for_each(|slot| slot.forget_left(id));
            }
            return;
        };
        // Also while it is being stopped: the totals come then.
        if let RunEvent::Activity(line) = event {
            return self.handle_activity(index, line);
        }
        self.with(index, |slot, context| slot.handle(event, context));
    }

    fn handle_activity(&mut self, index: usize, line: Result<Box<LogLine>, MessageError>) {
        let tenant = self.slots[index].name();
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                self.failed = true;
                return self.view.print_line(&format!("{tenant}: error: {error}"));
            }
        };
        if let LogLine::Event(record) = &*line {
            self.summary.record(tenant, &record.event);
        }
        if let Some(log) = &self.log {
            log.write(&line.of_stream((&**tenant).into()).to_json());
        }
    }

    fn interrupt(&mut self) {
        if self.interrupted {
            return self.each(|slot, context| {
                slot.give_up("stopped at once; files it was writing may be unusable", context);
            });
        }
        self.interrupted = true;
        self.systemd.stopping();
        self.view
            .print_line("interrupted: ending the streams, so that files are finished (again to stop at once)");
        self.each(Slot::dismiss);
    }

    /// Lets every tenant take a step.
    fn each(&mut self, step: impl Fn(&mut Slot, &mut Context)) {
        for index in 0..self.slots.len() {
            self.with(index, &step);
        }
    }

    /// Lets one tenant take a step, and prints what it says.
    fn with(&mut self, index: usize, step: impl FnOnce(&mut Slot, &mut Context)) {
        let mut lines = Vec::new();
        let mut context = Context {
            now: Instant::now(),
            settings: self.settings,
            events: &self.events,
            lines: &mut lines,
            summary: &mut self.summary,
        };
        step(&mut self.slots[index], &mut context);
        self.print(&lines);
    }

    fn show(&mut self) {
        let now = Instant::now();
        self.shown = now;
        let tenants: Vec<_> = self.slots.iter_mut().map(|slot| slot.observe(now)).collect();
        if let Some(metrics) = &self.metrics {
            metrics.update(&tenants);
        }
        self.view.show(tenants);
    }
}
