//! The GObject of the core: pads, states, events, queries, the source pad's task, and the open model. Frames are
//! processed in [`super::stream`]; the properties are those of the bin around it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use inference::reorder::Item;
use inference::{Error, LatencyEstimate, RequestOptions};
use triton::ServerPool;

use super::CAT;
use super::frame_queue::FrameQueue;
use super::open_model::OpenModel;
use super::queries;
use super::report::{self, Reporter};
use super::stream::{self, Entrance, SLACK, StreamFormat};
use crate::exclusive::Exclusive;
use crate::tritoninfer::settings::Settings;
use crate::tritoninfer::stats;
use crate::{pool, video};

/// The element inside the bin.
pub struct TritonInferCore {
    /// The bin's properties. Those that may change in READY only are copied when the model is opened.
    settings: Arc<Mutex<Settings>>,
    /// The application's pool, used instead of the process's.
    pool: Mutex<Option<ServerPool>>,
    reporter: Reporter,
    open: Mutex<Option<Arc<OpenModel>>>,
    queue: Arc<FrameQueue>,
    /// Taken out by the streaming thread while in use.
    format: Exclusive<Option<StreamFormat>>,
    /// A warm-up is running.
    measuring: AtomicBool,
    sinkpad: gst::Pad,
    srcpad: gst::Pad,
}

#[glib::object_subclass]
impl ObjectSubclass for TritonInferCore {
    const NAME: &'static str = "GstShopfloorTritonInferCore";
    type Type = super::TritonInferCore;
    type ParentType = gst::Element;

    fn with_class(klass: &Self::Class) -> Self {
        let template = |name| klass.pad_template(name).expect("templates are defined below");
        let sinkpad = gst::Pad::builder_from_template(&template("sink"))
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(parent, || Err(gst::FlowError::Error), |this| this.chain(buffer))
            })
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
            })
            .flags(gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION)
            .build();
        let srcpad = gst::Pad::builder_from_template(&template("src"))
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
            })
            .activatemode_function(|_, parent, _, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic while activating")),
                    |this| this.activate(active),
                )
            })
            .flags(gst::PadFlags::PROXY_CAPS)
            .build();
        Self {
            settings: Arc::default(),
            pool: Mutex::default(),
            reporter: Reporter::default(),
            open: Mutex::default(),
            queue: Arc::default(),
            format: Exclusive::default(),
            measuring: AtomicBool::new(false),
            sinkpad,
            srcpad,
        }
    }
}

impl ObjectImpl for TritonInferCore {
    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        for pad in [&self.sinkpad, &self.srcpad] {
            obj.add_pad(pad).expect("a new element has no pads yet");
        }
    }
}

impl GstObjectImpl for TritonInferCore {}

impl ElementImpl for TritonInferCore {
    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(video::filter_templates);
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady {
            self.open_model().map_err(|error| {
                report::post_error(self.obj().upcast_ref(), &error);
                gst::StateChangeError
            })?;
        }
        let success = self.parent_change_state(transition)?;
        match transition {
            gst::StateChange::PausedToReady => *self.format.take() = None,
            gst::StateChange::ReadyToNull => {
                // Dropped after the lock is released, since the last user of a server waits for its requests.
                let open = self.open.lock().unwrap().take();
                drop(open);
            }
            _ => {}
        }
        Ok(success)
    }

    fn set_context(&self, context: &gst::Context) {
        if let Some(pool) = pool::of_context(context) {
            *self.pool.lock().unwrap() = Some(pool);
        }
        self.parent_set_context(context);
    }
}

impl TritonInferCore {
    /// The settings, which are the properties of the bin.
    pub fn settings(&self) -> &Arc<Mutex<Settings>> {
        &self.settings
    }

    /// The sink pad, to which the bin links decoders and converters.
    pub fn sink(&self) -> &gst::Pad {
        &self.sinkpad
    }

    /// The source pad.
    pub fn source(&self) -> &gst::Pad {
        &self.srcpad
    }

    /// `closed`, `ready`, or the reason why requests are failing.
    pub fn status(&self) -> String {
        match (self.open(), self.reporter.failure()) {
            (None, _) => "closed".into(),
            (Some(_), None) => "ready".into(),
            (Some(_), Some(failure)) => failure,
        }
    }

    /// The property `stats`.
    pub fn stats(&self) -> gst::Structure {
        let (in_flight, late) = self.queue.counts();
        let open = self.open();
        let timings = open.as_ref().map(|open| open.timings()).unwrap_or_default();
        let latency = open.as_ref().and_then(|open| open.latency()).unwrap_or_default();
        let memory = open
            .as_ref()
            .map(|open| open.session.model().memory_use())
            .unwrap_or_default();
        let models = triton::loaded_models().iter().map(|model| model.memory).sum();
        stats::structure(&timings, latency, in_flight, late, memory, models)
    }

    // ---- states

    fn open_model(&self) -> Result<(), Error> {
        let settings = self.settings.lock().unwrap().clone();
        let open = OpenModel::open(&settings, &self.server_pool())?;
        self.reporter.reset();
        *self.open.lock().unwrap() = Some(Arc::new(open));
        Ok(())
    }

    fn open(&self) -> Option<Arc<OpenModel>> {
        self.open.lock().unwrap().clone()
    }

    /// The pool set by the application, also in reply to NEED_CONTEXT, otherwise the process's.
    fn server_pool(&self) -> ServerPool {
        let set = || self.pool.lock().unwrap().clone();
        let known = set().or_else(|| {
            let obj = self.obj();
            // An error means that there is no bus.
            let _ = obj.post_message(gst::message::NeedContext::builder(pool::CONTEXT).src(&*obj).build());
            set()
        });
        known.unwrap_or_else(|| ServerPool::process().clone())
    }

    // ---- the streaming thread

    fn chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let settings = self.settings.lock().unwrap().clone();
        let Some(open) = self.open() else {
            return Err(gst::FlowError::Flushing);
        };
        // Taken out so that the lock is not held while this thread waits and posts.
        let mut format = self.format.take();
        let Some(format) = &mut *format else {
            gst::element_imp_error!(self, gst::CoreError::Negotiation, ("A buffer arrived before its caps"));
            return Err(gst::FlowError::NotNegotiated);
        };
        let element = self.obj();
        let entrance = Entrance {
            element: element.upcast_ref(),
            settings: &settings,
            open: &open,
            queue: &self.queue,
            reporter: &self.reporter,
        };
        stream::enter(&entrance, format, buffer)
    }

    fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        gst::log!(CAT, obj = pad, "{event:?}");
        match event.view() {
            gst::EventView::FlushStart(_) => {
                let events = self.queue.close();
                self.keep_sticky(&events);
                let handled = self.srcpad.push_event(event);
                let _ = self.srcpad.pause_task();
                handled
            }
            gst::EventView::FlushStop(_) => {
                let handled = self.srcpad.push_event(event);
                self.queue.open();
                self.start_task().is_ok() && handled
            }
            gst::EventView::Caps(caps) if !self.configure(caps.caps()) => false,
            _ if event.is_serialized() => self.queue.push_event(event),
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    /// Stores the sticky events of a flush, as `queue` does, except segments and EOS.
    fn keep_sticky(&self, events: &[gst::Event]) {
        for event in events.iter().filter(|event| event.is_sticky()) {
            if !matches!(event.type_(), gst::EventType::Segment | gst::EventType::Eos) {
                let _ = self.srcpad.store_sticky_event(event);
            }
        }
    }

    /// Applies new caps. Queued frames keep the old ones, since the event leaves after them.
    fn configure(&self, caps: &gst::CapsRef) -> bool {
        let Some(open) = self.open() else { return false };
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
        let sampler = match open.session.sampler() {
            Ok(sampler) => sampler,
            Err(error) => {
                gst::element_imp_error!(self, gst::StreamError::Format, ("{error}"));
                return false;
            }
        };
        // Queried without the lock, since the query passes through other elements.
        let mut latency = gst::query::Latency::new();
        let live = self.sinkpad.peer_query(&mut latency) && latency.result().0;
        let mut format = self.format.take();
        let frames = format.as_ref().map_or(0, |format| format.frames);
        *format = Some(StreamFormat {
            info,
            sampler,
            live,
            frames,
        });
        true
    }

    // ---- queries

    fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if !query.is_serialized() {
            return gst::Pad::query_default(pad, Some(&*self.obj()), query);
        }
        if !self.queue.pass_query() {
            return false;
        }
        let handled = gst::Pad::query_default(pad, Some(&*self.obj()), query);
        if handled && let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
            let held = self.settings.lock().unwrap().max_in_flight + SLACK as u32;
            queries::ask_for_buffers(allocation, held);
        }
        handled
    }

    fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let gst::QueryViewMut::Latency(latency) = query.view_mut() else {
            return gst::Pad::query_default(pad, Some(&*self.obj()), query);
        };
        let mut upstream = gst::query::Latency::new();
        if !self.sinkpad.peer_query(&mut upstream) {
            return false;
        }
        let (live, min, max) = upstream.result();
        let own = if live { self.own_latency() } else { Duration::ZERO };
        let own = gst::ClockTime::try_from(own).unwrap_or(gst::ClockTime::ZERO);
        // The element can buffer as much as it delays, so minimum and maximum increase alike.
        latency.set(live, min + own, max.map(|max| max + own));
        true
    }

    /// The latency that the element adds to a live stream. The first query waits for the measurement; a concurrent
    /// query gets 0 and is repeated after the LATENCY message that follows the measurement.
    fn own_latency(&self) -> Duration {
        let Some(open) = self.open() else {
            return Duration::ZERO;
        };
        if let Some(latency) = open.latency() {
            return latency;
        }
        if self.measuring.swap(true, Ordering::AcqRel) {
            return Duration::ZERO;
        }
        let settings = self.settings.lock().unwrap().clone();
        let timeout = Duration::from_millis(settings.timeout.into());
        let options = RequestOptions { timeout, priority: 0 };
        let estimate = match open.session.warm_up(open.max_in_flight, options) {
            Ok(slowest) => LatencyEstimate::measured(slowest),
            Err(error) => {
                // Reported to the user by the first frame's request, depending on on-error.
                gst::warning!(CAT, imp = self, "the warm-up failed: {error}");
                LatencyEstimate::fixed(timeout)
            }
        };
        gst::info!(CAT, imp = self, "{}: {estimate:?}", open.session.contract().model);
        open.set_estimate(estimate);
        self.measuring.store(false, Ordering::Release);
        let obj = self.obj();
        let _ = obj.post_message(gst::message::Latency::builder().src(&*obj).build());
        estimate.latency().unwrap_or_default()
    }

    // ---- the source pad's task

    fn activate(&self, active: bool) -> Result<(), gst::LoggableError> {
        if active {
            self.queue.open();
            self.start_task().map_err(|error| gst::loggable_error!(CAT, "{error}"))
        } else {
            drop(self.queue.close());
            self.srcpad
                .stop_task()
                .map_err(|error| gst::loggable_error!(CAT, "{error}"))
        }
    }

    fn start_task(&self) -> Result<(), glib::BoolError> {
        let element = self.obj().downgrade();
        self.srcpad.start_task(move || {
            if let Some(element) = element.upgrade() {
                element.imp().iterate();
            }
        })
    }

    fn iterate(&self) {
        match self.queue.next() {
            None => drop(self.srcpad.pause_task()),
            Some(Item::Event(event)) => drop(self.srcpad.push_event(event)),
            Some(Item::Query(_)) => {} // handled by the queue
            Some(Item::Frame(buffer, outcome)) => {
                let Some(open) = self.open() else { return };
                let on_error = self.settings.lock().unwrap().on_error;
                let element = self.obj();
                let finished = stream::finish(element.upcast_ref(), &open, &self.reporter, on_error, buffer, outcome);
                if let Err(error) = finished.and_then(|buffer| self.srcpad.push(buffer)) {
                    self.refused(error);
                }
            }
        }
    }

    /// Downstream refused a frame, or its error ends the stream.
    fn refused(&self, error: gst::FlowError) {
        gst::debug!(CAT, imp = self, "downstream: {error:?}");
        let unreported = self.queue.refuse(error);
        match error {
            gst::FlowError::Flushing | gst::FlowError::Eos => {}
            // The element's own error has been posted already.
            gst::FlowError::Error => drop(self.srcpad.push_event(gst::event::Eos::new())),
            error => {
                // As `queue` does: after EOS, upstream does not get the flow return, so no other element reports it.
                if unreported {
                    gst::element_imp_error!(self, gst::StreamError::Failed, ("Internal data stream error: {error}"));
                }
                self.srcpad.push_event(gst::event::Eos::new());
            }
        }
    }
}
