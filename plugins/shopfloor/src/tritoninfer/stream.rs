//! What streams through `tritoninfer`: frames in, answers back, everything out in order.

use std::sync::atomic::Ordering;
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;
use people::SkipReason;
use vision::letterbox::Sampler;

use super::error::Error;
use super::gate::Reply;
use super::imp::{CAT, Opened, TritonInferCore};
use super::regions;
use super::ring::{Item, Limits, Outcome};
use super::session::Answer;
use super::settings::{OnError, OnOverload, Settings};
use crate::video;

/// Frames that a live stream may have in the element beyond those it must wait with: the pipeline's jitter.
pub(super) const SLACK: usize = 4;

/// What the streaming thread knows of its stream.
pub struct Input {
    info: gst_video::VideoInfo,
    sampler: Sampler,
    live: bool,
    frames: u64,
}

impl TritonInferCore {
    // ---- the streaming thread

    pub(super) fn chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let settings = self.settings.lock().unwrap().clone();
        let Some(opened) = self.opened() else {
            return Err(gst::FlowError::Flushing);
        };
        // taken out while this thread works with it, for it waits and posts meanwhile
        let Some(mut input) = self.input.lock().unwrap().take() else {
            gst::element_imp_error!(self, gst::CoreError::Negotiation, ("A buffer came before its caps"));
            return Err(gst::FlowError::NotNegotiated);
        };
        let entered = self.enter(&settings, &opened, &mut input, buffer);
        *self.input.lock().unwrap() = Some(input);
        entered
    }

    fn enter(
        &self,
        settings: &Settings,
        opened: &Opened,
        input: &mut Input,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let index = input.frames;
        input.frames += 1;
        let limits = self.limits(settings, input, opened);
        let room = self.gate.admit(&limits)?;
        if !index.is_multiple_of(settings.inference_interval.into()) {
            self.gate.push_skipped(buffer, SkipReason::Interval);
        } else if room {
            self.request(settings, opened, input, buffer, limits.skip);
        } else {
            self.gate.push_skipped(buffer, SkipReason::Overload);
        }
        Ok(gst::FlowSuccess::Ok)
    }

    fn limits(&self, settings: &Settings, input: &Input, opened: &Opened) -> Limits {
        let in_flight = settings.max_in_flight as usize;
        let skip = match settings.on_overload {
            OnOverload::Auto => input.live,
            OnOverload::Block => false,
            OnOverload::Skip => true,
        };
        let fps = input.info.fps();
        let fps = f64::from(fps.numer()) / f64::from(fps.denom().max(1));
        let latency = opened.promise.lock().unwrap().latency().unwrap_or_default();
        let waiting = (latency.as_secs_f64() * fps).ceil() as usize;
        Limits {
            in_flight,
            frames: in_flight.max(waiting) + SLACK,
            skip,
        }
    }

    /// Makes the frame's request and sends it. `hurried`: the frame goes on without the answer when that is late. A frame
    /// that cannot be read goes on marked as failed.
    fn request(&self, settings: &Settings, opened: &Opened, input: &mut Input, buffer: gst::Buffer, hurried: bool) {
        let arrived = Instant::now();
        let latency = opened.promise.lock().unwrap().latency();
        let deadline = latency.filter(|_| hurried).map(|latency| arrived + latency);
        let region = settings.inference_region;
        let Some(regions) = regions::of_frame(&buffer, input.info.width(), input.info.height(), region) else {
            self.hint_no_people();
            return self.gate.push_skipped(buffer, SkipReason::Failed);
        };
        let ticket = self.gate.push_pending(buffer.clone(), deadline);
        let done = {
            let (gate, opened, element) = (self.gate.clone(), opened.clone(), self.obj().downgrade());
            move |reply: Result<Answer, Error>| {
                let took = arrived.elapsed();
                opened.stats.lock().unwrap().answered(took);
                let changed = hurried && reply.is_ok() && opened.promise.lock().unwrap().observe(took);
                gate.complete(ticket, Outcome::Answered(reply));
                if changed && let Some(element) = element.upgrade() {
                    let _ = element.post_message(gst::message::Latency::builder().src(&element).build());
                }
            }
        };
        let sent = gst_video::VideoFrameRef::from_buffer_ref_readable(&buffer, &input.info)
            .map_err(|error| error.to_string())
            .and_then(|frame| {
                let image = video::image(&frame).map_err(|error| error.to_string())?;
                opened
                    .session
                    .submit(&mut input.sampler, &image, &regions, settings, done)
                    .map_err(|error| error.to_string())
            });
        opened.stats.lock().unwrap().sampled(arrived.elapsed());
        if let Err(why) = sent {
            gst::element_imp_warning!(self, gst::StreamError::Format, ("A frame could not be read: {why}"));
            self.gate.complete(ticket, Outcome::Skipped(SkipReason::Failed));
        }
    }

    fn hint_no_people(&self) {
        if !self.hinted.swap(true, Ordering::Relaxed) {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Failed,
                ("inference-region=people, but the frames carry no people: put an element that finds people before, \
                  such as tritoninfer model=movenet_multipose ! poseparse")
            );
        }
    }

    // ---- events

    pub(super) fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        gst::log!(CAT, obj = pad, "{event:?}");
        match event.view() {
            gst::EventView::FlushStart(_) => {
                let events = self.gate.close();
                self.keep_sticky(&events);
                let handled = self.srcpad.push_event(event);
                let _ = self.srcpad.pause_task();
                handled
            }
            gst::EventView::FlushStop(_) => {
                let handled = self.srcpad.push_event(event);
                self.gate.open();
                self.start_task().is_ok() && handled
            }
            gst::EventView::Caps(caps) if !self.configure(caps.caps()) => false,
            _ if event.is_serialized() => self.gate.push_event(event),
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    /// As queue does: a flush throws away data, not what the stream is. Segments and EOS belong to the data.
    fn keep_sticky(&self, events: &[gst::Event]) {
        for event in events.iter().filter(|event| event.is_sticky()) {
            if !matches!(event.type_(), gst::EventType::Segment | gst::EventType::Eos) {
                let _ = self.srcpad.store_sticky_event(event);
            }
        }
    }

    /// New caps: the old frames keep theirs, since the event takes its place behind them.
    fn configure(&self, caps: &gst::CapsRef) -> bool {
        let Some(opened) = self.opened() else { return false };
        let info = match gst_video::VideoInfo::from_caps(caps) {
            Ok(info) if video::pixel_format(info.format()).is_some() => info,
            _ => {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::WrongType,
                    (
                        "tritoninfer reads {}; got {caps}. Put videoconvert before it.",
                        video::caps()
                    )
                );
                return false;
            }
        };
        let sampler = match opened.session.sampler() {
            Ok(sampler) => sampler,
            Err(error) => {
                gst::element_imp_error!(self, gst::StreamError::Format, ("{error}"));
                return false;
            }
        };
        // asked outside of our lock: the query runs through foreign elements
        let mut latency = gst::query::Latency::new();
        let live = self.sinkpad.peer_query(&mut latency) && latency.result().0;
        let mut input = self.input.lock().unwrap();
        let frames = input.as_ref().map_or(0, |input| input.frames);
        *input = Some(Input {
            info,
            sampler,
            live,
            frames,
        });
        true
    }

    // ---- the source pad's task

    pub(super) fn activate(&self, active: bool) -> Result<(), gst::LoggableError> {
        if active {
            self.gate.open();
            self.start_task().map_err(|error| gst::loggable_error!(CAT, "{error}"))
        } else {
            drop(self.gate.close());
            self.srcpad
                .stop_task()
                .map_err(|error| gst::loggable_error!(CAT, "{error}"))
        }
    }

    fn start_task(&self) -> Result<(), gst::glib::BoolError> {
        let element = self.obj().downgrade();
        self.srcpad.start_task(move || {
            if let Some(element) = element.upgrade() {
                element.imp().iterate();
            }
        })
    }

    fn iterate(&self) {
        match self.gate.next() {
            None => drop(self.srcpad.pause_task()),
            Some(Item::Event(event)) => drop(self.srcpad.push_event(event)),
            Some(Item::Query(_)) => {} // the gate keeps these to itself
            Some(Item::Frame(buffer, outcome)) => {
                if let Err(error) = self.finish(buffer, outcome).and_then(|buffer| self.srcpad.push(buffer)) {
                    self.refused(error);
                }
            }
        }
    }

    /// Puts on the buffer what became of its request.
    fn finish(&self, mut buffer: gst::Buffer, outcome: Outcome<Reply>) -> Result<gst::Buffer, gst::FlowError> {
        let Some(opened) = self.opened() else {
            return Err(gst::FlowError::Flushing);
        };
        let settings = self.settings.lock().unwrap().clone();
        let region = settings.inference_region;
        let skipped = match outcome {
            Outcome::Skipped(reason) => Some(reason),
            Outcome::Answered(Ok(answer)) => {
                let attached = regions::attach(buffer.make_mut(), &opened.session, region, answer);
                match attached {
                    Ok(()) => {
                        self.recovered();
                        None
                    }
                    Err(error) => Some(self.troubled(&error, settings.on_error)?),
                }
            }
            Outcome::Answered(Err(error)) => Some(self.troubled(&error, settings.on_error)?),
        };
        match skipped {
            None => opened.stats.lock().unwrap().inferred(),
            Some(reason) => {
                opened.stats.lock().unwrap().skipped(reason);
                regions::mark_skipped(buffer.make_mut(), region, reason);
            }
        }
        Ok(buffer)
    }

    /// A request failed: the stream ends, or goes on after one warning.
    fn troubled(&self, error: &Error, on_error: OnError) -> Result<SkipReason, gst::FlowError> {
        let ends = match on_error {
            OnError::Fail => true,
            OnError::Pass => false,
            OnError::Auto => error.is_fatal(),
        };
        if ends {
            self.fail(error);
            return Err(gst::FlowError::Error);
        }
        let first = self.trouble.lock().unwrap().replace(error.to_string()).is_none();
        if first {
            gst::element_imp_warning!(
                self,
                gst::ResourceError::Failed,
                ("{error}. Frames go on without inference until it answers again.")
            );
        }
        Ok(SkipReason::Failed)
    }

    fn recovered(&self) {
        let trouble = self.trouble.lock().unwrap().take();
        if let Some(trouble) = trouble {
            gst::element_imp_info!(
                self,
                gst::ResourceError::Failed,
                ("The server answers again, after: {trouble}"),
                // gst-launch-1.0 shows this text of an INFO, and not the other
                ["The server answers again, after: {trouble}"]
            );
        }
    }

    /// Downstream (or we ourselves) ended the flow.
    fn refused(&self, error: gst::FlowError) {
        gst::debug!(CAT, imp = self, "downstream: {error:?}");
        let unheard = self.gate.refuse(error);
        match error {
            gst::FlowError::Flushing | gst::FlowError::Eos => {}
            // our own error was posted where it was found
            gst::FlowError::Error => drop(self.srcpad.push_event(gst::event::Eos::new())),
            error => {
                // as queue does: upstream has sent EOS and will not ask for the flow again, so nobody else says it
                if unheard {
                    gst::element_imp_error!(
                        self,
                        gst::StreamError::Failed,
                        ("Internal data stream error: {error:?}")
                    );
                }
                self.srcpad.push_event(gst::event::Eos::new());
            }
        }
    }
}
