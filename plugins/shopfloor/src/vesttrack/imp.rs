//! The element: properties, caps, statistics, export of the people. Tracking is in [`people::tracker`].
//!
//! Locks: `settings` and `state` are never held together. The streaming thread copies the settings once per buffer and
//! passes them to the tracker if they changed, so a property write never waits for a frame and none is lost.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use people::VestName;
use people::tracker::{FrameFormat, TimedTracker, TrackerOptions};

use super::warnings::Warnings;
use crate::qos::Liveness;
use crate::time::SegmentTime;
use crate::wiring::{Role, Wiring};
use crate::{stats, time, video};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "vesttrack",
        gst::DebugColorFlags::empty(),
        Some("Tracking of people, identification of workers"),
    )
});

#[derive(Clone, Debug, PartialEq)]
struct Settings {
    /// In frames; 0: automatic.
    max_age: u32,
    /// Milliseconds; 0: automatic.
    max_age_time: u32,
    min_hits: u32,
    /// Milliseconds; 0: automatic.
    min_hits_time: u32,
    /// Milliseconds.
    coast_time: u32,
    vests: Option<String>,
    min_confidence: f32,
    roi_metas: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let options = TrackerOptions::default();
        Self {
            max_age: options.max_age.unwrap_or(0),
            max_age_time: options.max_age_time.map_or(0, milliseconds),
            min_hits: options.min_hits,
            min_hits_time: options.min_hits_time.map_or(0, milliseconds),
            coast_time: milliseconds(options.coast_time),
            vests: None,
            min_confidence: options.min_confidence,
            roi_metas: true,
        }
    }
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

impl Settings {
    fn options(&self) -> TrackerOptions {
        let vests = self
            .vests
            .as_deref()
            .map(|vests| vests.split(',').map(|vest| vest.trim().into()).collect());
        let unless_automatic = |value: u32| Some(value).filter(|value| *value > 0);
        let time = |milliseconds: u32| Duration::from_millis(milliseconds.into());
        TrackerOptions {
            max_age: unless_automatic(self.max_age),
            max_age_time: unless_automatic(self.max_age_time).map(time),
            min_hits: self.min_hits,
            min_hits_time: unless_automatic(self.min_hits_time).map(time),
            coast_time: time(self.coast_time),
            vests,
            min_confidence: self.min_confidence,
        }
    }
}

#[derive(Default)]
struct State {
    tracker: TimedTracker,
    segment: SegmentTime,
    /// The settings that the tracker works with.
    applied: Settings,
    frames: u64,
    size: (u32, u32),
    /// Width to height of a pixel.
    pixel_aspect: (i32, i32),
    people_now: u32,
    workers_seen: BTreeSet<VestName>,
    warnings: Warnings,
    #[cfg(feature = "analytics")]
    analytics: people_meta::Analytics,
}

/// The element.
#[derive(Default, glib::Properties)]
#[properties(wrapper_type = super::VestTrack)]
pub struct VestTrack {
    #[property(name = "max-age", type = u32, get, set, member = max_age, mutable_playing,
        default = Settings::default().max_age,
        blurb = "Number of frames for which the track of an undetected person is kept (0 = max-age-time alone)")]
    #[property(name = "max-age-time", type = u32, get, set, member = max_age_time, mutable_playing,
        default = Settings::default().max_age_time,
        blurb = "Milliseconds for which the track of an undetected person is kept, max-age frames at most (0 = 3000, or three inference periods if that is longer; without a limit if max-age is set)")]
    #[property(name = "min-hits", type = u32, get, set, member = min_hits, mutable_playing,
        default = Settings::default().min_hits,
        blurb = "Number of consecutive inferred frames with a detection that a person needs for a track (0 and 1 = the first)")]
    #[property(name = "min-hits-time", type = u32, get, set, member = min_hits_time, mutable_playing,
        default = Settings::default().min_hits_time,
        blurb = "Milliseconds from the first to the last of the min-hits detections at least (0 = 50 for each but the first)")]
    #[property(name = "coast-time", type = u32, get, set, member = coast_time, mutable_playing,
        default = Settings::default().coast_time,
        blurb = "Milliseconds for which an undetected person is shown at the predicted place; three inference periods, if that is longer")]
    #[property(name = "vests", type = Option<String>, get, set, member = vests, mutable_playing,
        blurb = "Comma-separated vest labels of workers (NULL = all labels of the vest model except none)")]
    #[property(name = "min-confidence", type = f32, get, set, member = min_confidence, mutable_playing,
        minimum = 0.0, maximum = 1.0, default = Settings::default().min_confidence,
        blurb = "Lowest probability of a vest, from 0 to 1, that makes a person its worker")]
    #[property(name = "roi-metas", type = bool, get, set, member = roi_metas, mutable_playing,
        default = Settings::default().roi_metas,
        blurb = "Export of people as GstVideoRegionOfInterestMeta with the params of DL Streamer's elements, as GstAnalyticsRelationMeta if built with the feature analytics, and of the frame's inference as GstCustomMeta")]
    settings: Mutex<Settings>,
    state: Mutex<State>,
    live: Liveness,
    wiring: Wiring,
}

#[glib::object_subclass]
impl ObjectSubclass for VestTrack {
    const NAME: &'static str = "GstShopfloorVestTrack";
    type Type = super::VestTrack;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for VestTrack {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            stats::with_property(
                VestTrack::derived_properties(),
                "Numbers of frames processed and of people on the latest frame, and the workers seen so far (comma-separated)",
            )
        });
        &PROPERTIES
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.derived_set_property(id, value, pspec);
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            stats::PROPERTY => self.stats().to_value(),
            _ => self.derived_property(id, pspec),
        }
    }
}

impl GstObjectImpl for VestTrack {}

impl ElementImpl for VestTrack {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Vest tracker",
                "Filter/Analyzer/Video",
                "Tracker of people that identifies workers by the colour of their vests",
                "The shopfloor developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(video::filter_templates);
        &TEMPLATES
    }
}

impl BaseTransformImpl for VestTrack {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let applied = self.settings.lock().unwrap().clone();
        *self.state.lock().unwrap() = State {
            tracker: TimedTracker::new(applied.options()),
            applied,
            ..State::default()
        };
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        self.live.reset();
        self.wiring.reset();
        Ok(())
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info =
            gst_video::VideoInfo::from_caps(incaps).map_err(|error| gst::loggable_error!(CAT, "{incaps}: {error}"))?;
        let mut state = self.state.lock().unwrap();
        state.size = (info.width(), info.height());
        state.pixel_aspect = (info.par().numer(), info.par().denom());
        state.tracker.timeline_mut().set_interval(time::frame_interval(&info));
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        self.live.sink_event(self.obj().sink_pad(), &event);
        self.follow(&event);
        self.wiring.sink_event(self.obj().upcast_ref(), Role::VestTrack, &event);
        self.parent_sink_event(event)
    }

    fn src_event(&self, event: gst::Event) -> bool {
        self.live.stops(self.obj().sink_pad(), &event) || self.parent_src_event(event)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let arrival = self.live.running_time(&*self.obj());
        let settings = self.settings.lock().unwrap().clone();
        let mut guard = self.state.lock().unwrap();
        let state = &mut *guard;
        let size = video::stored_size(buffer, state.size);
        let frame = state.segment.frame(buffer, arrival);
        let tracker = &mut state.tracker;
        tracker.set_format(FrameFormat {
            width: size.0,
            height: size.1,
            pixel_aspect: state.pixel_aspect,
        });
        if settings != state.applied {
            tracker.set_options(settings.options());
            state.applied = settings;
            state.warnings.options_changed();
        }
        let tracked = people_meta::scene_mut(buffer, |scene| {
            tracker.update(frame, scene);
            state.people_now = scene.people.len() as u32;
            for worker in scene.people.iter().filter_map(people::Person::worker) {
                if !state.workers_seen.contains(worker) {
                    state.workers_seen.insert(worker.clone());
                }
            }
        });
        state.frames += 1;
        if tracked.is_none() {
            gst::log!(CAT, imp = self, "a frame without a scene passes unchanged");
        } else if state.applied.roi_metas {
            if let Err(error) = people_meta::set_inference(buffer) {
                gst::warning!(CAT, imp = self, "the frame's inference is not exported: {error}");
            }
            #[cfg(feature = "analytics")]
            if let Err(error) = state.analytics.attach(buffer, size) {
                gst::warning!(CAT, imp = self, "GstAnalytics metas are incomplete: {error}");
            }
            #[cfg(not(feature = "analytics"))]
            people_meta::set_rois(buffer, size);
        }
        let warning = state.warnings.of_frame(state.tracker.tracker());
        drop(guard);
        self.wiring
            .frame(self.obj().upcast_ref(), Role::VestTrack, false, buffer);
        if let Some(warning) = warning {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{warning}"));
        }
        Ok(gst::FlowSuccess::Ok)
    }
}

/// What of the format decides where on a frame people are.
impl VestTrack {
    /// Takes note of an event of the stream.
    fn follow(&self, event: &gst::Event) {
        let mut state = self.state.lock().unwrap();
        if state.segment.follow(event) {
            state.tracker.reset();
        }
    }

    fn stats(&self) -> gst::Structure {
        let state = self.state.lock().unwrap();
        let seen: Vec<&str> = state.workers_seen.iter().map(|worker| &**worker).collect();
        gst::Structure::builder("vesttrack-stats")
            .field("frames", state.frames)
            .field("people-now", state.people_now)
            .field("workers-seen", seen.join(","))
            .build()
    }
}
