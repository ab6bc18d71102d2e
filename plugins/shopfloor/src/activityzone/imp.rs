//! The GObject of `activityzone`; the states of stations are decided in `people::activity`.
//!
//! # Locks
//!
//! `settings` (the properties) is locked before `state` (of the stream); both for moments, and neither during file I/O or while
//! a message is posted. What is to be stated is put into the outlet under `state`, by the streaming thread or by the timer's, and is
//! published by one thread at a time, so that messages and lines are in order. No thread waits for another one's message handlers but
//! at the end of a stream. `source` (where the
//! stations come from) and `log` (the log of events) are no locks: one thread at a time takes the value, before it locks `settings`,
//! works with it, and puts it back. So changes of the file, of `stations=` and by the mouse happen one after the other; the streaming
//! thread does not wait for them. Files are read and written by threads of their own.

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use people::event::{ClockStep, LogLine, StepReason};
use people::facts::{Facts, Stated};
use people::polygon_editor::PolygonEditor;
use people::station_file::Stations;
use people_meta::bus;

use super::drawing;
use super::log::Log;
use super::numbering::Numbering;
use super::settings::Settings;
use super::time_of_day::time_of_day;
use super::timer::Timer;
use super::warnings::{self, Warnings};
use crate::exclusive::Exclusive;
use crate::outlet::Outlet;
use crate::qos::Liveness;
use crate::stations::{NOT_SAVED, Notices, StationSource};
use crate::time::SegmentTime;
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
    /// `None` before the start.
    facts: Option<Facts>,
    lines: Numbering,
    segment: SegmentTime,
    editor: PolygonEditor,
    /// Width and height of the frames, in pixels.
    size: (u32, u32),
    /// The running time by the clock at which the pipeline was paused; `None` while it plays.
    paused: Option<Duration>,
    /// The time of day at which a recording begins.
    start_time: Option<jiff::Timestamp>,
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
        blurb = "File or pipe of events, a line of JSON each, opened at the change from READY to PAUSED (NULL = none)")]
    #[property(name = "events-append", type = bool, get, set, member = events_append, mutable_ready,
        default = Settings::default().events_append,
        blurb = "Appending to what the file of events-location has; otherwise it is emptied at the start")]
    #[property(name = "heartbeat-interval", type = u32, get, set = Self::set_heartbeat_interval, member = heartbeat_interval, mutable_playing,
        default = Settings::default().heartbeat_interval,
        blurb = "Milliseconds of running time between two reports of each station's sums (0 = none)")]
    #[property(name = "start-time", type = Option<String>, get, set, member = start_time, mutable_ready,
        blurb = "Time of day at which a recording begins, in RFC 3339 as 2026-11-26T06:00:00Z, for the events' utc (NULL = not known)")]
    #[property(name = "draw", type = bool, get, set = Self::set_draw, member = draw, mutable_playing,
        default = Settings::default().draw,
        blurb = "Editing of the stations with the mouse: left button sets a corner, middle button or backspace removes it, right button closes the polygon or removes the station under the pointer; the station file is rewritten, and created if it does not exist")]
    settings: Mutex<Settings>,
    source: Exclusive<StationSource>,
    state: Mutex<State>,
    log: Exclusive<Option<Log>>,
    /// What is to be posted and logged; filled under the lock of `state`.
    outlet: Outlet<LogLine>,
    live: Liveness,
    wiring: Wiring,
    timer: Timer,
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

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let element = self.obj();
        match transition {
            gst::StateChange::ReadyToPaused => self.outlet.set_closing(false),
            gst::StateChange::PausedToPlaying => {
                self.resume();
                if let (Some(clock), Some(base)) = (element.clock(), element.base_time()) {
                    self.timer.play(clock, base);
                }
            }
            gst::StateChange::PlayingToPaused => {
                self.timer.pause();
                self.state.lock().unwrap().paused = time::running_time(&*element);
            }
            gst::StateChange::PausedToReady => {
                self.outlet.set_closing(true);
                self.timer.stop();
            }
            _ => {}
        }
        self.parent_change_state(transition)
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
            let start_time = settings.start_time().map_err(refused)?;
            let (stations, mut notices) = source
                .open(settings.stations.as_deref(), settings.draw)
                .map_err(refused)?;
            let open_log = |location| Log::open(location, settings.events_append, &self.obj());
            let log = settings.events_location.as_deref().map(open_log).transpose()?;
            *self.log.take() = log;
            {
                // Others may have changed meanwhile.
                let settings = self.settings.lock().unwrap();
                let options = settings.options().map_err(refused)?;
                let facts = Facts::new(stations.clone(), options, settings.heartbeat());
                *self.state.lock().unwrap() = State {
                    facts: Some(facts),
                    stations,
                    lines: Numbering::new(glib::uuid_string_random().as_str().into()),
                    start_time,
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
        self.finish();
        self.outlet.empty_now(|line| self.publish_line(&line));
        let mut source = self.source.take();
        *source = StationSource::default();
        *self.state.lock().unwrap() = State::default();
        drop(source);
        let log = self.log.take().take();
        if let Some(log) = log {
            log.close(&self.obj());
        }
        self.live.reset();
        self.wiring.reset();
        Ok(())
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info =
            gst_video::VideoInfo::from_caps(incaps).map_err(|error| gst::loggable_error!(CAT, "{incaps}: {error}"))?;
        let mut state = self.state.lock().unwrap();
        state.size = (info.width(), info.height());
        if let Some(facts) = &mut state.facts {
            facts.set_frame_interval(time::frame_interval(&info));
        }
        Ok(())
    }

    /// Stations are fractions of the frame that upstream makes, whoever shows it: crops are not left to the sink.
    fn propose_allocation(
        &self,
        decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        let proposed = self.parent_propose_allocation(decide_query, query);
        video::refuse_crop_metas(query);
        proposed
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        match event.type_() {
            gst::EventType::FlushStart => self.outlet.set_closing(true),
            gst::EventType::FlushStop => self.outlet.set_closing(false),
            _ => {}
        }
        self.live.sink_event(self.obj().sink_pad(), &event);
        self.follow(&event);
        self.wiring
            .sink_event(self.obj().upcast_ref(), Role::ActivityZone, &event);
        self.parent_sink_event(event)
    }

    fn src_event(&self, event: gst::Event) -> bool {
        if event.type_() == gst::EventType::Navigation && self.settings.lock().unwrap().draw {
            self.handle_navigation(&event);
        }
        if event.type_() == gst::EventType::Latency {
            self.live.query(self.obj().sink_pad());
        }
        self.live.stops(self.obj().sink_pad(), &event) || self.parent_src_event(event)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let arrival = self.clock();
        self.reload();
        let (draw, hold_time) = {
            let settings = self.settings.lock().unwrap();
            (settings.draw, Duration::from_millis(settings.hold_time.into()))
        };
        let (warnings, hint, vests) = {
            let mut state = self.state.lock().unwrap();
            let State {
                facts: Some(facts),
                lines,
                segment,
                editor,
                size,
                hinted,
                warnings,
                stations,
                start_time,
                ..
            } = &mut *state
            else {
                return Ok(gst::FlowSuccess::Ok);
            };
            let size = video::stored_size(buffer, *size);
            let frame = segment.frame(buffer, arrival);
            let recorded = start_time.zip(segment.position(buffer));
            let time_of_day = time_of_day(buffer, recorded, arrival);
            let hint = stations.is_empty() && !draw && !std::mem::replace(hinted, true);
            let warnings = people_meta::scene_mut(buffer, |scene| {
                self.outlet
                    .put(lines.number(facts.frame(frame, time_of_day, size, scene)));
                scene.stations.extend(drawing::preview(editor.corners()));
                warnings.of_frame(facts.time(), scene, facts.tracker(), hold_time)
            });
            let vests = stations.iter().any(|station| station.vest.is_some());
            (warnings.unwrap_or_default(), hint, vests)
        };
        self.wiring
            .frame(self.obj().upcast_ref(), Role::ActivityZone, vests, buffer);
        self.set_timer();
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
        self.publish();
        Ok(gst::FlowSuccess::Ok)
    }
}

/// Takes note of a time without frames.
fn pass_gap(facts: &mut Facts, segment: &SegmentTime, gap: &gst::event::Gap, arrival: Option<Duration>) -> Vec<Stated> {
    let (start, duration) = gap.get();
    let duration = duration.map_or(Duration::ZERO, Duration::from);
    let start = segment.timestamp(start);
    start.map_or_else(|_| Vec::new(), |start| facts.gap(start, duration, arrival))
}

impl ActivityZone {
    /// Takes note of an event of the stream.
    fn follow(&self, event: &gst::Event) {
        let arrival = self.clock();
        {
            let mut state = self.state.lock().unwrap();
            let State {
                facts: Some(facts),
                lines,
                segment,
                ..
            } = &mut *state
            else {
                return;
            };
            if segment.follow(event) {
                self.outlet.put(lines.number(facts.reset()));
            }
            match event.view() {
                gst::EventView::StreamStart(start) => lines.set_stream_id(start.stream_id().into()),
                gst::EventView::Gap(gap) => self.outlet.put(lines.number(pass_gap(facts, segment, gap, arrival))),
                _ => {}
            }
        }
        let is_end = event.type_() == gst::EventType::Eos;
        if is_end {
            self.finish();
        }
        self.publish();
        if is_end {
            // The end of the stream is the last that is heard of it.
            self.outlet.wait();
            if let Some(log) = &*self.log.take() {
                log.flush();
            }
        }
    }

    /// The running time by the clock of a live pipeline.
    fn clock(&self) -> Option<Duration> {
        self.live.running_time(&*self.obj())
    }

    /// States what has become true without a frame: called by the timer.
    fn tick(&self) {
        self.live.query(self.obj().sink_pad());
        if let (Some(clock), Some(latency)) = (self.clock(), self.live.latency()) {
            let mut state = self.state.lock().unwrap();
            let State { facts, lines, .. } = &mut *state;
            let stated = facts.as_mut().map(|facts| facts.tick(clock, latency.into()));
            self.outlet.put(lines.number(stated.unwrap_or_default()));
        }
        self.publish();
        self.set_timer();
    }

    /// Sets the timer to when a state changes, or a heartbeat is due, without a further frame. Files have none: they stand still
    /// while their server is away.
    fn set_timer(&self) {
        let latency = self.live.latency();
        let due = latency.and_then(|latency| {
            let state = self.state.lock().unwrap();
            state.facts.as_ref()?.next_tick(latency.into())
        });
        let element = self.obj().downgrade();
        self.timer.set(due, move || {
            if let Some(element) = element.upgrade() {
                element.imp().tick();
            }
        });
    }

    /// Takes note that the clock goes on.
    fn resume(&self) {
        let mut state = self.state.lock().unwrap();
        if state.paused.take().is_some()
            && let Some(facts) = &mut state.facts
        {
            facts.forget_time_of_day();
        }
    }

    /// Uses the stations of a file that has changed. If they are wrong, a warning is posted and the old ones stay.
    fn reload(&self) {
        let reloaded = {
            // Another thread is reading or writing the file: the next frame will do.
            let Some(mut source) = self.source.try_take() else {
                return;
            };
            let changed = source.changed();
            changed.map(|stations| stations.map(|stations| self.use_stations(stations)))
        };
        if let Some(Err(why)) = reloaded {
            self.warn_unchanged(&why);
        }
    }

    /// Follows `stations` from the next frame on; called with `source` taken.
    fn use_stations(&self, stations: Stations) {
        let mut state = self.state.lock().unwrap();
        if let Some(facts) = &mut state.facts {
            facts.tracker_mut().set_stations(stations.clone());
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
                self.use_stations(stations.clone());
                Some(source.save(&stations))
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
            match (&mut self.state.lock().unwrap().facts, options) {
                (Some(facts), Ok(options)) => {
                    facts.tracker_mut().set_options(options);
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
            source.open(stations.as_deref(), draw).map(|(stations, notices)| {
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

    fn set_heartbeat_interval(&self, interval: u32) {
        let mut settings = self.settings.lock().unwrap();
        settings.heartbeat_interval = interval;
        if let Some(facts) = &mut self.state.lock().unwrap().facts {
            facts.set_heartbeat(settings.heartbeat());
        }
    }

    /// Puts the end of the stream into the outlet, unless it has ended before.
    fn finish(&self) {
        let clock = self.clock();
        {
            let mut state = self.state.lock().unwrap();
            // While it is paused nothing happens.
            let clock = clock.map(|clock| state.paused.unwrap_or(clock));
            let live = clock.zip(self.live.latency().map(Duration::from));
            let State { facts, lines, .. } = &mut *state;
            let stated = facts.as_mut().map(|facts| facts.finish(live));
            self.outlet.put(lines.number(stated.unwrap_or_default()));
        }
    }

    /// Posts what is in the outlet and writes it to the log, unless another thread does, or this one and a message handler led here.
    fn publish(&self) {
        self.outlet.empty(|line| self.publish_line(&line));
    }

    fn publish_line(&self, line: &LogLine) {
        if let Some(log) = &*self.log.take() {
            log.write(line);
        }
        self.post(bus::to_structure(line));
        if let LogLine::Clock(record) = line {
            self.warn_of_clock(&record.step);
        }
    }

    fn warn_of_clock(&self, step: &ClockStep) {
        // A gap is told by its states.
        if step.reason != StepReason::Ahead {
            let text = warnings::of_clock(step);
            gst::element_imp_warning!(self, gst::CoreError::Clock, ("{text}"));
        }
    }

    fn post(&self, structure: gst::Structure) {
        let message = gst::message::Element::builder(structure).src(&*self.obj()).build();
        // Without a bus there is no reader.
        let _ = self.obj().post_message(message);
    }
}
