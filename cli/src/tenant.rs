//! One tenant: a pipeline made from a launch file, observed through its bus, one pad and one property.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use gst::prelude::*;
use people::event::LogLine;
use people_meta::bus::{self, MessageError};
use shopfloor::launch::Launch;

use crate::paths;
use crate::picture::{FrameScore, Picture};
use crate::plugin;
use crate::sampler::{self, Sampler};
use crate::status::sample::{Board, Sample};

/// How long a pipeline may take to release everything. An element that holds it, for example a driver, may never do so.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// What the supervisor handles.
pub enum Event {
    /// A message from the bus of the tenant with this index.
    Message(usize, gst::Message),
    /// The same, when it is about a station or the stream's time.
    Activity(usize, Result<Box<LogLine>, MessageError>),
    /// Something about the log of events, for people.
    Log(String),
    /// Ctrl-C or SIGTERM.
    Interrupt,
}

/// A pipeline and what is known about it.
pub struct Tenant {
    /// The launch file's name, numbered where files share it.
    pub name: String,
    pipeline: gst::Pipeline,
    sampler: Sampler,
    watch: Arc<Watch>,
    commands: Sender<Command>,
    /// It is to end as soon as it plays.
    ends_when_playing: Cell<bool>,
    stopped: OnceLock<bool>,
}

/// What a thread of the tenant's asks its pipeline for. Each may wait for as long as an element holds a frame, which the
/// supervisor, who can end that, must not.
enum Command {
    End,
    Latency,
    State(gst::State),
}

/// What streaming threads record.
#[derive(Default)]
struct Watch {
    frames: AtomicU64,
    first: OnceLock<Instant>,
    board: Mutex<Board>,
    picture: Mutex<Picture>,
}

/// The data behind these locks is consistent at every moment, so it is usable after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tenant {
    /// Makes the pipeline; its bus messages go to `events` under `index`. Frames are offered for a picture
    /// only with `pictures`.
    ///
    /// # Errors
    /// A pipeline that GStreamer cannot make, or that has no place to count frames at.
    pub fn new(launch: &Launch, name: String, index: usize, events: Sender<Event>, pictures: bool) -> Result<Self> {
        let pipeline = parse(&launch.description)?;
        paths::resolve(&pipeline, &launch.folder);
        let tracker = first_of(&pipeline, "vesttrack");
        let watch = Arc::new(Watch::default());
        let pad = counting_pad(&pipeline).context("the pipeline has neither an element of shopfloor nor a sink")?;
        pad.add_probe(gst::PadProbeType::BUFFER, {
            let (watch, tracker) = (watch.clone(), tracker.clone());
            move |pad, info| {
                watch.frames.fetch_add(1, Ordering::Relaxed);
                watch.first.get_or_init(Instant::now);
                if let (true, Some(buffer), Some(caps)) = (pictures, info.buffer(), pad.current_caps()) {
                    let active = lock(&watch.board).active();
                    let people = tracker
                        .as_ref()
                        .and_then(|tracker| sampler::stats(tracker)?.get::<u32>("people-now").ok());
                    let score = FrameScore {
                        active,
                        people: people.unwrap_or(0),
                    };
                    lock(&watch.picture).offer(score, buffer, &caps);
                }
                gst::PadProbeReturn::Ok
            }
        });
        let bus = pipeline.bus().context("the pipeline has no bus")?;
        // Synchronous, so that a station counts as active from the very frame that made it so.
        bus.set_sync_handler({
            let watch = watch.clone();
            move |_, message| {
                let event = match message.structure().map(bus::line_from_structure).transpose() {
                    Ok(Some(Some(line))) => {
                        lock(&watch.board).record(&line);
                        Event::Activity(index, Ok(Box::new(line)))
                    }
                    Ok(_) => Event::Message(index, message.clone()),
                    Err(error) => Event::Activity(index, Err(error)),
                };
                // The supervisor may have ended before the last message.
                let _ = events.send(event);
                gst::BusSyncReply::Drop
            }
        });
        let commands = follow_commands(&pipeline);
        let sampler = Sampler::new(&pipeline);
        Ok(Self {
            name,
            pipeline,
            sampler,
            watch,
            commands,
            ends_when_playing: Cell::new(false),
            stopped: OnceLock::new(),
        })
    }

    /// Starts to play.
    ///
    /// # Errors
    /// An element did not start; usually an error message on the bus has the reason.
    pub fn start(&self) -> Result<(), gst::StateChangeError> {
        self.pipeline.set_state(gst::State::Playing).map(drop)
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

    /// Ends the wait of every `tritoninfer` for its server: `on-error=pass`. False if there is none.
    pub fn pass_without_inference(&self) -> bool {
        let elements = self.pipeline.iterate_all_by_element_factory_name("tritoninfer");
        let elements: Vec<_> = elements.into_iter().flatten().collect();
        for element in &elements {
            element.set_property_from_str("on-error", "pass");
        }
        !elements.is_empty()
    }

    /// Releases everything; the last messages, with the stations' totals, have been sent when it returns. False if an element
    /// does not stop, and is left as it is.
    pub fn stop(&self) -> bool {
        *self.stopped.get_or_init(|| {
            let (done, is_done) = channel();
            let pipeline = self.pipeline.clone();
            thread::spawn(move || {
                // Going to NULL cannot fail.
                let _ = pipeline.set_state(gst::State::Null);
                // After the wait nobody listens.
                let _ = done.send(());
            });
            is_done.recv_timeout(STOP_WAIT).is_ok()
        })
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

    /// Number of frames shown so far.
    pub fn frames(&self) -> u64 {
        self.watch.frames.load(Ordering::Relaxed)
    }

    /// When the first frame was shown.
    pub fn first_frame(&self) -> Option<Instant> {
        self.watch.first.get().copied()
    }

    /// What its elements count at present.
    pub fn sample(&self) -> Sample {
        let stations = lock(&self.watch.board).stations();
        self.sampler.sample(self.frames(), self.first_frame(), stations)
    }

    /// Writes the best frame so far as a PNG.
    pub fn save_picture(&self, path: &std::path::Path) -> Result<()> {
        lock(&self.watch.picture).save(path)
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts the thread that carries out commands.
fn follow_commands(pipeline: &gst::Pipeline) -> Sender<Command> {
    let (sender, commands) = channel();
    let pipeline = pipeline.downgrade();
    thread::spawn(move || {
        for command in commands {
            let Some(pipeline) = pipeline.upgrade() else { return };
            // A failure of any of these is followed by an error message.
            let _ = match command {
                Command::End => pipeline.send_event(gst::event::Eos::new()),
                Command::Latency => pipeline.recalculate_latency().is_ok(),
                Command::State(state) => pipeline.set_state(state).is_ok(),
            };
        }
    });
    sender
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
