//! The filter inside the bin, which draws. What is drawn is in [`draw::Painter`].
//!
//! Locks: `style`, which the bin's properties write, and `painter` are never held together; the style is copied once per
//! buffer, and `clock` is locked for moments. `names` is taken by the streaming thread without a lock, since it may wait for fonts.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use draw::{Painter, Redaction, Style};
use gst::glib;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;
use people::Scene;
use people::timeline::{Resolved, Time, Timeline};

use super::CAT;
use super::fonts::{NameShaper, UnreadableScripts};
use crate::exclusive::Exclusive;
use crate::qos::Liveness;
use crate::time::{self, SegmentTime};
use crate::video;
use crate::wiring::{Role, Wiring};

/// The longest time that a stream which is not live waits for the system's fonts.
const FONTS_TIMEOUT: Duration = Duration::from_secs(5);

/// The filter; only the bin creates it.
#[derive(Default)]
pub struct OverlayCore {
    /// Shared with the bin, whose settings it is.
    pub(super) style: Arc<Mutex<Style>>,
    /// `None` until the first frame is drawn on.
    painter: Mutex<Option<Painter>>,
    names: Exclusive<Names>,
    clock: Mutex<Clock>,
    live: Liveness,
    wiring: Wiring,
}

/// The time of the frames.
#[derive(Default)]
struct Clock {
    segment: SegmentTime,
    timeline: Timeline,
    /// Time between frames by the caps.
    interval: Option<Duration>,
}

/// When a frame is.
struct FrameMoment {
    /// `None` if it cannot be told.
    time: Option<Duration>,
    /// What was known before is of another clock.
    begins_anew: bool,
}

impl Clock {
    fn set_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval;
        self.timeline.set_interval(interval);
    }

    /// Takes note of an event. True if the stream begins anew with it.
    fn follow(&mut self, event: &gst::Event) -> bool {
        let anew = self.segment.follow(event);
        if anew {
            self.timeline.reset();
        }
        anew
    }

    /// When a frame is. `arrival` is the running time by the clock of a live pipeline.
    fn moment(&mut self, buffer: &gst::BufferRef, arrival: Option<Duration>) -> FrameMoment {
        let frame = self.segment.frame(buffer, arrival);
        // Without any of these, time stands still.
        let is_known = frame.timestamp.is_ok() || frame.duration.or(self.interval).or(arrival).is_some();
        let placed = self.timeline.place(frame);
        let time = match placed.time {
            Time::At(time) => time,
            Time::Held { otherwise } => otherwise,
        };
        FrameMoment {
            time: is_known.then_some(time),
            begins_anew: matches!(placed.held, Some(Resolved::BeginsAnew(_))),
        }
    }
}

/// The names of other scripts.
#[derive(Default)]
struct Names {
    shaper: NameShaper,
    reported: UnreadableScripts,
}

#[glib::object_subclass]
impl ObjectSubclass for OverlayCore {
    const NAME: &'static str = "GstShopfloorOverlayCore";
    type Type = super::OverlayCore;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for OverlayCore {}

impl GstObjectImpl for OverlayCore {}

impl ElementImpl for OverlayCore {
    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(video::filter_templates);
        &TEMPLATES
    }
}

impl BaseTransformImpl for OverlayCore {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.painter.lock().unwrap() = None;
        *self.names.take() = Names::default();
        *self.clock.lock().unwrap() = Clock::default();
        self.live.reset();
        self.wiring.reset();
        Ok(())
    }

    /// What is known about people is in pixels of the previous caps.
    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps).ok();
        let interval = info.as_ref().and_then(time::frame_interval);
        self.clock.lock().unwrap().set_interval(interval);
        self.forget();
        self.parent_set_caps(incaps, outcaps)
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        self.live.sink_event(self.obj().sink_pad(), &event);
        let anew = self.clock.lock().unwrap().follow(&event);
        if anew {
            self.forget();
        }
        if let Some(bin) = self.bin() {
            self.wiring.sink_event(&bin, Role::Overlay, &event);
        }
        self.parent_sink_event(event)
    }
}

impl VideoFilterImpl for OverlayCore {
    fn transform_frame_ip(
        &self,
        frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        if let Some(bin) = self.bin() {
            self.wiring.frame(&bin, Role::Overlay, false, frame.buffer());
        }
        let style = self.style.lock().unwrap().clone();
        let scene = people_meta::scene(frame.buffer());
        if scene.is_none() && style.redact == Redaction::None {
            return Ok(gst::FlowSuccess::Ok);
        }
        if let Some(scene) = &scene {
            self.shape_names(scene, &style);
        }
        let arrival = self.live.running_time(&*self.obj());
        let FrameMoment { time, begins_anew } = self.clock.lock().unwrap().moment(frame.buffer(), arrival);
        if begins_anew {
            self.forget();
        }
        // How old an inference is cannot be told without the frame's time.
        let scene = scene.filter(|_| time.is_some() || style.redact == Redaction::None);
        let mut surface = video::surface(frame).map_err(|error| {
            gst::element_imp_error!(
                self,
                gst::StreamError::Format,
                ("Cannot draw on frames of this format: {error}")
            );
            gst::FlowError::NotNegotiated
        })?;
        self.painter.lock().unwrap().get_or_insert_with(Painter::new).paint(
            &mut surface,
            time.unwrap_or_default(),
            scene.as_deref(),
            &style,
        );
        Ok(gst::FlowSuccess::Ok)
    }
}

impl OverlayCore {
    /// The element that posts its messages.
    fn bin(&self) -> Option<gst::Element> {
        self.obj().parent().and_downcast()
    }

    fn with_painter<R>(&self, work: impl FnOnce(&mut Painter) -> R) -> R {
        work(self.painter.lock().unwrap().get_or_insert_with(Painter::new))
    }

    /// Gets glyphs of names that the bundled typeface cannot draw. A live stream does not wait for them: it shows the characters'
    /// codes meanwhile.
    fn shape_names(&self, scene: &Scene, style: &Style) {
        let unshaped = self.with_painter(|painter| painter.unshaped(scene, style));
        let mut names = self.names.take();
        let mut wait = Duration::ZERO;
        if !unshaped.is_empty() {
            if let Err(error) = names.shaper.send(unshaped) {
                gst::warning!(CAT, imp = self, "no thread that reads fonts: {error}");
            }
            if self.live.get(self.obj().sink_pad()) != Some(true) {
                wait = FONTS_TIMEOUT;
            }
        }
        for (name, shaped) in names.shaper.receive(wait) {
            for warning in names.reported.warnings(&name, shaped.unreadable()) {
                gst::element_imp_warning!(self, gst::ResourceError::NotFound, ("{warning}"));
            }
            self.with_painter(|painter| painter.add_shaped(name, shaped));
        }
    }

    /// The stream begins anew.
    fn forget(&self) {
        if let Some(painter) = &mut *self.painter.lock().unwrap() {
            painter.reset();
        }
    }
}
