//! A pipeline under measurement: what enters, what leaves, whether it was inferred, and how old it is then.
//!
//! Its elements have names: `in` is the source, `element` the one that is measured, `out` the sink.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use gst::prelude::*;
use people::Inference;
use serde::{Deserialize, Serialize};

/// Times of buffers, kept while a measurement is running.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Ages of inferred frames at the element's source pad in ms: clock − running time.
    pub ages: Vec<f64>,
    /// Intervals between buffers at the source's pad in ms.
    pub gaps: Vec<f64>,
}

/// Latencies that elements report, in ms.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// The measured element's own.
    pub element: f64,
    /// That of the elements before it.
    pub upstream: f64,
}

/// What the probes of a line see.
#[derive(Debug, Default)]
pub struct Watch {
    offered: AtomicU64,
    left: AtomicU64,
    inferred: AtomicU64,
    /// Whether times are kept.
    recording: Mutex<Option<Record>>,
    previous: Mutex<Option<Instant>>,
}

impl Watch {
    /// Buffers that left the source.
    pub fn offered(&self) -> u64 {
        self.offered.load(Ordering::Relaxed)
    }

    /// Buffers that left the element.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Of those, the inferred ones.
    pub fn inferred(&self) -> u64 {
        self.inferred.load(Ordering::Relaxed)
    }

    /// Keeps times from now on.
    fn record(&self) {
        *self.recording.lock().unwrap_or_else(PoisonError::into_inner) = Some(Record::default());
    }

    /// Stops keeping times, and returns those that were kept.
    pub fn recorded(&self) -> Record {
        let mut recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        recording.take().unwrap_or_default()
    }

    fn keep(&self, keep: impl FnOnce(&mut Record)) {
        let mut recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = recording.as_mut() {
            keep(record);
        }
    }

    fn entered(&self) {
        self.offered.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let mut previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = previous.replace(now).map(|previous| now - previous);
        drop(previous);
        if let Some(gap) = gap {
            self.keep(|record| record.gaps.push(gap.as_secs_f64() * 1e3));
        }
    }

    fn passed(&self, inferred: bool, age: impl FnOnce() -> Option<f64>) {
        self.left.fetch_add(1, Ordering::Relaxed);
        if inferred {
            self.inferred.fetch_add(1, Ordering::Relaxed);
            self.keep(|record| record.ages.extend(age()));
        }
    }
}

/// A pipeline; it is stopped when dropped.
pub struct Line {
    pipeline: gst::Pipeline,
    element: gst::Element,
    watch: Arc<Watch>,
}

impl Line {
    /// Builds the pipeline of a gst-launch line.
    pub fn build(launch: &str) -> Result<Self> {
        let pipeline = gst::parse::launch(launch).with_context(|| format!("cannot build: {launch}"))?;
        let pipeline = pipeline
            .downcast::<gst::Pipeline>()
            .map_err(|_| anyhow!("not a pipeline: {launch}"))?;
        let element = named(&pipeline, "element")?;
        let watch = Arc::<Watch>::default();
        let seen = Arc::clone(&watch);
        pad(&named(&pipeline, "in")?, "src")?.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            seen.entered();
            gst::PadProbeReturn::Ok
        });
        let seen = Arc::clone(&watch);
        let measured = element.downgrade();
        pad(&element, "src")?.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let Some(buffer) = info.buffer() {
                let age = || age(measured.upgrade().as_ref()?, pad, buffer);
                seen.passed(is_inferred(buffer), age);
            }
            gst::PadProbeReturn::Ok
        });
        Ok(Self {
            pipeline,
            element,
            watch,
        })
    }

    /// What the probes see.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Keeps times from now on.
    pub fn record(&self) {
        self.watch.record();
    }

    /// Starts playing, without waiting for it.
    pub fn play(&self) -> Result<()> {
        let started = self.pipeline.set_state(gst::State::Playing);
        started.map(drop).map_err(|_| self.error())
    }

    /// Fails if the pipeline has posted an error; returns whether its stream has ended.
    pub fn has_ended(&self) -> Result<bool> {
        let Some(bus) = self.pipeline.bus() else {
            return Ok(false);
        };
        match bus.pop_filtered(&[gst::MessageType::Error, gst::MessageType::Eos]) {
            None => Ok(false),
            Some(message) if message.type_() == gst::MessageType::Eos => Ok(true),
            Some(message) => Err(told(&message)),
        }
    }

    fn error(&self) -> anyhow::Error {
        let message = self
            .pipeline
            .bus()
            .and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        message.map_or_else(|| anyhow!("a pipeline does not start"), |message| told(&message))
    }

    /// The latencies that the element and those before it report; `None` if the line is not live.
    pub fn latency(&self) -> Option<Latency> {
        let mut upstream = gst::query::Latency::new();
        let mut all = gst::query::Latency::new();
        let asked = self.element.static_pad("sink")?.peer_query(&mut upstream);
        if !asked || !self.element.static_pad("src")?.query(&mut all) {
            return None;
        }
        let milliseconds = |latency: gst::ClockTime| latency.nseconds() as f64 / 1e6;
        let ((live, all, _), (_, upstream, _)) = (all.result(), upstream.result());
        live.then(|| Latency {
            element: milliseconds(all.saturating_sub(upstream)),
            upstream: milliseconds(upstream),
        })
    }

    /// Sends the stream's end into the source.
    pub fn end_stream(&self) {
        self.pipeline.send_event(gst::event::Eos::new());
    }

    /// The pipeline's element with the name.
    pub fn named(&self, name: &str) -> Result<gst::Element> {
        named(&self.pipeline, name)
    }

    /// Stops, and returns when all threads of the pipeline have.
    pub fn stop(&self) {
        // Fails for an element that could not start, which needs no stop.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop();
    }
}

fn named(pipeline: &gst::Pipeline, name: &str) -> Result<gst::Element> {
    pipeline
        .by_name(name)
        .with_context(|| format!("no element of the line is named {name}"))
}

/// The pad of an element with the name.
pub fn pad(element: &gst::Element, name: &str) -> Result<gst::Pad> {
    let pad = element.static_pad(name);
    pad.with_context(|| format!("{} has no pad {name}", element.name()))
}

fn told(message: &gst::Message) -> anyhow::Error {
    match message.view() {
        gst::MessageView::Error(error) => anyhow!("{} ({:?})", error.error(), error.debug()),
        _ => anyhow!("{message:?}"),
    }
}

/// Whether a frame's inference is done: its scene says so, or a pose model's outputs are attached.
pub fn is_inferred(buffer: &gst::BufferRef) -> bool {
    match people_meta::scene(buffer) {
        Some(scene) => scene.inference == Inference::Done,
        None => buffer.meta::<people_meta::ModelOutputMeta>().is_some(),
    }
}

/// The age of a buffer in ms: clock − running time.
fn age(element: &gst::Element, pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<f64> {
    let now = element.current_running_time()?;
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
    let time = segment.to_running_time(buffer.pts()?)?;
    Some((now.nseconds() as f64 - time.nseconds() as f64) / 1e6)
}

/// Initialises GStreamer with the elements of this build, which are linked in.
pub fn init() -> Result<()> {
    gst::init()?;
    gstshopfloor::plugin_register_static().context("the elements cannot be registered")?;
    // Another build of the same elements in GST_PLUGIN_PATH would be the one that is measured.
    let used = gst::ElementFactory::find("tritoninfer").and_then(|factory| factory.plugin());
    match used.and_then(|plugin| plugin.filename()) {
        None => Ok(()),
        Some(file) => bail!("tritoninfer comes from {}, not from this build", file.display()),
    }
}
