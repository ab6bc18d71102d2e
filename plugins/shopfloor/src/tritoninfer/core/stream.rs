//! Processing of frames: a frame enters the queue, with a request or without; before it leaves, its response is
//! attached.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use inference::reorder::{Limits, Outcome};
use inference::{Error, RegionOutputs, RequestOptions};
use people::SkipReason;
use vision::letterbox::Sampler;

use super::frame_queue::{FrameQueue, FrameResult};
use super::open_model::OpenModel;
use super::report::Reporter;
use super::{attach, regions};
use crate::tritoninfer::settings::{OnError, OnOverload, Settings};
use crate::video;

/// Frames that may be in the element in addition to those that wait for responses, to allow for jitter.
pub const SLACK: usize = 4;

/// The format and state of the stream.
pub struct StreamFormat {
    pub info: gst_video::VideoInfo,
    pub sampler: Sampler,
    pub live: bool,
    /// Number of frames so far.
    pub frames: u64,
}

/// The context of [`enter`].
pub struct Entrance<'a> {
    pub element: &'a gst::Element,
    pub settings: &'a Settings,
    pub open: &'a Arc<OpenModel>,
    pub queue: &'a Arc<FrameQueue>,
    pub reporter: &'a Reporter,
}

/// A frame arrives: it enters the queue with a request, or is marked as skipped.
pub fn enter(
    entrance: &Entrance,
    format: &mut StreamFormat,
    buffer: gst::Buffer,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let index = format.frames;
    format.frames += 1;
    let inferred = index.is_multiple_of(entrance.settings.inference_interval.into());
    let limits = limits(entrance, format);
    let admitted = entrance.queue.admit(&limits, inferred)?;
    if !inferred {
        entrance.queue.push_skipped(buffer, SkipReason::Interval);
    } else if admitted {
        request(entrance, format, buffer, limits.skip);
    } else {
        entrance.queue.push_skipped(buffer, SkipReason::Overload);
    }
    Ok(gst::FlowSuccess::Ok)
}

fn limits(entrance: &Entrance, format: &StreamFormat) -> Limits {
    let in_flight = entrance.open.max_in_flight;
    let skip = match entrance.settings.on_overload {
        OnOverload::Auto => format.live,
        OnOverload::Block => false,
        OnOverload::Skip => true,
    };
    let fps = format.info.fps();
    let fps = f64::from(fps.numer()) / f64::from(fps.denom().max(1));
    let latency = entrance.open.latency().unwrap_or_default();
    let waiting = (latency.as_secs_f64() * fps).ceil() as usize;
    Limits {
        in_flight,
        frames: in_flight.max(waiting) + SLACK,
        skip,
    }
}

/// Samples the frame and sends its requests. `has_deadline`: the frame leaves without a late response. A frame that
/// cannot be read leaves marked as failed.
fn request(entrance: &Entrance, format: &mut StreamFormat, buffer: gst::Buffer, has_deadline: bool) {
    let Entrance { open, queue, .. } = *entrance;
    let arrived = Instant::now();
    let deadline = open.latency().filter(|_| has_deadline).map(|latency| arrived + latency);
    let (width, height) = (format.info.width(), format.info.height());
    let Some(regions) = regions::select(&buffer, width, height, open.region) else {
        entrance.reporter.no_people(entrance.element);
        return queue.push_skipped(buffer, SkipReason::Failed);
    };
    let ticket = queue.push_pending(buffer.clone(), deadline);
    let callback = {
        let (queue, open, element) = (queue.clone(), open.clone(), entrance.element.downgrade());
        move |result: Result<RegionOutputs, Error>| {
            let took = arrived.elapsed();
            open.count(|timings| timings.inference.add(took));
            let changed = has_deadline && result.is_ok() && open.observe(took);
            drop(open); // before the stream continues, so that the element's stop is the last use of the model
            queue.complete(ticket, Outcome::Responded(result));
            if changed && let Some(element) = element.upgrade() {
                let _ = element.post_message(gst::message::Latency::builder().src(&element).build());
            }
        }
    };
    let options = RequestOptions {
        timeout: Duration::from_millis(entrance.settings.timeout.into()),
        priority: entrance.settings.priority.into(),
    };
    let sent = gst_video::VideoFrameRef::from_buffer_ref_readable(&buffer, &format.info)
        .map_err(|error| error.to_string())
        .and_then(|frame| {
            let image = video::image(&frame).map_err(|error| error.to_string())?;
            open.session
                .submit(&mut format.sampler, &image, &regions, options, callback)
                .map_err(|error| error.to_string())
        });
    if sent.is_ok() {
        open.count(|timings| timings.preprocess.add(arrived.elapsed()));
    } else {
        queue.complete(ticket, Outcome::Skipped(SkipReason::Failed));
    }
    entrance
        .reporter
        .readable(entrance.element, sent.as_ref().copied().map_err(String::as_str));
}

/// Attaches the result of a frame's requests before it leaves.
///
/// # Errors
/// [`gst::FlowError::Error`] if the stream is to end.
pub fn finish(
    element: &gst::Element,
    open: &OpenModel,
    reporter: &Reporter,
    on_error: OnError,
    mut buffer: gst::Buffer,
    outcome: Outcome<FrameResult>,
) -> Result<gst::Buffer, gst::FlowError> {
    let skipped = match outcome {
        Outcome::Skipped(reason) => Some(reason),
        Outcome::Responded(result) => {
            let attached =
                result.and_then(|outputs| attach::attach(buffer.make_mut(), &open.session, open.region, outputs));
            match attached {
                Ok(()) => {
                    reporter.succeeded(element);
                    None
                }
                Err(error) => Some(reporter.failed(element, &error, on_error)?),
            }
        }
    };
    match skipped {
        None => open.count(inference::Timings::inferred),
        Some(reason) => {
            open.count(|timings| timings.skipped(reason));
            attach::mark_skipped(buffer.make_mut(), open.region, reason);
        }
    }
    Ok(buffer)
}
