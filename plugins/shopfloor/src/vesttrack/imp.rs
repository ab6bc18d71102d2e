//! The GObject of `vesttrack`; who is who is `people::tracker`'s.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use people::VestName;
use people::tracker::{Tracker, TrackerOptions};

use crate::{stats, time, video};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "vesttrack",
        gst::DebugColorFlags::empty(),
        Some("Workers by the colour of their vests"),
    )
});

#[derive(Clone, Debug)]
struct Settings {
    max_age: u32,
    min_hits: u32,
    vests: Option<String>,
    min_confidence: f32,
    roi_metas: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let options = TrackerOptions::default();
        Self {
            max_age: options.max_age,
            min_hits: options.min_hits,
            vests: None,
            min_confidence: options.min_confidence,
            roi_metas: true,
        }
    }
}

impl Settings {
    fn options(&self) -> TrackerOptions {
        let vests = self
            .vests
            .as_deref()
            .map(|vests| vests.split(',').map(|vest| vest.trim().into()).collect());
        TrackerOptions {
            max_age: self.max_age,
            min_hits: self.min_hits,
            vests,
            min_confidence: self.min_confidence,
        }
    }
}

#[derive(Default)]
struct State {
    tracker: Tracker,
    frames: u64,
    size: (u32, u32),
    people_now: u32,
    workers_seen: BTreeSet<VestName>,
    #[cfg(feature = "analytics")]
    analytics: people_meta::Analytics,
}

/// The element.
#[derive(Default, glib::Properties)]
#[properties(wrapper_type = super::VestTrack)]
pub struct VestTrack {
    #[property(name = "max-age", type = u32, get, set = Self::set_max_age, member = max_age, mutable_playing,
        default = Settings::default().max_age, blurb = "Frames for which someone unseen is remembered")]
    #[property(name = "min-hits", type = u32, get, set = Self::set_min_hits, member = min_hits, mutable_playing,
        default = Settings::default().min_hits, blurb = "Frames in which someone must be seen before being given an identity")]
    #[property(name = "vests", type = Option<String>, get, set = Self::set_vests, member = vests, mutable_playing,
        blurb = "Comma-separated vests that are workers' (NULL = all that the vest model knows, but none)")]
    #[property(name = "min-confidence", type = f32, get, set = Self::set_min_confidence, member = min_confidence, mutable_playing,
        minimum = 0.0, maximum = 1.0, default = Settings::default().min_confidence,
        blurb = "How sure a vest must be before someone is taken for its worker")]
    #[property(name = "roi-metas", type = bool, get, set, member = roi_metas, mutable_playing,
        default = Settings::default().roi_metas,
        blurb = "Attach people as GstVideoRegionOfInterestMeta too, with params as DL Streamer's elements have them, and as GstAnalyticsRelationMeta where built for it")]
    settings: Mutex<Settings>,
    state: Mutex<State>,
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
                "Frames so far, people on the last one, workers seen (comma-separated)",
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
                "Follows people and tells workers by the colour of their vests",
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
        let tracker = Tracker::new(self.settings.lock().unwrap().options());
        *self.state.lock().unwrap() = State {
            tracker,
            ..State::default()
        };
        Ok(())
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info =
            gst_video::VideoInfo::from_caps(incaps).map_err(|error| gst::loggable_error!(CAT, "{incaps}: {error}"))?;
        let mut state = self.state.lock().unwrap();
        state.size = (info.width(), info.height());
        state.tracker.set_frame_size(info.width(), info.height());
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if time::starts_anew(&event) {
            self.state.lock().unwrap().tracker.reset();
        }
        self.parent_sink_event(event)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let time = time::running_time(self.obj().upcast_ref(), buffer);
        let roi_metas = self.settings.lock().unwrap().roi_metas;
        let mut state = self.state.lock().unwrap();
        let state = &mut *state;
        let tracker = &mut state.tracker;
        let tracked = people_meta::scene_mut(buffer, |scene| {
            tracker.update(time, scene);
            state.people_now = scene.people.len() as u32;
            for worker in scene.people.iter().filter_map(people::Person::worker) {
                if !state.workers_seen.contains(worker) {
                    state.workers_seen.insert(worker.clone());
                }
            }
        });
        state.frames += 1;
        if tracked.is_none() {
            gst::log!(CAT, imp = self, "a frame without people's meta passes as it is");
        } else if roi_metas {
            #[cfg(feature = "analytics")]
            if let Err(error) = state.analytics.attach(buffer, state.size) {
                gst::warning!(CAT, imp = self, "GstAnalytics metas are not whole: {error}");
            }
            #[cfg(not(feature = "analytics"))]
            people_meta::set_rois(buffer, state.size);
        }
        Ok(gst::FlowSuccess::Ok)
    }
}

impl VestTrack {
    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let options = {
            let mut settings = self.settings.lock().unwrap();
            change(&mut settings);
            settings.options()
        };
        self.state.lock().unwrap().tracker.set_options(options);
    }

    fn set_max_age(&self, max_age: u32) {
        self.change(|settings| settings.max_age = max_age);
    }

    fn set_min_hits(&self, min_hits: u32) {
        self.change(|settings| settings.min_hits = min_hits);
    }

    fn set_vests(&self, vests: Option<String>) {
        self.change(|settings| settings.vests = vests);
    }

    fn set_min_confidence(&self, min_confidence: f32) {
        self.change(|settings| settings.min_confidence = min_confidence);
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
