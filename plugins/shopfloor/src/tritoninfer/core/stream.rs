//! Processing of frames: a frame enters the queue; before it leaves, its response is attached.

use std::sync::Arc;
use std::time::Instant;

use inference::Period;
use inference::reorder::Outcome;
use people::{Inference, SkipReason};
use vision::letterbox::Orientation;

use super::attach::{self, Decoded, Stage};
use super::dispatcher::Dispatcher;
use super::frame_queue::Frame;
use super::open_model::OpenModel;
use super::policy;
use super::regions::{self, WatchedStations};
use crate::bounded_pool;
use crate::tritoninfer::settings::InferenceRegion;

/// Buffers that a bounded pool keeps for the element that owns it.
const LEFT_IN_POOL: usize = 3;

/// The format and state of the stream that arrives.
pub struct StreamFormat {
    pub info: Arc<gst_video::VideoInfo>,
    /// Number of frames so far.
    pub frames: u64,
    /// Time between frames.
    pub interval: Period,
}

/// A frame arrives: it enters the queue, with a request if it needs one and can be sent. `orientation` is that of the stream.
///
/// # Errors
/// The flow return for upstream.
pub fn enter(
    dispatcher: &Arc<Dispatcher>,
    element: &gst::Element,
    format: &mut StreamFormat,
    orientation: Orientation,
    watched: &WatchedStations,
    buffer: gst::Buffer,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let settings = dispatcher.settings();
    let index = format.frames;
    format.frames += 1;
    if let Some(time) = buffer.pts() {
        format.interval.add(time.into());
    }
    dispatcher.set_interval(policy::interval(format.interval.get(), format.info.fps()));
    let newest_only = policy::newest_only(&settings, !dispatcher.is_file());
    let (open, latency) = (dispatcher.connection.open_model(), dispatcher.latency());
    let places = open.as_ref().map_or(1, |open| open.seat.places());
    let queue = &dispatcher.queue;
    queue.admit(policy::limits(&settings, newest_only, latency, places))?;

    let mut frame = Frame {
        buffer: unless_pool_is_short(buffer, queue.frames()),
        info: format.info.clone(),
        orientation,
        regions: Arc::default(),
        arrived: Instant::now(),
        stage: 0,
        refusals: 0,
    };
    if !index.is_multiple_of(settings.inference_interval.into()) {
        queue.push_ready(frame, Outcome::Skipped(SkipReason::Interval));
        return Ok(gst::FlowSuccess::Ok);
    }
    let image = open.as_ref().map(|open| &open.session.contract().image);
    match regions::select(&frame.buffer, &format.info, settings.inference_region, image, watched) {
        None => {
            dispatcher.reporter.no_people(element, &frame.buffer);
            queue.push_ready(frame, Outcome::Skipped(SkipReason::Failed));
        }
        Some(regions) if regions.is_empty() => {
            let outcome = without_regions(&frame.buffer, open.as_deref(), settings.inference_region);
            queue.push_ready(frame, outcome);
        }
        Some(_) if !dispatcher.is_sendable(open.as_deref()) => {
            queue.push_ready(frame, Outcome::Skipped(SkipReason::Failed));
        }
        Some(regions) => {
            frame.regions = regions.into();
            frame.stage = stage(&frame.buffer);
            let deadline = policy::deadline(newest_only, frame.arrived, latency);
            queue.push_waiting(frame, newest_only, deadline);
            // Asked again, since the model may have been opened before the frame was queued.
            if let Some(open) = dispatcher.connection.open_model() {
                dispatcher.offer(&open);
            }
        }
    }
    Ok(gst::FlowSuccess::Ok)
}

/// The frame, or a copy of it if its pool would run out of buffers while this element holds `held` of them.
fn unless_pool_is_short(buffer: gst::Buffer, held: usize) -> gst::Buffer {
    let short = bounded_pool::size(&buffer).is_some_and(|size| held + LEFT_IN_POOL >= size);
    if short {
        buffer.copy_deep().unwrap_or(buffer)
    } else {
        buffer
    }
}

/// The result of a frame without regions: there was nothing to infer on, unless the element that finds the regions was
/// skipped.
fn without_regions(buffer: &gst::BufferRef, open: Option<&OpenModel>, region: InferenceRegion) -> Outcome<Decoded> {
    if let Some(scene) = people_meta::scene(buffer)
        && let Inference::Skipped(reason) = scene.inference
    {
        return Outcome::Skipped(reason);
    }
    match open.map(|open| attach::decode(&open.session, region, Vec::new())) {
        Some(Ok(nothing)) => Outcome::Responded(nothing),
        _ => Outcome::Responded(Decoded::Outputs(Vec::new())),
    }
}

/// Number of inferences that earlier elements have made on the frame.
fn stage(buffer: &gst::BufferRef) -> u32 {
    let scene = people_meta::scene(buffer).is_some_and(|scene| scene.inference == Inference::Done);
    let outputs = !people_meta::model_outputs(buffer).is_empty();
    u32::from(scene) + u32::from(outputs)
}

/// Attaches the result of a frame's requests before it leaves. `period` measures the time between inferred frames.
pub fn finish(dispatcher: &Dispatcher, period: &mut Period, frame: Frame, outcome: Outcome<Decoded>) -> gst::Buffer {
    let mut buffer = frame.buffer;
    match outcome {
        Outcome::Responded(decoded) => {
            if let Some(time) = buffer.pts() {
                period.add(time.into());
            }
            dispatcher.timings().inferred();
            attach::attach(
                buffer.make_mut(),
                decoded,
                &frame.regions,
                period.get(),
                frame.orientation,
            );
        }
        Outcome::Skipped(reason) => {
            dispatcher.timings().skipped(reason);
            let open = dispatcher.connection.open_model();
            let task = open.as_ref().map(|open| &open.session.contract().task);
            let stage = Stage::of(task, dispatcher.settings().inference_region);
            attach::mark_skipped(buffer.make_mut(), stage, reason, period.get(), frame.orientation);
        }
    }
    buffer
}
