//! One tenant over all its runs: what it is to do, and what its present run does.
//!
//! A run is stopped before the next one starts, since both would write the same files. See [`Slot::watch_stop`] for one that does not
//! stop.

use std::ffi::OsString;
use std::mem;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use shopfloor::launch::Launch;

use super::context::{Context, Settings};
use super::describe::describe;
use super::repeats::Repeats;
use super::restart::{self, End, Kind, Next, PLAYED_WELL, RestartPolicy};
use super::run::{Ending, Run};
use super::stall::Verdict;
use crate::backoff::Backoff;
use crate::picture::Picture;
use crate::shutdown::{STALL, Shutdown, Step};
use crate::state::TenantState;
use crate::status::{History, TenantStatus};
use crate::tenant::{Event, Plan, RunEvent, RunId, Tenant};

/// Most runs of a tenant that are left: each keeps its memory and threads.
const MOST_LEFT: usize = 3;

/// A tenant.
pub struct Slot {
    name: Arc<str>,
    /// None if its launch file has never been right.
    launch: Option<Launch>,
    picture: Option<Arc<Mutex<Picture>>>,
    /// Where its launch file is followed: the number of the folder, and the file's name in it.
    file: Option<(usize, OsString)>,
    /// Whether it is to play; otherwise it ends, and is not started again.
    is_wanted: bool,
    /// Whether its launch file has changed since the present run began.
    is_changed: bool,
    /// Whether a stream of it was live.
    was_live: bool,
    state: TenantState,
    run: Option<Run>,
    /// How many runs it has had.
    runs: u64,
    /// Runs that do not stop, beside which others were started.
    left: Vec<RunId>,
    backoff: Backoff,
    restarts: u64,
    repeats: Repeats,
    history: History,
    status: TenantStatus,
}

impl Slot {
    /// A tenant that does not play yet. Without a launch file it has failed, for the reason, until there is one.
    pub fn new(
        name: &str,
        launch: Result<Launch, Arc<str>>,
        file: Option<(usize, OsString)>,
        settings: Settings,
    ) -> Self {
        let (launch, state) = match launch {
            Ok(launch) => (Some(launch), TenantState::Starting),
            Err(reason) => (None, TenantState::Failed { reason }),
        };
        let name: Arc<str> = name.into();
        Self {
            history: History::default(),
            status: TenantStatus::new(Arc::clone(&name), state.clone(), Instant::now()),
            name,
            launch,
            picture: None,
            file,
            is_wanted: true,
            is_changed: false,
            was_live: false,
            state,
            run: None,
            runs: 0,
            left: Vec::new(),
            backoff: restart::delays(settings.waits.restart),
            restarts: 0,
            repeats: Repeats::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where its launch file is followed, if it is.
    pub fn file(&self) -> Option<&(usize, OsString)> {
        self.file.as_ref()
    }

    /// Whether it plays, or does not although it was tried.
    pub fn was_tried(&self) -> bool {
        self.state != TenantState::Starting || self.restarts > 0
    }

    /// What it does.
    pub fn state(&self) -> &TenantState {
        &self.state
    }

    /// How often it was started again after its end.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// What is shown of it, read anew.
    pub fn observe(&mut self, now: Instant) -> TenantStatus {
        let plays = !self.state.is_over() && !matches!(self.state, TenantState::Waiting { .. });
        let tenant = self.tenant().filter(|_| plays);
        let sample = tenant.map(Tenant::sample).ok_or(now);
        self.status = self
            .history
            .update(&self.status, self.state.clone(), self.restarts, sample);
        self.status.clone()
    }

    /// The pipeline of the present run.
    pub fn tenant(&self) -> Option<&Tenant> {
        self.run.as_ref()?.tenant.as_deref()
    }

    /// Whether its stream is live, as far as that is known.
    pub fn is_live(&self) -> bool {
        self.was_live || self.tenant().is_some_and(Tenant::is_live)
    }

    /// Whether a run is its present one.
    pub fn has_run(&self, id: RunId) -> bool {
        self.run.as_ref().is_some_and(|run| run.id == id)
    }

    /// Whether nothing more happens to it by itself. What does not stop, and is not to be started again, is not waited for.
    pub fn is_over(&self) -> bool {
        self.state.is_over() && (self.run.is_none() || !self.is_wanted)
    }

    /// Whether nothing of it is left that another tenant of the same file would have to wait for.
    pub fn is_gone(&self) -> bool {
        !self.is_wanted && self.run.is_none()
    }

    /// Makes the pipeline of the first run, of which good frames are offered for the picture, if there is one. It does not play yet.
    ///
    /// # Errors
    /// A pipeline that GStreamer cannot make.
    pub fn make(&mut self, picture: Option<Arc<Mutex<Picture>>>, events: &Sender<Event>, since: Instant) -> Result<()> {
        self.picture = picture;
        if let Some(plan) = self.plan() {
            let id = RunId::next();
            let tenant = Tenant::new(&plan, id, events.clone())?;
            self.run = Some(Run::new(id, Some(Box::new(tenant)), since));
        }
        Ok(())
    }

    fn plan(&self) -> Option<Plan> {
        Some(Plan {
            launch: self.launch.clone()?,
            picture: self.picture.clone(),
        })
    }

    /// Starts the next run, or the first one that was made.
    pub fn start(&mut self, context: &mut Context) {
        let Some(plan) = self.plan() else { return };
        if self.runs > 0 && !self.is_live() {
            // It begins from its start: what was counted is counted again.
            context.summary.begin_again(&self.name);
        }
        self.runs += 1;
        if mem::take(&mut self.is_changed) {
            // What its stream was says nothing about the one that it has now.
            self.was_live = false;
        }
        self.state = TenantState::Starting;
        if let Some(tenant) = self.tenant() {
            return tenant.start();
        }
        let id = RunId::next();
        self.run = Some(Run::new(id, None, context.now));
        Tenant::make(plan, id, context.events.clone());
    }

    /// Its launch file has this now. What is wrong is said, and changes nothing else.
    pub fn renew(&mut self, launch: Result<Launch, Arc<str>>, context: &mut Context) {
        let reason = match launch {
            Ok(launch) => return self.replace(launch, context),
            Err(reason) => reason,
        };
        let then = if self.launch.is_some() {
            "; it goes on with what it had"
        } else {
            ""
        };
        self.say(&format!("error: {reason}{then}"), context);
        if self.launch.is_none() {
            self.state = TenantState::Failed { reason };
        }
    }

    /// Its launch file is this one from now on: if it is another one, the present run ends, orderly, and the next one starts.
    fn replace(&mut self, launch: Launch, context: &mut Context) {
        let is_same = self.launch.as_ref() == Some(&launch);
        if is_same && self.is_wanted {
            return;
        }
        self.launch = Some(launch);
        self.is_wanted = true;
        self.is_changed = true;
        self.backoff.reset();
        if self.run.is_some() {
            self.state = TenantState::Stopping { since: context.now };
            self.ask_to_end(context);
        } else {
            self.start(context);
        }
    }

    /// What waits for its next run begins it at once.
    pub fn hurry(&mut self, context: &mut Context) {
        if matches!(self.state, TenantState::Waiting { .. }) {
            self.restarts += 1;
            self.start(context);
        }
    }

    /// Handles what the present run reports.
    pub fn handle(&mut self, event: RunEvent, context: &mut Context) {
        let Some(run) = &mut self.run else { return };
        match event {
            RunEvent::Made(Ok(tenant)) => {
                let tenant = run.tenant.insert(tenant);
                if run.ending.is_some() {
                    tenant.stop();
                } else {
                    tenant.start();
                }
            }
            RunEvent::Made(Err(error)) => {
                self.stop(End::NotStarted, &format!("error: {error:#}"), context);
                self.decide(context);
            }
            RunEvent::Started(Ok(())) => run.is_started = true,
            RunEvent::Started(Err(_)) => {
                let text = "error: an element did not start and gave no reason; run again with GST_DEBUG=3";
                self.stop(End::NotStarted, text, context);
            }
            RunEvent::Message(message) => self.handle_message(&message, context),
            RunEvent::Activity(_) => {}
            RunEvent::Stopped => self.decide(context),
        }
    }

    fn handle_message(&mut self, message: &gst::Message, context: &mut Context) {
        let Some(run) = self.run.as_ref().filter(|run| run.ending.is_none()) else {
            return;
        };
        let Some(tenant) = &run.tenant else { return };
        match message.view() {
            gst::MessageView::Eos(_) => {
                let lost = tenant.is_live() && run.shutdown.is_none();
                let what = if lost { "the live stream has ended" } else { "ended" };
                let verdict = format!("{what} after {}", tenant.outcome());
                self.stop(End::Eos, &verdict, context);
            }
            gst::MessageView::Error(error) => {
                let text = describe("error", message.src(), &error.error(), error.debug());
                let end = if tenant.frames() > 0 {
                    End::Error
                } else {
                    End::NotStarted
                };
                self.stop(end, &text, context);
            }
            gst::MessageView::Warning(warning) => {
                let text = describe("warning", message.src(), &warning.error(), warning.debug());
                self.remark(&text, context);
            }
            gst::MessageView::Info(info) => {
                let text = describe("note", message.src(), &info.error(), info.debug());
                self.remark(&text, context);
            }
            _ => tenant.serve(message),
        }
    }

    /// Prints what may come again and again.
    fn remark(&mut self, text: &str, context: &mut Context) {
        if let Some(text) = self.repeats.print(text, context.now) {
            self.say(&text, context);
        }
    }

    /// Takes the steps that are due at this time.
    pub fn tick(&mut self, context: &mut Context) {
        if matches!(self.state, TenantState::Waiting { at, .. } if context.now >= at) {
            return self.hurry(context);
        }
        self.announce(context);
        self.watch_shutdown(context);
        self.watch_stall(context);
        self.watch_stop(context);
    }

    /// It is to end, orderly, and not to be started again.
    pub fn dismiss(&mut self, context: &mut Context) {
        self.is_wanted = false;
        if self.run.is_some() {
            self.ask_to_end(context);
        } else if !self.state.is_over() {
            self.state = TenantState::Ended;
        }
    }

    /// Asks the present run for its end, so that its files are finished.
    fn ask_to_end(&mut self, context: &mut Context) {
        let Some(run) = self.run.as_mut().filter(|run| run.ending.is_none()) else {
            return;
        };
        if run.shutdown.is_some() {
            return;
        }
        let frames = run.tenant.as_ref().map_or(0, |tenant| tenant.frames());
        run.shutdown = Some(Shutdown::new(context.now, frames));
        self.state = TenantState::Stopping { since: context.now };
        match &run.tenant {
            Some(tenant) => tenant.ask_to_end(),
            None => run.ending = Some(Ending::new(End::Eos, "", context.now)),
        }
    }

    /// Takes the next step if it was asked to end and still plays.
    fn watch_shutdown(&mut self, context: &mut Context) {
        let Some(run) = self.run.as_mut().filter(|run| run.ending.is_none()) else {
            return;
        };
        let (Some(tenant), Some(shutdown)) = (&run.tenant, &mut run.shutdown) else {
            return;
        };
        match shutdown.step(context.now, tenant.frames()) {
            Step::Pass if tenant.pass_without_inference() => {
                let text = format!("no frame for {} s: the rest passes without inference", STALL.as_secs());
                self.say(&text, context);
            }
            Step::GiveUp => self.give_up(
                "did not end in time after it was asked to; files it was writing may be unusable",
                context,
            ),
            _ => {}
        }
    }

    /// Stops what still plays.
    pub fn give_up(&mut self, why: &str, context: &mut Context) {
        if let Some(tenant) = self.tenant() {
            // An element that holds a frame would hold the stop.
            tenant.pass_without_inference();
            self.stop(End::GivenUp, &format!("error: {why}"), context);
        }
    }

    fn watch_stall(&mut self, context: &mut Context) {
        let live = self.is_live();
        let ends = restart::ends_stalls(self.kind(), context.settings.restart);
        let Some(run) = self
            .run
            .as_mut()
            .filter(|run| run.ending.is_none() && run.shutdown.is_none())
        else {
            return;
        };
        let Some(tenant) = &run.tenant else { return };
        let frames = tenant.frames();
        if !run.is_started && frames == 0 {
            return;
        }
        let verdict = run.stall.look(context.now, frames, context.settings.stall);
        let since = run.stall.since().unwrap_or(context.now);
        if verdict == Verdict::Over && ends && !live && tenant.waits_for_server() {
            run.stall.hold();
        } else if verdict == Verdict::Over && ends {
            let quiet = context.now.duration_since(since).as_secs();
            let text = format!("error: no frame has left for {quiet} s, although it plays");
            return self.stop(End::Stall, &text, context);
        }
        self.state = match verdict {
            Verdict::Starting => TenantState::Starting,
            Verdict::Playing => TenantState::Playing,
            Verdict::Stalled | Verdict::Over => TenantState::Stalled { since },
        };
        let has_played_well = tenant
            .first_frame()
            .is_some_and(|first| context.now.duration_since(first) >= PLAYED_WELL);
        if has_played_well && verdict == Verdict::Playing {
            self.backoff.reset();
        }
    }

    /// Says once that an element does not stop. If the tenant is to be started again, that is done when the element has stopped after
    /// all; or, for a tenant that writes no files, beside it, after a while and a few times only.
    fn watch_stop(&mut self, context: &mut Context) {
        let Some(next) = self.next(context.settings.restart) else {
            return;
        };
        let can_leave = self.left.len() < MOST_LEFT;
        let Some(run) = &mut self.run else { return };
        let (Some(tenant), Some(ending)) = (&run.tenant, &mut run.ending) else {
            return;
        };
        let waited = context.now.duration_since(ending.since);
        if waited < context.settings.waits.stop {
            return;
        }
        let writes_files = tenant.writes_files();
        let is_said = mem::replace(&mut ending.is_said, true);
        if next == Next::Restart && is_said && !writes_files && can_leave && waited >= context.settings.waits.leave {
            tenant.leave();
            self.left.push(run.id);
            return self.decide(context);
        }
        let reason = ending.reason.clone();
        match next {
            Next::Restart => {}
            Next::Ended => self.state = TenantState::Ended,
            Next::Failed => self.state = TenantState::Failed { reason },
        }
        if !is_said {
            let then = match (next, writes_files) {
                (Next::Restart, true) => {
                    "; it starts again once that has stopped, since two would write the same files"
                }
                (Next::Restart, false) => "; it starts again in a minute",
                _ => "",
            };
            self.say(
                &format!("an element does not stop, and is left; totals are those of its last message{then}"),
                context,
            );
        }
    }

    /// A run that was left has stopped after all.
    pub fn forget_left(&mut self, id: RunId) {
        self.left.retain(|left| *left != id);
    }

    /// Stops the present run, for the reason that is printed.
    fn stop(&mut self, end: End, reason: &str, context: &mut Context) {
        self.announce(context);
        let Some(run) = self.run.as_mut().filter(|run| run.ending.is_none()) else {
            return;
        };
        run.ending = Some(Ending::new(end, reason, context.now));
        if let Some(tenant) = &run.tenant {
            tenant.stop();
        }
        self.state = TenantState::Stopping { since: context.now };
        self.say(reason, context);
    }

    fn kind(&self) -> Kind {
        Kind {
            live: self.is_live(),
            in_folder: self.file.is_some(),
        }
    }

    /// What follows the present run, if it is being stopped.
    fn next(&self, policy: Option<RestartPolicy>) -> Option<Next> {
        let run = self.run.as_ref()?;
        let end = run.ending.as_ref()?.end;
        Some(match (self.is_wanted, self.is_changed) {
            (true, true) => Next::Restart,
            (true, false) => restart::after(end, self.kind(), policy),
            (false, _) if run.shutdown.is_some() => restart::after(end, self.kind(), Some(RestartPolicy::Never)),
            // It had ended by itself, and would have come back.
            (false, _) => match restart::after(end, self.kind(), policy) {
                Next::Restart => Next::Ended,
                next => next,
            },
        })
    }

    /// The present run is over: what follows.
    fn decide(&mut self, context: &mut Context) {
        self.was_live = self.is_live();
        let next = self.next(context.settings.restart);
        let Some(run) = self.run.take() else { return };
        // The last reference of a pipeline: what its elements do then is not waited for.
        thread::spawn(move || drop(run.tenant));
        let reason = run.ending.map(|ending| ending.reason).unwrap_or_default();
        match next {
            Some(Next::Restart) if self.is_changed => self.start(context),
            Some(Next::Restart) => {
                let delay = self.backoff.delay();
                let number = self.restarts() + 1;
                self.say(
                    &format!("starts again in {:.1} s (restart {number})", delay.as_secs_f32()),
                    context,
                );
                let at = context.now + delay;
                self.state = TenantState::Waiting { reason, at };
            }
            Some(Next::Failed) => self.state = TenantState::Failed { reason },
            Some(Next::Ended) | None => self.state = TenantState::Ended,
        }
    }

    /// Prints once how long the first frame took.
    fn announce(&mut self, context: &mut Context) {
        let Some(run) = &mut self.run else { return };
        let first = run.tenant.as_ref().and_then(|tenant| tenant.first_frame());
        if let (false, Some(first)) = (run.is_announced, first) {
            run.is_announced = true;
            let waited = first.saturating_duration_since(run.since).as_secs_f64();
            self.say(&format!("first frame after {waited:.1} s"), context);
        }
    }

    /// Prints a line about it.
    pub fn say(&self, text: &str, context: &mut Context) {
        context.lines.push(format!("{}: {text}", self.name));
    }
}
