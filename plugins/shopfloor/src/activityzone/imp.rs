//! The GObject of `activityzone`; who works where is `people::activity`'s.

use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use people::activity::{ActivityOptions, ActivityTracker};
use people::event::Event;
use people::polygon_editor::PolygonEditor;
use people::station_file::Stations;

use super::log::Log;
use super::settings::Settings;
use super::stations::Source;
use super::{drawing, messages};
use crate::{time, video};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "activityzone",
        gst::DebugColorFlags::empty(),
        Some("Who works at which station"),
    )
});

/// A hint for those who have not heard of stations yet.
const NO_STATIONS: &str = "No stations, so no activity is stated: set stations= to a JSON file or to JSON";

#[derive(Default)]
pub(super) struct State {
    pub(super) stations: Stations,
    pub(super) tracker: Option<ActivityTracker>,
    pub(super) source: Option<Source>,
    log: Option<Log>,
    pub(super) sketch: PolygonEditor,
    pub(super) size: (u32, u32),
    /// Running time at which the latest frame ends.
    end: Duration,
    hinted: bool,
}

/// The element.
#[derive(Default, glib::Properties)]
#[properties(wrapper_type = super::ActivityZone)]
pub struct ActivityZone {
    #[property(name = "stations", type = Option<String>, get, set = Self::set_stations, member = stations, mutable_playing,
        blurb = "JSON file of stations, read again when it changes, or the JSON itself (NULL = no stations, no states)")]
    #[property(name = "keypoints", type = Option<String>, get, set = Self::set_keypoints, member = keypoints, mutable_playing,
        default = Settings::default().keypoints.as_deref(),
        blurb = "Comma-separated COCO keypoints that make a station active when they are inside")]
    #[property(name = "min-keypoint-confidence", type = f32, get, set = Self::set_min_keypoint_confidence,
        member = min_keypoint_confidence, mutable_playing, minimum = 0.0, maximum = 1.0,
        default = Settings::default().min_keypoint_confidence, blurb = "How sure the model must be of a keypoint for it to count")]
    #[property(name = "hold-time", type = u32, get, set = Self::set_hold_time, member = hold_time, mutable_playing,
        default = Settings::default().hold_time, blurb = "Milliseconds for which a station stays active after the hands left it")]
    #[property(name = "unknown-after", type = u32, get, set = Self::set_unknown_after, member = unknown_after, mutable_playing,
        default = Settings::default().unknown_after,
        blurb = "Milliseconds without inference after which a station's state is unknown")]
    #[property(name = "events-location", type = Option<String>, get, set, member = events_location, mutable_ready,
        blurb = "File to write what happens to, a line of JSON each, from READY to PAUSED on (NULL = none); a file that exists is overwritten")]
    #[property(name = "draw", type = bool, get, set, member = draw, mutable_playing, default = Settings::default().draw,
        blurb = "Edit the stations with the mouse: left button a corner, middle button or backspace takes it back, right button closes the polygon or removes the station under it; the station file is rewritten")]
    settings: Mutex<Settings>,
    pub(super) state: Mutex<State>,
}

#[glib::object_subclass]
impl ObjectSubclass for ActivityZone {
    const NAME: &'static str = "GstShopfloorActivityZone";
    type Type = super::ActivityZone;
    type ParentType = gst_base::BaseTransform;
}

#[glib::derived_properties]
impl ObjectImpl for ActivityZone {}

impl GstObjectImpl for ActivityZone {}

impl ElementImpl for ActivityZone {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Activity at stations",
                "Filter/Analyzer/Video",
                "Says which worker is active, idle or absent at which workstation, since when",
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

impl BaseTransformImpl for ActivityZone {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = self.settings.lock().unwrap().clone();
        let state = State::open(&settings).map_err(|why| gst::error_msg!(gst::ResourceError::Settings, ("{why}")))?;
        let log = settings.events_location.as_deref().map(Log::create).transpose()?;
        *self.state.lock().unwrap() = State { log, ..state };
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let said = self.finish();
        *self.state.lock().unwrap() = State::default();
        said
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info =
            gst_video::VideoInfo::from_caps(incaps).map_err(|error| gst::loggable_error!(CAT, "{incaps}: {error}"))?;
        self.state.lock().unwrap().size = (info.width(), info.height());
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if time::starts_anew(&event) {
            if let Some(tracker) = &mut self.state.lock().unwrap().tracker {
                tracker.reset();
            }
        } else if event.type_() == gst::EventType::Eos
            && let Err(why) = self.finish()
        {
            self.post_error_message(why);
        }
        self.parent_sink_event(event)
    }

    fn src_event(&self, event: gst::Event) -> bool {
        if event.type_() == gst::EventType::Navigation && self.settings.lock().unwrap().draw {
            self.drawn(&event);
        }
        self.parent_src_event(event)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let time = time::running_time(self.obj().upcast_ref(), buffer);
        self.reload();
        let draw = self.settings.lock().unwrap().draw;
        let (events, hint) = {
            let mut state = self.state.lock().unwrap();
            state.end = time + buffer.duration().map_or(Duration::ZERO, Duration::from);
            let State {
                tracker,
                sketch,
                size,
                hinted,
                ..
            } = &mut *state;
            let hint = tracker.is_none() && !draw && !std::mem::replace(hinted, true);
            let events = people_meta::scene_mut(buffer, |scene| {
                let events = tracker.as_mut().map(|tracker| tracker.update(time, *size, scene));
                scene.stations.extend(drawing::preview(sketch.corners()));
                events.unwrap_or_default()
            });
            (events.unwrap_or_default(), hint)
        };
        if hint {
            gst::element_imp_info!(
                self,
                gst::ResourceError::Settings,
                ("{NO_STATIONS}"),
                // gst-launch-1.0 shows this text of an INFO, and not the other
                ["{NO_STATIONS}"]
            );
        }
        self.tell(&events).map_err(|why| {
            self.post_error_message(why);
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    }
}

impl State {
    fn open(settings: &Settings) -> Result<Self, String> {
        let options = settings.options()?;
        let Some(stations) = &settings.stations else {
            return Ok(Self::default());
        };
        let (source, stations) = Source::open(stations, Instant::now())?;
        Ok(Self {
            tracker: tracker(&stations, options),
            stations,
            source: Some(source),
            ..Self::default()
        })
    }
}

fn tracker(stations: &Stations, options: ActivityOptions) -> Option<ActivityTracker> {
    let any = stations.iter().next().is_some();
    any.then(|| ActivityTracker::new(stations.clone(), options))
}

impl ActivityZone {
    /// Takes over stations that have changed in their file; broken ones are named and the old ones stay.
    fn reload(&self) {
        let changed = {
            let mut state = self.state.lock().unwrap();
            state.source.as_mut().and_then(|source| source.changed(Instant::now()))
        };
        match changed {
            None => {}
            Some(Ok(stations)) => self.take_over(&stations),
            Some(Err(why)) => self.keep(&why),
        }
    }

    pub(super) fn take_over(&self, stations: &Stations) {
        let options = self.settings.lock().unwrap().options();
        let mut state = self.state.lock().unwrap();
        state.stations = stations.clone();
        match (&mut state.tracker, options) {
            (Some(tracker), _) => tracker.set_stations(stations.clone()),
            (none, Ok(options)) => *none = tracker(stations, options),
            (None, Err(_)) => {}
        }
    }

    fn keep(&self, why: &str) {
        gst::element_imp_warning!(
            self,
            gst::ResourceError::Settings,
            ("{why}. What was set before stays in force.")
        );
    }

    /// A property changed: before `start` it is merely kept, while streaming it acts at once or is refused.
    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.lock().unwrap().clone();
        change(&mut settings);
        let options = settings.options();
        *self.settings.lock().unwrap() = settings;
        let mut state = self.state.lock().unwrap();
        let refused = match (&mut state.tracker, options) {
            (Some(tracker), Ok(options)) => {
                tracker.set_options(options);
                None
            }
            (None, _) => None,
            (Some(_), Err(why)) => Some(why),
        };
        drop(state);
        if let Some(why) = refused {
            self.keep(&why);
        }
    }

    fn set_stations(&self, stations: Option<String>) {
        self.settings.lock().unwrap().stations = stations.clone();
        if self.obj().current_state() < gst::State::Paused {
            return;
        }
        match stations
            .as_deref()
            .map(|stations| Source::open(stations, Instant::now()))
            .transpose()
        {
            Ok(Some((source, stations))) => {
                self.state.lock().unwrap().source = Some(source);
                self.take_over(&stations);
            }
            Ok(None) => {
                self.state.lock().unwrap().source = None;
                self.take_over(&Stations::default());
            }
            Err(why) => self.keep(&why),
        }
    }

    fn set_keypoints(&self, keypoints: Option<String>) {
        self.change(|settings| settings.keypoints = keypoints);
    }

    fn set_min_keypoint_confidence(&self, confidence: f32) {
        self.change(|settings| settings.min_keypoint_confidence = confidence);
    }

    fn set_hold_time(&self, hold_time: u32) {
        self.change(|settings| settings.hold_time = hold_time);
    }

    fn set_unknown_after(&self, unknown_after: u32) {
        self.change(|settings| settings.unknown_after = unknown_after);
    }

    /// The end of the stream, unless it ended before.
    fn finish(&self) -> Result<(), gst::ErrorMessage> {
        let events = {
            let mut state = self.state.lock().unwrap();
            let end = state.end;
            state.tracker.as_mut().map(|tracker| tracker.finish(end))
        };
        self.tell(&events.unwrap_or_default())
    }

    /// On the bus and in the log.
    fn tell(&self, events: &[Event]) -> Result<(), gst::ErrorMessage> {
        for event in events {
            self.say(messages::of(event));
        }
        let mut state = self.state.lock().unwrap();
        let written = state.log.as_mut().map_or(Ok(()), |log| log.write(events));
        if written.is_err() {
            state.log = None; // said once
        }
        written
    }

    pub(super) fn say(&self, message: gst::Structure) {
        let _ = self
            .obj()
            .post_message(gst::message::Element::builder(message).src(&*self.obj()).build());
    }
}
