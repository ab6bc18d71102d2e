//! One tenant: a pipeline made from a launch file, observed through its bus, one pad and one property.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use files::folder::News;
use gst::prelude::*;
use gst_base::prelude::*;
use people::event::LogLine;
use people_meta::bus::{self, MessageError};
use shopfloor::launch::Launch;

use crate::paths;
use crate::picture::{FrameScore, Picture};
use crate::plugin;
use crate::sampler::{self, Sampler};
use crate::status::sample::{Board, Sample};

/// A run of a tenant, from the making of its pipeline to its stop; another number for each in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId(u64);

impl RunId {
    /// One that no run has had.
    pub fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// What the supervisor handles.
pub enum Event {
    /// Something of a run.
    Run(RunId, RunEvent),
    /// Something about the log of events, for people.
    Log(String),
    /// News of the folder with this number.
    Folder(usize, News),
    /// Ctrl-C or SIGTERM.
    Interrupt,
    /// Folders are to be looked at, and what waits is to be started, at once.
    Reload,
}

/// What a run reports.
pub enum RunEvent {
    /// Its pipeline was made, or cannot be.
    Made(Result<Box<Tenant>>),
    /// It was started, or an element did not start; usually an error message before has the reason.
    Started(Result<(), gst::StateChangeError>),
    /// A message from its bus.
    Message(gst::Message),
    /// The same, when it is about a station or the stream's time.
    Activity(Result<Box<LogLine>, MessageError>),
    /// Everything is released. The last event.
    Stopped,
}

/// What a tenant is made of.
#[derive(Clone)]
pub struct Plan {
    /// Its pipeline.
    pub launch: Launch,
    /// Where frames are offered for a picture, if one is wanted.
    pub picture: Option<Arc<Mutex<Picture>>>,
}

/// A pipeline and what is known about it. One run: it is started once and stopped once.
pub struct Tenant {
    run: RunId,
    pipeline: gst::Pipeline,
    sampler: Sampler,
    watch: Arc<Watch>,
    events: Sender<Event>,
    commands: Sender<Command>,
    /// The thread that carries them out.
    commander: Mutex<Option<JoinHandle<()>>>,
    /// It is to end as soon as it plays.
    ends_when_playing: Cell<bool>,
}

/// What a thread of the tenant's asks its pipeline for. Each may wait for as long as an element holds a frame, which the
/// supervisor, who can end that, must not.
enum Command {
    Start,
    End,
    Latency,
    State(gst::State),
    Position,
    /// The thread ends. One that has other commands before does so, too, once the tenant is being stopped.
    Quit,
}

/// What streaming threads and the thread of commands record.
#[derive(Default)]
struct Watch {
    frames: AtomicU64,
    first: OnceLock<Instant>,
    board: Mutex<Board>,
    is_live: AtomicBool,
    is_stopping: AtomicBool,
    /// Its events are not taken any more.
    is_left: AtomicBool,
    position: Mutex<Option<(Duration, Duration)>>,
    /// Whether the position was asked for and is not there yet.
    is_asked: AtomicBool,
}

/// The data behind these locks is consistent at every moment, so it is usable after a panic elsewhere.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tenant {
    /// Makes the pipeline of a run; what happens to it goes to `events`.
    ///
    /// # Errors
    /// A pipeline that GStreamer cannot make, or that has no place to count frames at.
    pub fn new(plan: &Plan, run: RunId, events: Sender<Event>) -> Result<Self> {
        let pipeline = parse(&plan.launch.description)?;
        paths::resolve(&pipeline, &plan.launch.folder);
        let tracker = first_of(&pipeline, "vesttrack");
        let watch = Arc::new(Watch::default());
        watch.is_live.store(has_live_source(&pipeline), Ordering::Relaxed);
        let pad = counting_pad(&pipeline).context("the pipeline has neither an element of shopfloor nor a sink")?;
        pad.add_probe(gst::PadProbeType::BUFFER, {
            let (watch, tracker, picture) = (watch.clone(), tracker.clone(), plan.picture.clone());
            move |pad, info| {
                watch.first.get_or_init(Instant::now);
                watch.frames.fetch_add(1, Ordering::Relaxed);
                if let (Some(picture), Some(buffer), Some(caps)) = (&picture, info.buffer(), pad.current_caps()) {
                    let score = watch.score(tracker.as_ref());
                    lock(picture).offer(score, buffer, &caps);
                }
                gst::PadProbeReturn::Ok
            }
        });
        watch_bus(&pipeline, run, &watch, &events)?;
        let (commands, commander) = follow_commands(run, &pipeline, &watch, events.clone());
        Ok(Self {
            run,
            sampler: Sampler::new(&pipeline),
            pipeline,
            watch,
            events,
            commands,
            commander: Mutex::new(Some(commander)),
            ends_when_playing: Cell::new(false),
        })
    }

    /// Makes the pipeline on a thread of its own, which reports it with [`RunEvent::Made`].
    pub fn make(plan: Plan, run: RunId, events: Sender<Event>) {
        thread::spawn(move || {
            let made = Self::new(&plan, run, events.clone()).map(Box::new);
            // The supervisor may have ended.
            let _ = events.send(Event::Run(run, RunEvent::Made(made)));
        });
    }

    /// Starts to play; [`RunEvent::Started`] reports it. Does not wait: models are loaded, and drivers opened.
    pub fn start(&self) {
        self.command(Command::Start);
    }

    /// Asks for the end of the stream, so that files are finished; the bus reports when it is reached. Does not wait: a source
    /// accepts the event only once downstream has taken its frame, which an element that holds it may not do.
    ///
    /// Before the pipeline plays, the event would wait for the start and the start for the event: then it is sent once it plays.
    pub fn ask_to_end(&self) {
        if self.pipeline.current_state() == gst::State::Playing {
            self.command(Command::End);
        } else {
            self.ends_when_playing.set(true);
        }
    }

    /// The thread goes on until the tenant is dropped.
    fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    fn inferences(&self) -> Vec<gst::Element> {
        let elements = self.pipeline.iterate_all_by_element_factory_name("tritoninfer");
        elements.into_iter().flatten().collect()
    }

    /// Ends the wait of every `tritoninfer` for its server: `on-error=pass`. False if there is none.
    pub fn pass_without_inference(&self) -> bool {
        let elements = self.inferences();
        for element in &elements {
            element.set_property_from_str("on-error", "pass");
        }
        !elements.is_empty()
    }

    /// Whether a server is waited for: then a file stands still for as long as the server is away.
    pub fn waits_for_server(&self) -> bool {
        let waits = |element: &gst::Element| {
            let count = |stats: &gst::Structure, name| stats.get::<u64>(name).is_ok_and(|count| count > 0);
            let has_requests = |stats| count(&stats, "pending") || count(&stats, "in-flight");
            element.property::<String>("status") != "ready" || sampler::stats(element).is_some_and(has_requests)
        };
        self.inferences().iter().any(waits)
    }

    /// Releases everything. Does not wait, since an element that holds a frame, for example a driver, may hold this, too:
    /// [`RunEvent::Stopped`] comes behind the last messages, with the stations' totals.
    pub fn stop(&self) {
        if self.watch.is_stopping.swap(true, Ordering::SeqCst) {
            return;
        }
        let (run, events) = (self.run, self.events.clone());
        let pipeline = self.pipeline.clone();
        let commander = lock(&self.commander).take();
        self.command(Command::Quit);
        thread::spawn(move || {
            // What was asked before may have to be ended by this, or may, at its end, start the pipeline again.
            let _ = pipeline.set_state(gst::State::Null);
            if let Some(commander) = commander {
                let _ = commander.join();
            }
            // Going to NULL cannot fail.
            let _ = pipeline.set_state(gst::State::Null);
            // The supervisor may have ended.
            let _ = events.send(Event::Run(run, RunEvent::Stopped));
        });
    }

    /// Nothing of it is taken any more, and nobody waits for its stop.
    pub fn leave(&self) {
        self.watch.is_left.store(true, Ordering::SeqCst);
    }

    /// Whether it writes files, so that no other run may do so while this one lives.
    pub fn writes_files(&self) -> bool {
        paths::writes_files(&self.pipeline)
    }

    /// Handles the messages that GStreamer expects every application to handle.
    pub fn serve(&self, message: &gst::Message) {
        match message.view() {
            gst::MessageView::Latency(_) => self.command(Command::Latency),
            gst::MessageView::ClockLost(_) => {
                self.command(Command::State(gst::State::Paused));
                self.command(Command::State(gst::State::Playing));
            }
            gst::MessageView::RequestState(request) => self.command(Command::State(request.requested_state())),
            gst::MessageView::StateChanged(change)
                if change.current() == gst::State::Playing
                    && message.src() == Some(self.pipeline.upcast_ref())
                    && self.ends_when_playing.take() =>
            {
                self.command(Command::End);
            }
            _ => {}
        }
    }

    /// Whether its stream is live, as far as that is known: of some sources only once it was started.
    pub fn is_live(&self) -> bool {
        self.watch.is_live.load(Ordering::Relaxed)
    }

    /// Number of frames shown so far.
    pub fn frames(&self) -> u64 {
        self.watch.frames.load(Ordering::Relaxed)
    }

    /// When the first frame was shown.
    pub fn first_frame(&self) -> Option<Instant> {
        self.watch.first.get().copied()
    }

    /// What its elements count at present; its position is that of a moment ago, since queries may wait.
    pub fn sample(&self) -> Sample {
        if !self.watch.is_asked.swap(true, Ordering::Relaxed) {
            self.command(Command::Position);
        }
        let stations = lock(&self.watch.board).stations();
        let position = *lock(&self.watch.position);
        self.sampler
            .sample(self.frames(), self.first_frame(), stations, position)
    }

    /// For people, what came of it so far.
    pub fn outcome(&self) -> String {
        self.sampler.outcome(self.frames(), self.first_frame())
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Watch {
    /// How much there is to see in the frame that passes.
    fn score(&self, tracker: Option<&gst::Element>) -> FrameScore {
        let people = tracker.and_then(|tracker| sampler::stats(tracker)?.get::<u32>("people-now").ok());
        FrameScore {
            active: lock(&self.board).active(),
            people: people.unwrap_or(0),
        }
    }
}

/// Reports each message of the bus.
fn watch_bus(pipeline: &gst::Pipeline, run: RunId, watch: &Arc<Watch>, events: &Sender<Event>) -> Result<()> {
    let (watch, events) = (watch.clone(), events.clone());
    let bus = pipeline.bus().context("the pipeline has no bus")?;
    // Synchronous, so that a station counts as active from the very frame that made it so.
    bus.set_sync_handler(move |_, message| {
        let event = match message.structure().map(bus::line_from_structure).transpose() {
            Ok(Some(Some(line))) => {
                lock(&watch.board).record(&line);
                RunEvent::Activity(Ok(Box::new(line)))
            }
            Ok(_) => RunEvent::Message(message.clone()),
            Err(error) => RunEvent::Activity(Err(error)),
        };
        if !watch.is_left.load(Ordering::SeqCst) {
            // The supervisor may have ended before the last message.
            let _ = events.send(Event::Run(run, event));
        }
        gst::BusSyncReply::Drop
    });
    Ok(())
}

/// Starts the thread that carries out commands, until the tenant is stopped or dropped.
fn follow_commands(
    run: RunId,
    pipeline: &gst::Pipeline,
    watch: &Arc<Watch>,
    events: Sender<Event>,
) -> (Sender<Command>, JoinHandle<()>) {
    let (sender, commands) = channel();
    let (pipeline, watch) = (pipeline.downgrade(), watch.clone());
    let thread = thread::spawn(move || {
        for command in commands {
            let Some(pipeline) = pipeline.upgrade() else { return };
            if watch.is_stopping.load(Ordering::SeqCst) {
                return;
            }
            match command {
                Command::Quit => return,
                Command::Start => {
                    let started = start(&pipeline, &watch);
                    let _ = events.send(Event::Run(run, RunEvent::Started(started)));
                }
                // A failure of any of these is followed by an error message.
                Command::End => drop(pipeline.send_event(gst::event::Eos::new())),
                Command::Latency => drop(pipeline.recalculate_latency()),
                Command::State(state) => drop(pipeline.set_state(state)),
                Command::Position => {
                    let asked = position(&pipeline);
                    *lock(&watch.position) = asked;
                    watch.is_asked.store(false, Ordering::Relaxed);
                }
            }
        }
    });
    (sender, thread)
}

/// Starts to play. Only the step to PAUSED tells whether the stream is live.
fn start(pipeline: &gst::Pipeline, watch: &Watch) -> Result<(), gst::StateChangeError> {
    let paused = pipeline.set_state(gst::State::Paused)?;
    if paused == gst::StateChangeSuccess::NoPreroll {
        watch.is_live.store(true, Ordering::Relaxed);
    }
    pipeline.set_state(gst::State::Playing).map(drop)
}

/// The stream's position and duration, where it has an end.
fn position(pipeline: &gst::Pipeline) -> Option<(Duration, Duration)> {
    let time = |time: gst::ClockTime| Duration::from_nanos(time.nseconds());
    let position = pipeline.query_position::<gst::ClockTime>().map(time);
    position.zip(pipeline.query_duration::<gst::ClockTime>().map(time))
}

/// Whether a source says that it is live before it is started, as cameras at this computer do.
fn has_live_source(pipeline: &gst::Pipeline) -> bool {
    let elements = pipeline.iterate_recurse().into_iter().flatten();
    let mut sources = elements.filter_map(|element| element.downcast::<gst_base::BaseSrc>().ok());
    sources.any(|source| source.is_live())
}

/// Makes a launch file's pipeline.
///
/// # Errors
/// What GStreamer does not accept, with the remedy.
pub fn parse(description: &str) -> Result<gst::Pipeline> {
    let mut context = gst::ParseContext::new();
    let element = gst::parse::launch_full(description, Some(&mut context), gst::ParseFlags::FATAL_ERRORS);
    let element = element.map_err(|error| {
        let remedy = if !error.matches(gst::ParseError::NoSuchElement) {
            ""
        } else if context
            .missing_elements()
            .iter()
            .any(|name| plugin::ELEMENTS.contains(&name.as_str()))
        {
            plugin::REMEDY
        } else {
            "; install the GStreamer plugin that has it, or correct the name"
        };
        anyhow!("GStreamer cannot make this pipeline: {error}{remedy}")
    })?;
    // A description of a single element gives that element.
    element.downcast::<gst::Pipeline>().or_else(|element| {
        let pipeline = gst::Pipeline::new();
        pipeline.add(&element)?;
        Ok(pipeline)
    })
}

fn first_of(pipeline: &gst::Pipeline, factory: &str) -> Option<gst::Element> {
    pipeline
        .iterate_all_by_element_factory_name(factory)
        .into_iter()
        .flatten()
        .next()
}

/// Where frames are counted and pictures taken: behind the last of our elements, else at a sink.
fn counting_pad(pipeline: &gst::Pipeline) -> Option<gst::Pad> {
    let ours = plugin::ELEMENTS
        .iter()
        .rev()
        .find_map(|factory| first_of(pipeline, factory)?.static_pad("src"));
    ours.or_else(|| {
        pipeline
            .iterate_sinks()
            .into_iter()
            .flatten()
            .find_map(|sink| sink.static_pad("sink"))
    })
}
