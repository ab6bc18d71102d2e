//! The GObject of `activityzone`; the states of stations are decided in `people::activity`.
//!
//! # Locks
//!
//! `settings` (the properties) is locked before `state` (of the stream); both for moments, and neither during file I/O or while
//! a message is posted. `source` (where the stations come from) and `log` (the file of events) are no locks: one thread at a time
//! takes the value, before it locks `settings`, reads or writes the file, and puts it back. So changes of the file, of
//! `stations=` and by the mouse happen one after the other; the streaming thread does not wait for them.

use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use people::activity::{ActivityOptions, ActivityTracker};
use people::event::Event;
use people::polygon_editor::PolygonEditor;
use people::station_file::Stations;
use people_meta::bus;

use super::drawing;
use super::log::Log;
use super::settings::Settings;
use super::stations::{NOT_SAVED, Notices, StationSource};
use super::warnings::Warnings;
use crate::exclusive::Exclusive;
use crate::qos::Liveness;
use crate::wiring::{Role, Wiring};
use crate::{time, video};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "activityzone",
        gst::DebugColorFlags::empty(),
        Some("Activity at stations"),
    )
});

/// The hint when no stations are set.
const NO_STATIONS: &str = "No stations, so no activity is stated: set stations= to a JSON file or to JSON";

#[derive(Default)]
struct State {
    stations: Stations,
    tracker: Option<ActivityTracker>,
    editor: PolygonEditor,
    /// Width and height of the frames, in pixels.
    size: (u32, u32),
    /// Running time at which the latest frame ends.
    end: Duration,
    /// Whether [`NO_STATIONS`] was posted.
    hinted: bool,
    warnings: Warnings,
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
        default = Settings::default().min_keypoint_confidence, blurb = "Confidence from which a keypoint counts")]
    #[property(name = "hold-time", type = u32, get, set = Self::set_hold_time, member = hold_time, mutable_playing,
        default = Settings::default().hold_time, blurb = "Milliseconds for which a station stays active after the hands left it")]
    #[property(name = "unknown-after", type = u32, get, set = Self::set_unknown_after, member = unknown_after, mutable_playing,
        default = Settings::default().unknown_after,
        blurb = "Milliseconds without inference after which a station's state is unknown (0 = 2000, or three inference periods if that is longer)")]
    #[property(name = "events-location", type = Option<String>, get, set, member = events_location, mutable_ready,
        blurb = "File of events, a line of JSON each, created or overwritten at the change from READY to PAUSED (NULL = none)")]
    #[property(name = "draw", type = bool, get, set = Self::set_draw, member = draw, mutable_playing,
        default = Settings::default().draw,
        blurb = "Editing of the stations with the mouse: left button sets a corner, middle button or backspace removes it, right button closes the polygon or removes the station under the pointer; the station file is rewritten, and created if it does not exist")]
    settings: Mutex<Settings>,
    source: Exclusive<StationSource>,
    state: Mutex<State>,
    log: Exclusive<Option<Log>>,
    live: Liveness,
    wiring: Wiring,
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
                "States which worker is active, idle or absent at which workstation, and since when",
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
        let refused = |why: String| gst::error_msg!(gst::ResourceError::Settings, ("{why}"));
        let notices = {
            let mut source = self.source.take();
            // The settings that act from the next start only are taken here, once.
            let settings = self.settings.lock().unwrap().clone();
            settings.options().map_err(refused)?;
            let (stations, mut notices) = source
                .open(settings.stations.as_deref(), settings.draw, Instant::now())
                .map_err(refused)?;
            let log = settings.events_location.as_deref().map(Log::create).transpose()?;
            *self.log.take() = log;
            {
                // Others may have changed meanwhile.
                let settings = self.settings.lock().unwrap();
                let options = settings.options().map_err(refused)?;
                *self.state.lock().unwrap() = State {
                    tracker: tracker(&stations, options),
                    stations,
                    ..State::default()
                };
                source.start();
                notices.not_saved = settings.draw && source.warn_not_saved();
            }
            notices
        };
        self.post_notices(notices);
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let finished = self.finish();
        let mut source = self.source.take();
        *source = StationSource::default();
        *self.state.lock().unwrap() = State::default();
        drop(source);
        *self.log.take() = None;
        self.live.reset();
        self.wiring.reset();
        finished
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info =
            gst_video::VideoInfo::from_caps(incaps).map_err(|error| gst::loggable_error!(CAT, "{incaps}: {error}"))?;
        self.state.lock().unwrap().size = (info.width(), info.height());
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        self.live.sink_event(self.obj().sink_pad(), &event);
        if event.type_() == gst::EventType::Eos {
            self.wiring.end(self.obj().upcast_ref(), Role::ActivityZone);
        }
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
            self.handle_navigation(&event);
        }
        self.live.stops(self.obj().sink_pad(), &event) || self.parent_src_event(event)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let time = time::running_time(self.obj().upcast_ref(), buffer);
        self.reload();
        let (draw, hold_time) = {
            let settings = self.settings.lock().unwrap();
            (settings.draw, Duration::from_millis(settings.hold_time.into()))
        };
        let (events, warnings, hint, vests) = {
            let mut state = self.state.lock().unwrap();
            state.end = time + buffer.duration().map_or(Duration::ZERO, Duration::from);
            let State {
                tracker,
                editor,
                size,
                hinted,
                warnings,
                ..
            } = &mut *state;
            let hint = tracker.is_none() && !draw && !std::mem::replace(hinted, true);
            let stated = people_meta::scene_mut(buffer, |scene| {
                let stated = tracker.as_mut().map(|tracker| {
                    let events = tracker.update(time, *size, scene);
                    (events, warnings.of_frame(time, scene, tracker, hold_time))
                });
                scene.stations.extend(drawing::preview(editor.corners()));
                stated.unwrap_or_default()
            });
            let (events, warnings) = stated.unwrap_or_default();
            (
                events,
                warnings,
                hint,
                state.stations.iter().any(|station| station.vest.is_some()),
            )
        };
        self.wiring
            .frame(self.obj().upcast_ref(), Role::ActivityZone, vests, buffer);
        for warning in warnings {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{warning}"));
        }
        if hint {
            gst::element_imp_info!(
                self,
                gst::ResourceError::Settings,
                ("{NO_STATIONS}"),
                // gst-launch-1.0 prints only this text of an INFO
                ["{NO_STATIONS}"]
            );
        }
        self.publish(&events).map_err(|why| {
            self.post_error_message(why);
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    }
}

fn tracker(stations: &Stations, options: ActivityOptions) -> Option<ActivityTracker> {
    (!stations.is_empty()).then(|| ActivityTracker::new(stations.clone(), options))
}

impl ActivityZone {
    /// Uses the stations of a file that has changed. If they are wrong, a warning is posted and the old ones stay.
    fn reload(&self) {
        let reloaded = {
            // Another thread is reading or writing the file: the next frame will do.
            let Some(mut source) = self.source.try_take() else {
                return;
            };
            let changed = source.changed(Instant::now());
            changed.map(|stations| stations.map(|stations| self.use_stations(stations)))
        };
        if let Some(Err(why)) = reloaded {
            self.warn_unchanged(&why);
        }
    }

    /// Follows `stations` from the next frame on; called with `source` taken.
    fn use_stations(&self, stations: Stations) {
        let options = self.settings.lock().unwrap();
        let mut state = self.state.lock().unwrap();
        match (&mut state.tracker, options.options()) {
            (Some(tracker), _) => tracker.set_stations(stations.clone()),
            (none, Ok(options)) => *none = tracker(&stations, options),
            (None, Err(_)) => {}
        }
        state.stations = stations;
        state.warnings.stations_changed();
    }

    /// Edits the stations by an event of mouse or keyboard. New stations are used at once, saved to the station
    /// file, if there is one, and posted.
    fn handle_navigation(&self, event: &gst::EventRef) {
        let size = self.state.lock().unwrap().size;
        let Some(action) = drawing::edit_action(event, size) else {
            return;
        };
        let edited = {
            let mut source = self.source.take();
            let edited = {
                let State { editor, stations, .. } = &mut *self.state.lock().unwrap();
                editor.stroke(action, stations)
            };
            edited.map(|stations| {
                let stations = stations?;
                let json = stations.to_json();
                self.use_stations(stations);
                let saved = source.save(&json);
                Some((json, saved))
            })
        };
        match edited {
            Ok(None) => {}
            Ok(Some((json, saved))) => {
                if let Err(why) = saved {
                    gst::element_imp_warning!(self, gst::ResourceError::Write, ("{why}"));
                }
                self.post(bus::stations_to_structure(&json));
            }
            Err(why) => gst::element_imp_warning!(
                self,
                gst::ResourceError::Settings,
                ("This polygon is not a station yet: {why}. Remove corners with the middle button or backspace.")
            ),
        }
    }

    fn warn_unchanged(&self, why: &str) {
        gst::element_imp_warning!(
            self,
            gst::ResourceError::Settings,
            ("{why}. The previous setting stays in force.")
        );
    }

    fn post_notices(&self, notices: Notices) {
        if let Some(path) = notices.created {
            let text = format!(
                "The station file {} did not exist and was created without stations. Draw them: left button sets a \
                 corner, right button closes the polygon",
                path.display()
            );
            gst::element_imp_info!(self, gst::ResourceError::Settings, ("{text}"), ["{text}"]);
        }
        if notices.not_saved {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{NOT_SAVED}"));
        }
    }

    /// Changes a property. Before the start it is only stored; afterwards it acts at once, or is refused with a warning.
    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let refused = {
            let mut settings = self.settings.lock().unwrap();
            change(&mut settings);
            let options = settings.options();
            match (&mut self.state.lock().unwrap().tracker, options) {
                (Some(tracker), Ok(options)) => {
                    tracker.set_options(options);
                    None
                }
                (None, _) => None,
                (Some(_), Err(why)) => Some(why),
            }
        };
        if let Some(why) = refused {
            self.warn_unchanged(&why);
        }
    }

    fn set_stations(&self, stations: Option<String>) {
        let opened = {
            let mut source = self.source.take();
            let draw = {
                let mut settings = self.settings.lock().unwrap();
                settings.stations.clone_from(&stations);
                settings.draw
            };
            if !source.is_started() {
                return;
            }
            source
                .open(stations.as_deref(), draw, Instant::now())
                .map(|(stations, notices)| {
                    self.use_stations(stations);
                    let not_saved = draw && source.warn_not_saved();
                    Notices { not_saved, ..notices }
                })
        };
        match opened {
            Ok(notices) => self.post_notices(notices),
            Err(why) => self.warn_unchanged(&why),
        }
    }

    fn set_draw(&self, draw: bool) {
        let not_saved = {
            let mut source = self.source.take();
            self.settings.lock().unwrap().draw = draw;
            draw && source.warn_not_saved()
        };
        self.post_notices(Notices {
            not_saved,
            ..Notices::default()
        });
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

    /// Ends the stream, unless it has ended before.
    fn finish(&self) -> Result<(), gst::ErrorMessage> {
        let events = {
            let mut state = self.state.lock().unwrap();
            let end = state.end;
            state.tracker.as_mut().map(|tracker| tracker.finish(end))
        };
        self.publish(&events.unwrap_or_default())
    }

    /// Posts the events and writes them to the log. A log that cannot be written is reported once.
    fn publish(&self, events: &[Event]) -> Result<(), gst::ErrorMessage> {
        for event in events {
            self.post(bus::to_structure(event));
        }
        let mut log = self.log.take();
        let written = log.as_mut().map_or(Ok(()), |log| log.write(events));
        if written.is_err() {
            *log = None;
        }
        written
    }

    fn post(&self, structure: gst::Structure) {
        let message = gst::message::Element::builder(structure).src(&*self.obj()).build();
        // Without a bus there is no reader.
        let _ = self.obj().post_message(message);
    }
}
