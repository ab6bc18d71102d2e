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

use crate::metrics::Metrics;
use crate::plugin;
use crate::shutdown::{STALL, Shutdown, Step};
use crate::state::TenantState;
use crate::status::{History, TenantStatus};
use crate::summary::Summary;
use crate::tenant::{Event, Tenant};
use crate::view::{self, View};

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(200);
/// How often tenants are sampled and shown.
const SHOW: Duration = Duration::from_secs(1);

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
    view: View,
    metrics: Option<Metrics>,
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
    history: History,
    status: TenantStatus,
}

impl Supervisor {
    /// Nothing plays yet. Events are written to `log`; the time to the first frame is counted from `started`.
    pub fn new(
        tenants: Vec<Tenant>,
        log: Option<LineLog>,
        started: Instant,
        view: View,
        metrics: Option<Metrics>,
    ) -> Self {
        Self {
            view,
            metrics,
            slots: tenants
                .into_iter()
                .map(|tenant| TenantSlot {
                    history: History::default(),
                    status: TenantStatus::new(tenant.name.as_str().into(), TenantState::Starting, started),
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
            if shown.elapsed() >= SHOW {
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
            self.view
                .print_line(&format!("error: {lost} lines of the events could not be written"));
            self.failed = true;
        }
        if let (Some(path), [slot]) = (picture, self.slots.as_slice())
            && let Err(error) = slot.tenant.save_picture(path)
        {
            self.view.print_line(&format!("{}: error: {error:#}", slot.tenant.name));
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
            Event::Log(text) => self.view.print_line(&text),
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
                self.sample(index);
                let verdict = format!("ended after {}", self.slots[index].status.outcome());
                self.end(index, &verdict, false);
            }
            gst::MessageView::Error(error) => {
                let text = describe("error", message.src(), &error.error(), error.debug());
                self.end(index, &text, true);
            }
            gst::MessageView::Warning(warning) => {
                let text = describe("warning", message.src(), &warning.error(), warning.debug());
                self.view.print_line(&format!("{}: {text}", slot.tenant.name));
            }
            gst::MessageView::Info(info) => {
                let text = describe("note", message.src(), &info.error(), info.debug());
                self.view.print_line(&format!("{}: {text}", slot.tenant.name));
            }
            _ => slot.tenant.serve(message),
        }
    }

    /// Also of a tenant that does not play any more: its stations' totals come when it is stopped, however it ended.
    fn handle_activity(&mut self, index: usize, line: Result<Box<LogLine>, MessageError>) {
        let tenant = &self.slots[index].tenant.name;
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
        self.view
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
                    self.view.print_line(&format!(
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
        let slot = &self.slots[index];
        if slot.playing {
            // An element that holds a frame would hold the stop.
            slot.tenant.pass_without_inference();
            self.end(index, &format!("error: {why}"), true);
        }
    }

    fn end(&mut self, index: usize, verdict: &str, failed: bool) {
        self.announce(index);
        self.failed |= failed;
        let slot = &mut self.slots[index];
        self.view.print_line(&format!("{}: {verdict}", slot.tenant.name));
        slot.playing = false;
        let state = if failed {
            TenantState::Failed { reason: verdict.into() }
        } else {
            TenantState::Ended
        };
        slot.status = slot.history.update(&slot.status, state, 0, Err(Instant::now()));
        if !slot.tenant.stop() {
            self.view.print_line(&format!(
                "{}: an element does not stop, and is left; totals are those of its last message",
                slot.tenant.name
            ));
        }
    }

    fn show(&mut self) {
        for index in 0..self.slots.len() {
            if self.slots[index].playing {
                self.announce(index);
                self.sample(index);
            }
        }
        let statuses: Vec<_> = self.slots.iter().map(|slot| slot.status.clone()).collect();
        if let Some(metrics) = &self.metrics {
            metrics.update(&statuses);
        }
        self.view.show(statuses);
    }

    fn sample(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let state = match (&slot.shutdown, slot.tenant.frames()) {
            (Some(_), _) => TenantState::Stopping { since: Instant::now() },
            (None, 0) => TenantState::Starting,
            (None, _) => TenantState::Playing,
        };
        slot.status = slot.history.update(&slot.status, state, 0, Ok(slot.tenant.sample()));
    }

    /// Prints once how long the first frame took.
    fn announce(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if let (false, Some(first)) = (slot.announced, slot.tenant.first_frame()) {
            slot.announced = true;
            let waited = first.duration_since(self.started).as_secs_f64();
            self.view
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::sync::mpsc::{Sender, channel};

    use gst::glib;
    use gst::subclass::prelude::*;
    use people::event::{EventKind, LogRecord};
    use people::{Activity, Totals};
    use people_meta::bus;
    use shopfloor::launch::Launch;

    use super::*;

    /// The element `teststation`: a station that was active for 20 s, which it states when it stops, as activityzone does.
    #[derive(Default)]
    struct TestStation;

    glib::wrapper! {
        struct TestStationElement(ObjectSubclass<TestStation>) @extends gst::Element, gst::Object;
    }

    #[glib::object_subclass]
    impl ObjectSubclass for TestStation {
        const NAME: &'static str = "ShopfloorTestStation";
        type Type = TestStationElement;
        type ParentType = gst::Element;
    }

    impl ObjectImpl for TestStation {}

    impl GstObjectImpl for TestStation {}

    impl ElementImpl for TestStation {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> =
                LazyLock::new(|| gst::subclass::ElementMetadata::new("Station", "Generic", "One station", "shopfloor"));
            Some(&METADATA)
        }

        fn change_state(&self, change: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            if change == gst::StateChange::PausedToReady {
                let lasted = Duration::from_secs(20);
                let totals = Totals {
                    active: lasted,
                    ..Totals::default()
                };
                let event = people::event::Event {
                    time: lasted,
                    station: "bench".into(),
                    worker: Some("red".into()),
                    kind: EventKind::End {
                        state: Activity::Active,
                        lasted,
                        totals,
                        assigned: Default::default(),
                    },
                };
                let structure = bus::to_structure(&LogLine::Event(LogRecord::from(event)));
                let message = gst::message::Element::builder(structure).src(&*self.obj()).build();
                self.obj().post_message(message).unwrap();
            }
            self.parent_change_state(change)
        }
    }

    /// Plays a tenant until it has ended; `send` sends what is to happen to it.
    fn play(pipeline: &str, send: fn(&Sender<Event>)) -> (String, Outcome) {
        gst::init().unwrap();
        gst::Element::register(None, "teststation", gst::Rank::NONE, TestStationElement::static_type()).unwrap();
        let launch = Launch {
            name: "yard".to_owned(),
            folder: "/".into(),
            description: format!("{pipeline} teststation"),
            names: Default::default(),
        };
        let (sender, events) = channel();
        let tenant = Tenant::new(&launch, "yard".to_owned(), 0, sender.clone(), false).unwrap();
        let mut supervisor = Supervisor::new(vec![tenant], None, Instant::now(), View::open(false, || {}), None);
        send(&sender);
        supervisor.run(&events);
        let table = supervisor.summary.table().map(|table| table.to_string());
        (table.unwrap_or_default(), supervisor.report(None).unwrap())
    }

    #[test]
    fn totals_are_kept_however_a_tenant_ends() {
        const SOURCE: &str = "videotestsrc is-live=true ! video/x-raw,width=32,height=32,framerate=60/1";
        let once: fn(&Sender<Event>) = |events| events.send(Event::Interrupt).unwrap();
        let twice: fn(&Sender<Event>) = |events| {
            for _ in 0..2 {
                events.send(Event::Interrupt).unwrap();
            }
        };
        for (end, pipeline, send, expected) in [
            (
                "its end",
                "identity eos-after=3 ! fakesink",
                (|_| {}) as fn(&Sender<Event>),
                Outcome::Played,
            ),
            ("an error", "identity error-after=3 ! fakesink", |_| {}, Outcome::Failed),
            ("an interrupt", "fakesink", once, Outcome::Interrupted),
            ("a second one", "fakesink", twice, Outcome::Failed),
        ] {
            let (table, outcome) = play(&format!("{SOURCE} ! {pipeline}"), send);
            assert!(table.contains("bench") && table.contains(" 20.0 "), "{end}: {table}");
            assert_eq!(outcome, expected, "{end}");
        }
    }
}
