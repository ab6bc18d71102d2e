//! The GObject of the core: pads, states, events, queries, the source pad's task, and the open model. Frames are
//! processed in [`super::stream`]; the properties are those of the bin around it.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use inference::Period;
use inference::reorder::{Item, Outcome};
use triton::ServerPool;

use super::CAT;
use super::attach::Decoded;
use super::dispatcher::Dispatcher;
use super::frame_queue::{Frame, SLACK};
use super::presentation::{self, OrientationTags};
use super::queries::{self, Downstream};
use super::regions::WatchedStations;
use super::stream::{self, StreamFormat};
use super::{opening, report, stats};
use crate::exclusive::Exclusive;
use crate::tritoninfer::media;
use crate::tritoninfer::settings::Settings;
use crate::{pool, video};

/// The element inside the bin.
pub struct TritonInferCore {
    dispatcher: Arc<Dispatcher>,
    /// The application's pool, used instead of the process's.
    pool: Mutex<Option<ServerPool>>,
    /// Taken out by the streaming thread while in use.
    format: Exclusive<Option<StreamFormat>>,
    /// Of the present stream; likewise.
    orientation: Exclusive<OrientationTags>,
    /// Of the property `stations`, if the regions depend on it; likewise.
    watched: Exclusive<WatchedStations>,
    /// What downstream has answered to the latest ALLOCATION query.
    downstream: Mutex<Downstream>,
    /// Measures the time between inferred frames; used by the source pad's task.
    period: Mutex<Period>,
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
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_event(pad, event))
            })
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
            dispatcher: Arc::new(Dispatcher::new(opening::reread)),
            pool: Mutex::default(),
            format: Exclusive::default(),
            orientation: Exclusive::default(),
            watched: Exclusive::default(),
            downstream: Mutex::default(),
            period: Mutex::default(),
            sinkpad,
            srcpad,
        }
    }
}

impl ObjectImpl for TritonInferCore {
    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        self.dispatcher.set_element(obj.upcast_ref());
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
            self.dispatcher.reset();
            let opened = opening::open(&self.dispatcher, self.server_pool());
            opened.map_err(|error| {
                report::post_error(self.obj().upcast_ref(), &error);
                gst::StateChangeError
            })?;
        }
        if transition == gst::StateChange::ReadyToPaused {
            let opened = WatchedStations::open(&self.dispatcher.properties());
            *self.watched.take() = opened.map_err(|why| {
                gst::element_imp_error!(self, gst::ResourceError::Settings, ("{why}"));
                gst::StateChangeError
            })?;
        }
        let success = self.parent_change_state(transition)?;
        match transition {
            gst::StateChange::PausedToReady => {
                *self.format.take() = None;
                *self.watched.take() = WatchedStations::default();
                *self.orientation.take() = OrientationTags::default();
                self.dispatcher.liveness.reset();
            }
            gst::StateChange::ReadyToNull => {
                self.dispatcher.connection.close();
                self.dispatcher.wait_for_messages();
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
        self.dispatcher.shared_properties()
    }

    /// The settings have changed.
    pub fn settings_changed(&self) {
        self.dispatcher.settings_changed();
        if let Some(open) = self.dispatcher.connection.open_model() {
            stats::post_at_intervals(&self.dispatcher, &open);
        }
    }

    /// The sink pad, to which the bin links decoders and converters.
    pub fn sink(&self) -> &gst::Pad {
        &self.sinkpad
    }

    /// The source pad.
    pub fn source(&self) -> &gst::Pad {
        &self.srcpad
    }

    /// `closed`, `ready`, or `connecting`, `degraded` or `failed` with the reason.
    pub fn status(&self) -> String {
        match self.obj().current_state() {
            gst::State::Null => "closed".into(),
            _ => self.dispatcher.reporter.status(),
        }
    }

    /// The property `stats`.
    pub fn stats(&self) -> gst::Structure {
        stats::structure(&self.dispatcher)
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
        // Taken out so that the lock is not held while this thread waits and posts.
        let mut format = self.format.take();
        let Some(format) = &mut *format else {
            gst::element_imp_error!(
                self,
                gst::CoreError::Negotiation,
                ("{}", media::without_caps(self.obj().upcast_ref(), &buffer))
            );
            // Not NotNegotiated, after which a source may try once more, with a pool of empty buffers.
            return Err(gst::FlowError::Error);
        };
        // Asked again while upstream does not answer, as before it is linked completely.
        self.dispatcher.liveness.get(&self.sinkpad);
        let orientation = self.orientation.take().orientation();
        let mut watched = self.watched.take();
        if let Err(why) = watched.refresh() {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{why}"));
        }
        let element = self.obj();
        stream::enter(
            &self.dispatcher,
            element.upcast_ref(),
            format,
            orientation,
            &watched,
            buffer,
        )
    }

    fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        gst::log!(CAT, obj = pad, "{event:?}");
        match event.view() {
            gst::EventView::StreamStart(_) => *self.orientation.take() = OrientationTags::default(),
            gst::EventView::Tag(tags) => self.orientation.take().update(tags.tag()),
            _ => {}
        }
        match event.view() {
            gst::EventView::FlushStart(_) => {
                let events = self.dispatcher.queue.close();
                self.keep_sticky(&events);
                let handled = self.srcpad.push_event(event);
                let _ = self.srcpad.pause_task();
                handled
            }
            gst::EventView::FlushStop(_) => {
                let handled = self.srcpad.push_event(event);
                // A pad that has been deactivated meanwhile must not get a task again.
                if !self.srcpad.is_active() {
                    return handled;
                }
                self.open_queue();
                self.start_task().is_ok() && handled
            }
            gst::EventView::Caps(caps) if !self.configure(caps.caps()) => false,
            _ if event.is_serialized() => self.dispatcher.queue.push_event(event),
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
        if !presentation::is_supported(&info) {
            gst::element_imp_error!(
                self,
                gst::StreamError::WrongType,
                ("tritoninfer reads frames whose fields alternate by line; got {caps}. Put deinterlace before it.")
            );
            return false;
        }
        // Queried without the lock, since the query passes through other elements.
        self.dispatcher.liveness.query(&self.sinkpad);
        let mut format = self.format.take();
        let old = format.take();
        *format = Some(StreamFormat {
            info: Arc::new(info),
            frames: old.as_ref().map_or(0, |old| old.frames),
            interval: old.map(|old| old.interval).unwrap_or_default(),
        });
        true
    }

    fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        match event.type_() {
            // As in `queue`: downstream has been linked again.
            gst::EventType::Reconfigure => {
                self.dispatcher.queue.accept_again();
                if self.srcpad.is_active() && self.start_task().is_err() {
                    return false;
                }
                gst::Pad::event_default(pad, Some(&*self.obj()), event)
            }
            // A late sink must not make a decoder drop frames of a file, each of which is to be inferred.
            gst::EventType::Qos if self.dispatcher.is_file() => true,
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    // ---- queries

    fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if !query.is_serialized() {
            return gst::Pad::query_default(pad, Some(&*self.obj()), query);
        }
        let held = self.held();
        if let gst::QueryViewMut::Allocation(allocation) = query.view_mut()
            && (!self.dispatcher.is_file() || self.dispatcher.queue.counts().0 > 0)
        {
            // A live source does not wait for the frames before the query; no source waits for a server with it, since it
            // cannot be sent an EOS meanwhile.
            self.downstream().answer(allocation, held);
            return true;
        }
        if !self.dispatcher.queue.pass_query() {
            return false;
        }
        let handled = gst::Pad::query_default(pad, Some(&*self.obj()), query);
        if let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
            queries::complete(allocation, held);
            return true;
        }
        handled
    }

    fn downstream(&self) -> std::sync::MutexGuard<'_, Downstream> {
        self.downstream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of buffers that the element holds at most.
    fn held(&self) -> u32 {
        self.dispatcher.held() as u32 + SLACK as u32
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
        let own = if live {
            self.dispatcher.latency()
        } else {
            Duration::ZERO
        };
        let own = gst::ClockTime::try_from(own).unwrap_or(gst::ClockTime::ZERO);
        // The element can buffer as much as it delays, so minimum and maximum increase alike.
        latency.set(live, min + own, max.map(|max| max + own));
        true
    }

    // ---- the source pad's task

    fn activate(&self, active: bool) -> Result<(), gst::LoggableError> {
        if active {
            self.open_queue();
            self.start_task().map_err(|error| gst::loggable_error!(CAT, "{error}"))
        } else {
            drop(self.dispatcher.queue.close());
            self.srcpad
                .stop_task()
                .map_err(|error| gst::loggable_error!(CAT, "{error}"))
        }
    }

    fn open_queue(&self) {
        *self.period.lock().unwrap_or_else(PoisonError::into_inner) = Period::default();
        self.dispatcher.queue.open();
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
        match self.dispatcher.queue.next() {
            None => drop(self.srcpad.pause_task()),
            Some(Item::Event(event)) => self.push_event(event),
            Some(Item::Query(_)) => {} // handled by the queue
            Some(Item::Frame(frame, outcome)) => self.push(frame, outcome),
        }
    }

    fn push_event(&self, event: gst::Event) {
        let caps = match event.view() {
            gst::EventView::Caps(caps) => Some(caps.caps_owned()),
            _ => None,
        };
        self.srcpad.push_event(event);
        if let Some(caps) = caps {
            // For the source's next ALLOCATION query, if that is answered without waiting.
            let answer = Downstream::ask(&self.srcpad, &caps);
            *self.downstream() = answer;
        }
    }

    fn push(&self, frame: Frame, outcome: Outcome<Decoded>) {
        let buffer = {
            let mut period = self.period.lock().unwrap_or_else(PoisonError::into_inner);
            stream::finish(&self.dispatcher, &mut period, frame, outcome)
        };
        let start = std::time::Instant::now();
        let pushed = self.srcpad.push(buffer);
        self.dispatcher.timings().push.add(start.elapsed());
        if let Err(error) = pushed {
            self.refused(error);
        }
    }

    /// Downstream refused a frame, or its error ends the stream.
    fn refused(&self, error: gst::FlowError) {
        gst::debug!(CAT, imp = self, "downstream: {error:?}");
        let unreported = self.dispatcher.queue.refuse(error);
        // As `queue` does: after EOS, upstream does not get the flow return, so no other element reports it.
        if unreported && !matches!(error, gst::FlowError::Flushing | gst::FlowError::Eos) {
            gst::element_imp_error!(self, gst::StreamError::Failed, ("Internal data stream error: {error}"));
            self.srcpad.push_event(gst::event::Eos::new());
        }
    }
}
