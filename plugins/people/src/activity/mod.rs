//! Activity at stations: from people in frames to states, times and events.
//!
//! # States
//!
//! At an assigned station only the assigned worker counts, at an unassigned one everyone does. At a frame that went through inference, at running time `t`, a station is
//!
//! - **active** if a hand keypoint of someone who counts is inside, or was at most
//!   [`hold_time`](ActivityOptions::hold_time) ago;
//! - otherwise **idle** if someone who counts is in view, coasting included, or was at most the hold time ago;
//! - otherwise **absent**.
//!
//! A coasting person has no pose, so their hands are unknown: a station that is active because of that person stays active
//! while they coast. Once they are detected again, or lost, the time since the hand was last inside decides. Coasting never
//! makes a station active.
//!
//! At an unassigned station the worker is the person whose hand is inside; of several, the previous one. If another person
//! takes over while the station is active, a handover is reported. That a person is identified as a worker is none.
//!
//! A frame without evidence changes no state. But once the last evidence is older than
//! [`unknown_after`](ActivityOptions::unknown_after), even if no frames arrived at all, the station is **unknown** from that
//! age on, until the next evidence.
//!
//! # Evidence
//!
//! A frame whose people were not detected, or of whom somebody's hands are not known, is evidence for no station: people without
//! keypoints whom no pose model has seen ([`Scene::has_poses`]). A frame whose people were detected is evidence for
//! every unassigned station. For an assigned one it must also be known who the people are: each detected person's vest was
//! classified in this frame, or the assigned worker's was. Otherwise one of them might be the worker, and only a hand inside
//! is evidence: that of a person whose track is known to be the worker's. Nor is a frame evidence in which the worker is not, but
//! somebody without a track who wears the vest: the tracker needs further frames to tell who that is. A station whose vest is not
//! one of the vest model's labels, see [`names`](crate::names), has no evidence at all.
//!
//! # Time
//!
//! A stream begins with its first frame. Every station is absent then, or unknown if that frame has no inference. The time
//! between two frames counts for the state at the first of them; totals always add up exactly to the time between the first
//! and the latest frame.
//!
//! [`ActivityTracker::reset`] ends a stream; the next frame begins a new one with all totals at zero. A frame whose time is before
//! the latest one counts as at the latest; [`crate::timeline`] has the times.

mod area;
mod options;
mod state;

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::station_file::Stations;
use crate::{Scene, Station, StationStatus, VestName};
use state::{Frame, StationState};

pub use options::ActivityOptions;

/// Tracks the activity at the stations of one stream.
#[derive(Clone, Debug)]
pub struct ActivityTracker {
    options: ActivityOptions,
    stations: Vec<StationState>,
    /// The stream's inference period, as far as it has been measured.
    inference_period: Option<Duration>,
    /// The labels of the stream's vest model, once it has inferred a frame.
    labels: Option<Arc<[VestName]>>,
    /// End events that have not been returned yet.
    ended: Vec<Event>,
}

impl ActivityTracker {
    /// A tracker for `stations`, before the first frame.
    pub fn new(stations: Stations, options: ActivityOptions) -> Self {
        Self {
            options,
            stations: stations.iter().cloned().map(StationState::new).collect(),
            inference_period: None,
            labels: None,
            ended: Vec::new(),
        }
    }

    /// Changes the options from the next frame on; states and totals are kept.
    pub fn set_options(&mut self, options: ActivityOptions) {
        self.options = options;
    }

    /// Changes the stations from the next frame on. A station with the same name, polygon and vest as before keeps its state
    /// and totals; the others start with that frame.
    pub fn set_stations(&mut self, stations: Stations) {
        let mut old: Vec<_> = mem::take(&mut self.stations).into_iter().map(Some).collect();
        // names are unique
        let places: HashMap<_, _> = old
            .iter()
            .flatten()
            .map(|state| state.station.name.clone())
            .zip(0..)
            .collect();
        let mut keep = |station: &Arc<Station>| {
            let place: Option<&usize> = places.get(&station.name);
            let kept = place.and_then(|place| old[*place].take_if(|state| state.configured == *station));
            kept.unwrap_or_else(|| StationState::new(station.clone()))
        };
        self.stations = stations.iter().map(&mut keep).collect();
        self.resolve_vests();
        self.ended.extend(old.iter().flatten().filter_map(StationState::end));
    }

    /// Ends the stream at its latest time, and returns the end of each station; the next frame begins a new one.
    pub fn reset(&mut self) -> Vec<Event> {
        for state in &mut self.stations {
            self.ended.extend(state.end());
            *state = StationState::new(state.configured.clone());
        }
        self.resolve_vests();
        self.inference_period = None;
        mem::take(&mut self.ended)
    }

    /// Takes note that the stream has come to `time` without a frame. Returns the changes to unknown since the latest time,
    /// ordered by time.
    pub fn advance(&mut self, time: Duration) -> Vec<Event> {
        let unknown_after = self.unknown_after();
        let advance = |state: &mut StationState| state.advance(time.max(state.latest?), unknown_after);
        let mut changes: Vec<_> = self.stations.iter_mut().filter_map(advance).collect();
        changes.sort_by_key(|event| event.time);
        changes
    }

    /// The time after which the next station becomes unknown without another frame; `None` if all are unknown.
    pub fn known_until(&self) -> Option<Duration> {
        let unknown_after = self.unknown_after();
        self.stations
            .iter()
            .filter_map(|state| state.known_until(unknown_after))
            .min()
    }

    /// The sums of every station at the latest time, each an event [`EventKind::Heartbeat`](crate::event::EventKind::Heartbeat).
    pub fn heartbeat(&self) -> Vec<Event> {
        self.stations.iter().filter_map(StationState::heartbeat).collect()
    }

    /// Processes the frame at running time `time`, of `frame_size` (width, height) pixels. Fills in the scene's stations and
    /// returns the events since the previous frame, ordered by time, then by station.
    pub fn update(&mut self, time: Duration, frame_size: (u32, u32), scene: &mut Scene) -> Vec<Event> {
        let latest = self.stations.iter().filter_map(|state| state.latest).max();
        let time = latest.map_or(time, |latest| latest.max(time));
        self.learn_labels(scene);
        self.inference_period = scene.inference_period.or(self.inference_period);
        let frame = Frame::new(time, frame_size, scene, &self.options);
        let unknown_after = self.unknown_after();
        let labels = self.labels.as_deref();
        let mut events = mem::take(&mut self.ended);
        let stations = &mut self.stations;
        let until_now = stations
            .iter_mut()
            .filter_map(|state| state.advance(time, unknown_after));
        let mut until_now: Vec<_> = until_now.collect();
        until_now.sort_by_key(|event| event.time);
        events.extend(until_now);
        events.extend(stations.iter_mut().filter_map(|state| {
            if is_known(&state.station, labels) && state.is_shown_by(&frame) {
                state.observe(&frame)
            } else {
                state.miss(time)
            }
        }));
        scene.stations = self.views();
        events
    }

    /// Ends the stream at running time `time` and returns the events since the latest frame; the last event of each station is
    /// its [`EventKind::End`](crate::event::EventKind::End). A `time` before the latest frame adds nothing to the totals.
    pub fn finish(&mut self, time: Duration) -> Vec<Event> {
        let mut events = mem::take(&mut self.ended);
        events.extend(self.advance(time));
        events.extend(self.reset());
        events
    }

    /// The stations whose vest is not one of the labels of the stream's vest model, and those labels; none before it has
    /// inferred a frame. Nothing can be stated about them.
    pub fn unknown_vests(&self) -> (Vec<&Station>, &[VestName]) {
        let labels = self.labels.as_deref();
        let stations = self.stations.iter().map(|state| &*state.station);
        let unknown = stations.filter(|station| !is_known(station, labels));
        (unknown.collect(), labels.unwrap_or_default())
    }

    fn unknown_after(&self) -> Duration {
        self.options.unknown_after(self.inference_period)
    }

    fn learn_labels(&mut self, scene: &Scene) {
        let labels = scene.labels().filter(|labels| self.labels.as_ref() != Some(*labels));
        if let Some(labels) = labels {
            self.labels = Some(labels.clone());
            self.resolve_vests();
        }
    }

    /// Spells the stations' vests as the vest model does.
    fn resolve_vests(&mut self) {
        let labels = self.labels.as_deref().unwrap_or_default();
        self.stations.iter_mut().for_each(|state| state.resolve_vest(labels));
    }

    /// The status of every station at the latest frame, in the order of the station file.
    pub fn views(&self) -> Vec<StationStatus> {
        self.stations.iter().map(StationState::view).collect()
    }
}

/// Whether the vest model, of whose labels nothing is known at first, can identify the station's worker.
fn is_known(station: &Station, labels: Option<&[VestName]>) -> bool {
    let (Some(vest), Some(labels)) = (&station.vest, labels) else {
        return true;
    };
    labels.contains(vest)
}
