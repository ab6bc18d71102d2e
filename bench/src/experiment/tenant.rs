//! One application of a cell: its pipeline, played from the beginning again at the end of a file, and what its probes see.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use gst::prelude::*;
use triton::ServerPool;

use super::cell::{Cell, Pace, Percentiles, Tenant};
use super::launch;
use crate::line::{is_inferred, pad};
use crate::statistics::percentile;

/// The longest that a pipeline may take until its first frame is drawn.
const PATIENCE: Duration = Duration::from_secs(120);

/// The messages that [`Player::attend`] handles.
const HANDLED: [gst::MessageType; 4] = [
    gst::MessageType::Error,
    gst::MessageType::Eos,
    gst::MessageType::SegmentDone,
    gst::MessageType::Latency,
];

/// Counts and times of frames, as the probes see them.
#[derive(Default)]
struct Watch(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Frames that arrived, drawn; and of those, the inferred ones.
    counts: Counts,
    /// When the frames that are on their way left the source. Nothing overtakes, and nothing is lost on the way.
    on_their_way: VecDeque<Instant>,
    /// Latencies in ms, while they are kept.
    kept: Option<Vec<f64>>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    drawn: u64,
    inferred: u64,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) {
        self.lock().on_their_way.push_back(Instant::now());
    }

    fn arrived(&self, inferred: bool) {
        let mut seen = self.lock();
        seen.counts.drawn += 1;
        seen.counts.inferred += u64::from(inferred);
        let left = seen.on_their_way.pop_front();
        if let (Some(left), Some(kept)) = (left, &mut seen.kept) {
            kept.push(left.elapsed().as_secs_f64() * 1e3);
        }
    }
}

/// A playing application; it is stopped when dropped.
pub struct Player {
    pipeline: gst::Pipeline,
    /// Those to handle.
    messages: Receiver<gst::Message>,
    watch: Arc<Watch>,
    /// When measuring began, and the counts then.
    begun: Option<(Instant, Counts)>,
}

impl Player {
    /// Builds the pipeline and plays. With `pool`, its elements use that instead of Triton. Each message that
    /// [`attend`](Self::attend) handles is followed by a call to `calls`.
    pub fn start(cell: &Cell, tenant: usize, pool: Option<&ServerPool>, calls: Sender<()>) -> Result<Self> {
        let launch = launch::line(cell, tenant);
        let pipeline = gst::parse::launch(&launch).with_context(|| format!("cannot build: {launch}"))?;
        let pipeline = pipeline.downcast::<gst::Pipeline>();
        let pipeline = pipeline.map_err(|_| anyhow!("not a pipeline: {launch}"))?;
        if let Some(pool) = pool {
            pipeline.set_context(&gstshopfloor::pool::context(pool));
        }
        let player = Self {
            messages: messages(&pipeline, calls),
            watch: watch(&pipeline)?,
            pipeline,
            begun: None,
        };
        if let Pace::Live(fps) = cell.pace {
            pretend_live(&player.pad("in", "src")?, fps);
        }
        player.play(cell)?;
        Ok(player)
    }

    fn pad(&self, element: &str, name: &str) -> Result<gst::Pad> {
        pad(&named(&self.pipeline, element)?, name)
    }

    fn play(&self, cell: &Cell) -> Result<()> {
        let failed = |_| self.failure().unwrap_or_else(|| anyhow!("the pipeline does not start"));
        let is_file = !cell.input.to_string_lossy().contains("://");
        let is_live = matches!(cell.pace, Pace::Live(_));
        if is_file && !is_live {
            self.pipeline.set_state(gst::State::Paused).map_err(failed)?;
            let (result, ..) = self.pipeline.state(gst::ClockTime::from_seconds(PATIENCE.as_secs()));
            result.map_err(failed)?;
            self.repeat(gst::SeekFlags::FLUSH)
                .context("the input cannot be repeated")?;
        }
        self.pipeline.set_state(gst::State::Playing).map_err(failed)?;
        if is_file && is_live {
            // Nothing arrives before the clock runs, and nothing can be sought before something has.
            self.wait()?;
            self.repeat(gst::SeekFlags::FLUSH)
                .context("the input cannot be repeated")?;
        }
        Ok(())
    }

    /// Plays from the beginning; at the end, a message and no EOS follows.
    fn repeat(&self, flags: gst::SeekFlags) -> Result<()> {
        let flags = flags | gst::SeekFlags::SEGMENT;
        Ok(self.pipeline.seek_simple(flags, gst::ClockTime::ZERO)?)
    }

    fn failure(&self) -> Option<anyhow::Error> {
        self.messages.try_iter().find_map(|message| match message.view() {
            gst::MessageView::Error(error) => Some(anyhow!("{} ({:?})", error.error(), error.debug())),
            _ => None,
        })
    }

    /// Handles the messages that have arrived.
    ///
    /// # Errors
    /// If the pipeline has posted an error or has ended.
    pub fn attend(&self) -> Result<()> {
        for message in self.messages.try_iter() {
            match message.view() {
                gst::MessageView::Error(error) => bail!("{} ({:?})", error.error(), error.debug()),
                gst::MessageView::Eos(_) => bail!("the input has ended; it cannot be repeated, so it has to be longer"),
                gst::MessageView::SegmentDone(_) => self.repeat(gst::SeekFlags::empty())?,
                // Fails while the pipeline is changing its state, which does the same.
                _ => drop(self.pipeline.recalculate_latency()),
            }
        }
        Ok(())
    }

    /// Frames that were drawn so far.
    fn drawn(&self) -> u64 {
        self.watch.lock().counts.drawn
    }

    /// Waits until a frame was drawn.
    pub fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.drawn() == 0 {
            self.attend()?;
            if Instant::now() > deadline {
                bail!("no frame was drawn within {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Measures from now on.
    pub fn begin(&mut self) {
        let mut seen = self.watch.lock();
        seen.kept = Some(Vec::new());
        self.begun = Some((Instant::now(), seen.counts));
    }

    /// What was measured until now.
    pub fn measured(&self) -> Tenant {
        let Some((begun, before)) = self.begun else {
            return Tenant::default();
        };
        let mut seen = self.watch.lock();
        let seconds = begun.elapsed().as_secs_f64();
        let (counts, times) = (seen.counts, seen.kept.take().unwrap_or_default());
        drop(seen);
        let frames = counts.drawn - before.drawn;
        let of = |share| percentile(&times, share);
        Tenant {
            frames,
            inferred: counts.inferred - before.inferred,
            seconds,
            fps: frames as f64 / seconds,
            latency_ms: Percentiles {
                p50: of(0.5),
                p95: of(0.95),
                p99: of(0.99),
            },
        }
    }

    /// Median times of a frame in each `tritoninfer`, in ms, since the start.
    pub fn stages(&self) -> Vec<(String, f64)> {
        let mut stages = Vec::new();
        for element in ["ensemble", "pose", "vest"] {
            let Some(infer) = self.pipeline.by_name(element) else {
                continue;
            };
            let stats = infer.property::<gst::Structure>("stats");
            for field in [
                "wait-p50",
                "convert-p50",
                "request-p50",
                "push-p50",
                "queue-mean",
                "compute-mean",
            ] {
                if let Ok(time) = stats.get::<u64>(field) {
                    stages.push((format!("{element} {field}"), time as f64 / 1e6));
                }
            }
        }
        stages
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // Fails for an element that could not start, which needs no stop.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn named(pipeline: &gst::Pipeline, name: &str) -> Result<gst::Element> {
    pipeline
        .by_name(name)
        .with_context(|| format!("no element is named {name}"))
}

/// The pipeline's messages to handle, each followed by a call to `calls`. The other messages are dropped.
///
/// Without calls somebody has to look for messages: 50 times a second, that was a tenth of what an application costs outside its
/// models.
fn messages(pipeline: &gst::Pipeline, calls: Sender<()>) -> Receiver<gst::Message> {
    let (sender, messages) = channel();
    if let Some(bus) = pipeline.bus() {
        bus.set_sync_handler(move |_, message| {
            if HANDLED.contains(&message.type_()) {
                // Both fail once nobody attends any more. Not the bus: it would have the message after the call only.
                let _ = sender.send(message.clone());
                let _ = calls.send(());
            }
            gst::BusSyncReply::Drop
        });
    }
    messages
}

/// Probes where frames leave the source and where they arrive.
fn watch(pipeline: &gst::Pipeline) -> Result<Arc<Watch>> {
    let watch = Arc::<Watch>::default();
    let probe = |element: &str, name: &str, seen: fn(&Watch, &gst::BufferRef)| {
        let watch = Arc::clone(&watch);
        let pad = pad(&named(pipeline, element)?, name)?;
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                seen(&watch, buffer);
            }
            gst::PadProbeReturn::Ok
        });
        anyhow::Ok(())
    };
    probe("in", "src", |watch, _| watch.left())?;
    probe("out", "sink", |watch, buffer| watch.arrived(is_inferred(buffer)))?;
    // A flush loses what is on its way; nothing follows it before its end has passed here.
    let flushed = Arc::clone(&watch);
    let source = pad(&named(pipeline, "in")?, "src")?;
    source.add_probe(gst::PadProbeType::EVENT_FLUSH, move |_, info| {
        if info
            .event()
            .is_some_and(|event| event.type_() == gst::EventType::FlushStop)
        {
            *flushed.lock() = Seen::default();
        }
        gst::PadProbeReturn::Ok
    });
    Ok(watch)
}

/// Says that the stream is live, as a camera does: a frame is there when its time has passed.
fn pretend_live(pad: &gst::Pad, fps: f64) {
    let latency = gst::ClockTime::from_nseconds((1e9 / fps) as u64);
    pad.add_probe(gst::PadProbeType::QUERY_UPSTREAM, move |_, info| {
        match info.query_mut().map(gst::QueryRef::view_mut) {
            Some(gst::QueryViewMut::Latency(query)) => {
                query.set(true, latency, gst::ClockTime::NONE);
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        }
    });
}
