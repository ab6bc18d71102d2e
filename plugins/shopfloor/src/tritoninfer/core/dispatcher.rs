//! From a waiting frame to its result: the element's turns at the scheduler, its requests, and what becomes of those that fail.
//!
//! It is shared by the streaming thread, the source pad's task, the scheduler's threads and the callbacks of requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use gst::prelude::*;
use inference::failure::{Action, Attempt, OnFailure};
use inference::reorder::{Outcome, Ticket};
use inference::scheduler::{Client, Place};
use inference::{Error, RegionOutputs, Timings};
use people::SkipReason;
use triton::FailureKind;
use vision::letterbox::View;

use super::CAT;
use super::attach;
use super::connection::Connection;
use super::frame_queue::FrameQueue;
use super::loans::{Loan, Loans};
use super::open_model::OpenModel;
use super::policy;
use super::presentation;
use super::report::Reporter;
use super::server_times::ServerTimes;
use crate::qos::Liveness;
use crate::tritoninfer::settings::{FrameSettings, Settings};
use crate::video;

/// Time between looks whether a server that does not respond is available again; costs no network access.
const LOOK: Duration = Duration::from_millis(50);

/// Time that a change to NULL waits for messages that are being posted.
const POSTED_WITHIN: Duration = Duration::from_millis(100);

/// The element's frames, requests and their outcomes.
pub struct Dispatcher {
    /// Reads the model's contract again, in the background.
    reread: fn(&Arc<Self>, &Arc<OpenModel>),
    /// The core, once it exists, as other threads than the streaming thread have it.
    loans: Loans,
    /// The properties, which are those of the bin.
    properties: Arc<Mutex<Settings>>,
    /// The properties when the element left NULL: those that may change in READY only are taken from here.
    opened_with: Mutex<FrameSettings>,
    pub queue: FrameQueue,
    pub reporter: Reporter,
    pub connection: Connection,
    /// Whether the stream is live. One that is not known not to be must not be blocked.
    pub liveness: Liveness,
    /// A request has succeeded since the model was opened.
    has_worked: AtomicBool,
    /// Waiting frames do not ask for a turn: the server or the model is away.
    holding: AtomicBool,
    /// Frames are not to wait for a server that does not respond, until it does.
    given_up: AtomicBool,
    /// Time between frames, as reported in the latency.
    interval: Mutex<Duration>,
    timings: Mutex<Timings>,
    pub server_times: Arc<ServerTimes>,
    /// Statistics are being posted at intervals.
    posting: AtomicBool,
}

impl Dispatcher {
    /// A dispatcher without a model. `reread` reads the model's contract again, in the background.
    pub fn new(reread: fn(&Arc<Self>, &Arc<OpenModel>)) -> Self {
        Self {
            reread,
            loans: Loans::default(),
            properties: Arc::default(),
            opened_with: Mutex::default(),
            queue: FrameQueue::default(),
            reporter: Reporter::default(),
            connection: Connection::default(),
            liveness: Liveness::default(),
            has_worked: AtomicBool::new(false),
            holding: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            interval: Mutex::new(policy::UNKNOWN_INTERVAL),
            timings: Mutex::default(),
            server_times: Arc::default(),
            posting: AtomicBool::new(false),
        }
    }

    /// Sets the element that messages come from.
    pub fn set_element(&self, element: &gst::Element) {
        self.loans.set(element);
    }

    /// The element, while it exists.
    pub fn element(&self) -> Option<Loan> {
        self.loans.lend()
    }

    /// Waits for messages that other threads are posting, but not for long.
    pub fn wait_for_messages(&self) {
        if !self.loans.wait_for_others(POSTED_WITHIN) {
            gst::debug!(CAT, "a message that another thread posts is not handled yet");
        }
    }

    /// The properties, shared with the bin.
    pub fn shared_properties(&self) -> &Arc<Mutex<Settings>> {
        &self.properties
    }

    /// A copy of the properties, to open a model with.
    pub fn properties(&self) -> Settings {
        self.properties.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The settings in force.
    pub fn settings(&self) -> FrameSettings {
        let opened_with = *self.opened_with.lock().unwrap_or_else(PoisonError::into_inner);
        let properties = self.properties.lock().unwrap_or_else(PoisonError::into_inner);
        properties.of_frames().while_open(opened_with)
    }

    /// Whether the stream is known not to be live.
    pub fn is_file(&self) -> bool {
        self.liveness.known() == Some(false)
    }

    /// Number of frames that the element holds at most.
    pub fn held(&self) -> usize {
        let places = self.connection.open_model().map_or(1, |open| open.seat.places());
        let during_latency = self.latency().as_secs_f64() / self.interval().as_secs_f64().max(0.001);
        if self.is_file() {
            places + 1
        } else {
            during_latency.ceil() as usize
        }
    }

    /// How the stream treats failures.
    pub fn policy(&self) -> OnFailure {
        policy::on_failure(&self.settings(), !self.is_file())
    }

    /// The timings, locked.
    pub fn timings(&self) -> MutexGuard<'_, Timings> {
        self.timings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew with a model that is about to be opened.
    pub fn reset(&self) {
        let settings = self.properties().of_frames();
        *self.opened_with.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.reporter.reset();
        self.has_worked.store(false, Ordering::Relaxed);
        self.holding.store(false, Ordering::Relaxed);
        self.given_up.store(false, Ordering::Relaxed);
        *self.interval() = policy::UNKNOWN_INTERVAL;
        *self.timings() = Timings::default();
        self.server_times.reset();
    }

    fn interval(&self) -> MutexGuard<'_, Duration> {
        self.interval.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the time between frames, which is a part of the latency.
    pub fn set_interval(&self, interval: Duration) {
        let is_new = policy::is_new_interval(*self.interval(), interval);
        if is_new {
            *self.interval() = interval;
            self.post_latency();
        }
    }

    /// The latency that the element adds to a live stream.
    pub fn latency(&self) -> Duration {
        let response = self.connection.open_model().and_then(|open| open.seat.latency());
        policy::latency(&self.settings(), response, *self.interval())
    }

    fn post_latency(&self) {
        if let Some(element) = self.element() {
            // An error means that there is no bus.
            let _ = element.post_message(gst::message::Latency::builder().src(&*element).build());
        }
    }

    /// Whether frames can be sent, or wait until they can. Otherwise they pass without inference, which is reported.
    pub fn is_sendable(self: &Arc<Self>, open: Option<&OpenModel>) -> bool {
        let policy = self.policy();
        let Some(open) = open else {
            // Before a failure ends the stream, the first one is waited for.
            return matches!(policy, OnFailure::Hold | OnFailure::Fail);
        };
        if policy == OnFailure::PassAlways && self.given_up.load(Ordering::Relaxed) {
            return false;
        }
        match open.available() {
            Err(error) if policy != OnFailure::Hold => {
                self.notify(open, self.reporter.failed(&error.into(), policy));
                false
            }
            _ => true,
        }
    }

    // ---- turns

    /// Sends the oldest waiting frame at once if a place is free, otherwise asks for a turn.
    pub fn offer(self: &Arc<Self>, open: &Arc<OpenModel>) {
        if self.holding.load(Ordering::Relaxed) {
            return;
        }
        let patient = !policy::newest_only(&self.settings(), !self.is_file());
        match open.seat.take(patient) {
            Some(place) => self.send(open, place),
            None => self.ask_for_turn(open),
        }
    }

    fn ask_for_turn(&self, open: &OpenModel) {
        if !self.holding.load(Ordering::Relaxed)
            && let Some(stage) = self.queue.waiting_stage()
        {
            open.seat.wait(stage);
        }
    }

    /// Samples the oldest waiting frame and sends its requests; asks for another turn if more frames wait.
    fn send(self: &Arc<Self>, open: &Arc<OpenModel>, place: Place) {
        let Some((ticket, frame)) = self.queue.take_waiting() else {
            return;
        };
        let turn = Instant::now();
        self.timings().wait.add(turn.saturating_duration_since(frame.arrived));
        let settings = self.settings();
        let options = policy::options(&settings, self.policy(), open.seat.latency());
        let callback = {
            let (this, open) = (Arc::clone(self), Arc::downgrade(open));
            let attempt = (
                frame.arrived,
                frame.refusals,
                options.timeout.is_some() && settings.timeout > 0,
            );
            move |result: Result<RegionOutputs, Error>| this.responded(&open, ticket, attempt, turn, result)
        };
        let sent = gst_video::VideoFrameRef::from_buffer_ref_readable(&frame.buffer, &frame.info)
            .map_err(|error| error.to_string())
            .and_then(|mapped| {
                let image = video::image(&mapped).map_err(|error| error.to_string())?;
                let presentation = presentation::of_frame(&mapped, &frame.info, frame.orientation);
                let view = View::new(&image, presentation).map_err(|error| error.to_string())?;
                let submit = |sampler: &mut _| {
                    open.session
                        .submit(sampler, view, &frame.regions, options, Some(place), callback)
                };
                let submitted = open.with_sampler(submit).and_then(|submitted| submitted);
                submitted.map_err(|error| error.to_string())
            });
        match &sent {
            Ok(()) => self.timings().convert.add(turn.elapsed()),
            Err(_) => drop(self.queue.complete(ticket, Outcome::Skipped(SkipReason::Failed))),
        }
        if let Some(element) = self.element() {
            self.reporter
                .readable(&element, sent.as_ref().copied().map_err(String::as_str));
        }
        self.ask_for_turn(open);
    }

    // ---- responses, on threads of the server

    /// The response to a frame's requests, or the first error.
    fn responded(
        self: &Arc<Self>,
        open: &Weak<OpenModel>,
        ticket: Ticket,
        (arrived, refusals, is_limited): (Instant, u32, bool),
        sent: Instant,
        result: Result<RegionOutputs, Error>,
    ) {
        let mut timings = self.timings();
        timings.inference.add(arrived.elapsed());
        timings.request.add(sent.elapsed());
        drop(timings);
        let Some(open) = open.upgrade() else {
            return; // the element has been stopped
        };
        let decoded = result.and_then(|outputs| attach::decode(&open.session, open.region, outputs));
        match decoded {
            Ok(decoded) => {
                self.has_worked.store(true, Ordering::Relaxed);
                self.given_up.store(false, Ordering::Relaxed);
                let recovered = self.reporter.succeeded();
                self.timings().recoveries += u64::from(recovered);
                self.notify(&open, recovered);
                if let Some(reason) = open.session.model().server().transport_notice() {
                    let text = format!("Tensors are sent in messages instead of shared memory: {reason}");
                    self.reporter.hint(text);
                    self.notify(&open, true);
                }
                self.queue.complete(ticket, Outcome::Responded(decoded));
            }
            Err(error) => {
                gst::debug!(CAT, "{error}");
                let attempt = Attempt {
                    kind: error.failure_kind(),
                    refusals,
                    has_worked: self.has_worked.load(Ordering::Relaxed),
                    is_limited,
                };
                self.failed(&open, ticket, attempt, error);
            }
        }
    }

    fn failed(self: &Arc<Self>, open: &Arc<OpenModel>, ticket: Ticket, attempt: Attempt, error: Error) {
        let policy = self.policy();
        if attempt.kind == FailureKind::ServerAway {
            open.seat.outage();
        }
        let changed = matches!(attempt.kind, FailureKind::ModelAway | FailureKind::Refused);
        match attempt.action(policy) {
            Action::End => return self.end(open, error),
            // The server has dropped it, since others wait longer than its frame can.
            Action::Pass if attempt.kind == FailureKind::Late && !is_deadline(&error) => {
                self.queue.complete(ticket, Outcome::Skipped(SkipReason::Overload));
            }
            Action::Pass => {
                self.notify(open, self.reporter.failed(&error, policy));
                self.queue.complete(ticket, Outcome::Skipped(SkipReason::Failed));
            }
            Action::Hold => {
                self.notify(open, self.reporter.failed(&error, policy));
                self.hold(open, ticket, attempt.refusals);
            }
            Action::Retry => {
                self.timings().retried += 1;
                self.hold(open, ticket, attempt.refusals + 1);
            }
        }
        if changed {
            (self.reread)(self, open);
        }
    }

    /// Ends the stream with an error.
    pub fn end(self: &Arc<Self>, open: &OpenModel, error: Error) {
        let this = Arc::clone(self);
        open.seat.run(move || {
            if let Some(element) = this.element() {
                this.reporter.end(&element, &error);
            }
            this.queue.fail(gst::FlowError::Error);
        });
    }

    /// Posts what the reporter has recorded, if `changed`.
    pub fn notify(self: &Arc<Self>, open: &OpenModel, changed: bool) {
        if changed {
            let this = Arc::clone(self);
            open.seat.run(move || {
                if let Some(element) = this.element() {
                    this.reporter.post(&element);
                }
            });
        }
    }

    // ---- frames that wait for the server

    /// Returns a frame to the queue, to be sent again once the server is available.
    fn hold(self: &Arc<Self>, open: &Arc<OpenModel>, ticket: Ticket, refusals: u32) {
        self.queue.return_waiting(ticket, refusals);
        if !self.holding.swap(true, Ordering::Relaxed) {
            self.look_again(open);
        }
    }

    fn look_again(self: &Arc<Self>, open: &Arc<OpenModel>) {
        let (this, weak) = (Arc::downgrade(self), Arc::downgrade(open));
        open.seat.run_after(LOOK, move || {
            if let (Some(this), Some(open)) = (this.upgrade(), weak.upgrade()) {
                this.resume(&open);
            }
        });
    }

    /// Sends held frames if the server is available and the model is not being asked what it is.
    fn resume(self: &Arc<Self>, open: &Arc<OpenModel>) {
        let is_available = open.available().is_ok();
        let ready = is_available && !self.connection.is_rereading();
        if !ready && self.policy() == OnFailure::Hold {
            return self.look_again(open);
        }
        self.holding.store(false, Ordering::Relaxed);
        // The model may have been opened anew.
        self.offer(&self.connection.open_model().unwrap_or_else(|| Arc::clone(open)));
    }

    /// The settings have changed; frames may be held.
    pub fn settings_changed(self: &Arc<Self>) {
        let open = self.connection.open_model();
        if let Some(open) = &open {
            open.seat.set_weight(self.settings().weight);
        }
        let response = open.and_then(|open| open.seat.latency());
        let overdue = self
            .queue
            .pending_age()
            .is_some_and(|age| age > policy::patience(response));
        let stuck = overdue || self.reporter.state() != inference::State::Ready;
        if stuck && self.policy() == OnFailure::PassAlways {
            self.given_up.store(true, Ordering::Relaxed);
            self.holding.store(false, Ordering::Relaxed);
            self.queue.skip_all(SkipReason::Failed);
        }
    }

    // ---- statistics at intervals

    /// Marks that statistics will be posted; false if that is so already.
    pub fn begin_posting(&self) -> bool {
        !self.posting.swap(true, Ordering::AcqRel)
    }

    /// Statistics are being posted now.
    pub fn end_posting(&self) {
        self.posting.store(false, Ordering::Release);
    }
}

/// Whether our own deadline has passed.
fn is_deadline(error: &Error) -> bool {
    matches!(error, Error::Triton(triton::Error::DeadlineExceeded))
}

impl Client for Dispatcher {
    fn turn(self: Arc<Self>, place: Place) {
        if !self.holding.load(Ordering::Relaxed)
            && let Some(open) = self.connection.open_model()
        {
            self.send(&open, place);
        }
    }

    fn latency_changed(&self) {
        self.post_latency();
    }
}
