//! Who is working at which station: from a frame's people to states, times and events.
//!
//! # States
//!
//! The people who count for a station are the worker it is assigned to or, where it is assigned to none, everybody.
//! At a frame that went through inference, at running time `t`, a station is
//!
//! - **active** when a joint of theirs is inside, or was at most [`hold_time`](ActivityOptions::hold_time) ago;
//! - else **idle** when one of them is in view, coasting included, or was at most the hold time ago;
//! - else **absent**.
//!
//! A coasting person has no pose. That says nothing about the hands, so a station that is active by that person's
//! hand stays active while they coast; once they are seen again, or gone, the time since the hand was last seen
//! inside decides. Coasting never makes a station active.
//!
//! At a station of everybody's the worker is the one whose hand is inside: of several, the one who was there before. When
//! another's hand takes over while the station is active, that is an event too.
//!
//! A frame without inference is no evidence: it changes no state. But once the last evidence is older than
//! [`unknown_after`](ActivityOptions::unknown_after), also because no frames came at all, the station has been
//! **unknown** from that age on, until the next evidence.
//!
//! # Time
//!
//! A stream begins with its first frame. Every station is absent then, or unknown where that frame has no inference.
//! The time between two frames belongs to the state at the first of them; totals always sum exactly to the time
//! between the first and the latest frame.
//!
//! [`ActivityTracker::reset`], or time that goes backwards, as after a flushing seek, ends a stream and begins a new
//! one with everything at zero.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Event, EventKind};
use crate::station_file::Stations;
use crate::{Activity, Inference, Person, Scene, Station, StationStatus, Totals, VestName};
use vision::{Keypoint, Point};

/// What makes a station active, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityOptions {
    /// The joints that count as hands. Default: wrists and elbows.
    pub joints: Vec<Keypoint>,
    /// How sure the network must be of a joint, 0..1. Default: 0.2, see [`ActivityOptions::default`].
    pub min_keypoint_confidence: f32,
    /// How long active outlasts the hand, and idle the person. Default: 1 s.
    pub hold_time: Duration,
    /// How long a state is stated after the last frame with inference. Default: 2 s.
    pub unknown_after: Duration,
}

impl Default for ActivityOptions {
    /// The confidence was measured on MoveNet MultiPose with people 60 to 130 pixels tall (the demo video), as the
    /// share of joints more than a tenth of the person's height off the mean of the frames before and after: 11 %
    /// of the wrists and 8 % of the elbows at a confidence of 0.20 to 0.25, against 17 to 21 % at 0.05 to 0.15.
    /// 0.2 still keeps 79 % of the wrists and 92 % of the elbows; 0.3 would keep 56 % and 79 %.
    ///
    /// The hold time bridges ten missed frames at 10 fps, and a hand that reaches for a tool.
    fn default() -> Self {
        Self {
            joints: vec![
                Keypoint::LeftElbow,
                Keypoint::RightElbow,
                Keypoint::LeftWrist,
                Keypoint::RightWrist,
            ],
            min_keypoint_confidence: 0.2,
            hold_time: Duration::from_secs(1),
            unknown_after: Duration::from_secs(2),
        }
    }
}

/// Follows the work at the stations of one stream.
#[derive(Clone, Debug)]
pub struct ActivityTracker {
    options: ActivityOptions,
    stations: Vec<Progress>,
    /// Ends that nobody has been told of yet.
    ended: Vec<Event>,
}

impl ActivityTracker {
    /// Follows `stations`, at which nothing has happened yet.
    pub fn new(stations: Stations, options: ActivityOptions) -> Self {
        Self {
            options,
            stations: stations.iter().cloned().map(Progress::new).collect(),
            ended: Vec::new(),
        }
    }

    /// Changes the rules from the next frame on; states and totals stay.
    pub fn set_options(&mut self, options: ActivityOptions) {
        self.options = options;
    }

    /// Changes the stations from the next frame on. A station that is the same as before, by name, polygon and vest,
    /// keeps its state and totals; the others begin anew with that frame.
    pub fn set_stations(&mut self, stations: Stations) {
        let mut old = mem::take(&mut self.stations);
        let keep = |station: &Arc<Station>| {
            let kept = old.iter().position(|progress| progress.station == *station);
            kept.map_or_else(|| Progress::new(station.clone()), |index| old.remove(index))
        };
        self.stations = stations.iter().map(keep).collect();
        self.ended.extend(old.iter().filter_map(Progress::end));
    }

    /// Ends the stream at its latest frame; a new one begins with the next.
    pub fn reset(&mut self) {
        for progress in &mut self.stations {
            self.ended.extend(progress.end());
            *progress = Progress::new(progress.station.clone());
        }
    }

    /// Takes in the frame at running time `time`, `frame_size` (width, height) pixels large; fills the scene's
    /// stations and returns what has happened since the frame before, in the order of time and then of the stations.
    ///
    /// A `time` before the last one begins a new stream, see [`reset`](Self::reset).
    pub fn update(&mut self, time: Duration, frame_size: (u32, u32), scene: &mut Scene) -> Vec<Event> {
        let is_before = |progress: &Progress| progress.latest.is_some_and(|latest| time < latest);
        if self.stations.iter().any(is_before) {
            self.reset();
        }
        let unknown_after = self.options.unknown_after;
        let frame = Frame {
            time,
            size: frame_size,
            people: &scene.people,
            options: &self.options,
        };
        let mut events = mem::take(&mut self.ended);
        let stations = &mut self.stations;
        let until_now = stations
            .iter_mut()
            .filter_map(|progress| progress.advance(time, unknown_after));
        let mut until_now: Vec<_> = until_now.collect();
        until_now.sort_by_key(|event| event.time);
        events.extend(until_now);
        events.extend(stations.iter_mut().filter_map(|progress| match scene.inference {
            Inference::Done => progress.observe(&frame),
            Inference::Skipped(_) => progress.miss(time),
        }));
        scene.stations = self.views();
        events
    }

    /// Counts the time up to `time`, the end of the stream, and ends it: returns what has happened since the latest
    /// frame, the last of each station its [`EventKind::End`]. A `time` before the latest frame counts nothing.
    pub fn finish(&mut self, time: Duration) -> Vec<Event> {
        let unknown_after = self.options.unknown_after;
        let advance = |progress: &mut Progress| progress.advance(time.max(progress.latest?), unknown_after);
        let changes: Vec<_> = self.stations.iter_mut().filter_map(advance).collect();
        let before = mem::take(&mut self.ended);
        self.reset();
        before.into_iter().chain(changes).chain(self.ended.drain(..)).collect()
    }

    /// Where every station stands at the latest frame, in order.
    pub fn views(&self) -> Vec<StationStatus> {
        self.stations.iter().map(Progress::view).collect()
    }
}

/// What a station is judged by: a frame that went through inference.
struct Frame<'a> {
    time: Duration,
    size: (u32, u32),
    people: &'a [Person],
    options: &'a ActivityOptions,
}

impl Frame<'_> {
    /// Whether a joint of `person` is inside `station` in this very frame.
    fn has_hand_inside(&self, person: &Person, station: &Station) -> bool {
        let Some(pose) = person.pose.as_ref() else {
            return false;
        };
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        self.options
            .joints
            .iter()
            .map(|joint| pose[*joint as usize])
            .any(|keypoint| {
                keypoint.confidence >= self.options.min_keypoint_confidence
                    && station.contains(Point::new(keypoint.point.x / width, keypoint.point.y / height))
            })
    }

    fn is_held(&self, moment: Option<Duration>) -> bool {
        moment.is_some_and(|moment| self.time.saturating_sub(moment) <= self.options.hold_time)
    }
}

fn is_coasting(person: &Person) -> bool {
    person.track.as_ref().is_some_and(|track| track.frames_since_update > 0)
}

fn track_id(person: &Person) -> Option<u64> {
    person.track.as_ref().map(|track| track.id)
}

/// One station's past, as far as its future depends on it.
#[derive(Clone, Debug)]
struct Progress {
    station: Arc<Station>,
    activity: Activity,
    worker: Option<VestName>,
    since: Duration,
    totals: Totals,
    /// The latest frame; none before the first.
    latest: Option<Duration>,
    /// The latest frame with inference.
    evidence: Option<Duration>,
    /// When someone who counts was last in view.
    seen: Option<Duration>,
    /// When a hand was last seen inside.
    worked: Option<Duration>,
    /// The track of the person whose hand that was.
    hand: Option<u64>,
    /// While active: since when the worker is the one who works.
    taken_over: Duration,
}

impl Progress {
    fn new(station: Arc<Station>) -> Self {
        Self {
            worker: station.vest.clone(),
            station,
            activity: Activity::default(),
            since: Duration::ZERO,
            totals: Totals::default(),
            latest: None,
            evidence: None,
            seen: None,
            worked: None,
            hand: None,
            taken_over: Duration::ZERO,
        }
    }

    /// Counts the time up to `time`, which is not before the latest frame: the first of all, or how the station became
    /// unknown on the way.
    fn advance(&mut self, time: Duration, unknown_after: Duration) -> Option<Event> {
        let Some(latest) = self.latest.replace(time) else {
            self.since = time;
            return Some(self.event(time, self.station.vest.clone(), EventKind::Start));
        };
        let evidence = self.evidence.map(|evidence| evidence.saturating_add(unknown_after));
        let known_until = evidence.unwrap_or(latest).max(latest);
        let becomes_unknown = self.activity != Activity::Unknown && known_until < time;
        let turn = if becomes_unknown { known_until } else { time };
        self.totals.add(self.activity, turn - latest);
        let event = becomes_unknown.then(|| self.enter(Activity::Unknown, turn)).flatten();
        self.totals.add(self.activity, time - turn);
        event
    }

    /// A frame without inference, to which time has been advanced: before the first evidence nothing is known.
    fn miss(&mut self, time: Duration) -> Option<Event> {
        match self.evidence {
            None => self.enter(Activity::Unknown, time),
            Some(_) => None,
        }
    }

    /// Judges a frame to which time has been advanced.
    fn observe(&mut self, frame: &Frame) -> Option<Event> {
        self.evidence = Some(frame.time);
        let vest = self.station.vest.as_ref();
        let counting = || {
            frame
                .people
                .iter()
                .filter(|person| vest.is_none() || person.worker() == vest)
        };
        if counting().next().is_some() {
            self.seen = Some(frame.time);
        }
        let hands = counting().filter(|person| frame.has_hand_inside(person, &self.station));
        // Of several, the one who was there before; else a worker before a visitor, whom nobody can name.
        if let Some(person) = hands.min_by_key(|person| {
            let stays = self.hand.is_some() && track_id(person) == self.hand;
            (!stays, person.worker().is_none())
        }) {
            self.worked = Some(frame.time);
            self.hand = track_id(person);
            let from = mem::replace(&mut self.worker, person.worker().cloned());
            if self.activity == Activity::Active && from != self.worker {
                return Some(self.hand_over(from, frame.time));
            }
        }
        let hand_coasts = self.activity == Activity::Active
            && self.hand.is_some()
            && counting().any(|person| is_coasting(person) && track_id(person) == self.hand);
        self.enter(
            if hand_coasts || frame.is_held(self.worked) {
                Activity::Active
            } else if frame.is_held(self.seen) {
                Activity::Idle
            } else {
                Activity::Absent
            },
            frame.time,
        )
    }

    fn hand_over(&mut self, from: Option<VestName>, time: Duration) -> Event {
        let lasted = time - mem::replace(&mut self.taken_over, time);
        self.event(time, self.worker.clone(), EventKind::Handover { from, lasted })
    }

    fn enter(&mut self, state: Activity, time: Duration) -> Option<Event> {
        if state == self.activity {
            return None;
        }
        let previous = mem::replace(&mut self.activity, state);
        self.taken_over = time;
        let change = EventKind::Change {
            state,
            previous,
            lasted: time - mem::replace(&mut self.since, time),
            totals: self.totals,
        };
        Some(self.event(time, self.worker.clone(), change))
    }

    /// The sums, if the station has been watched at all.
    fn end(&self) -> Option<Event> {
        let latest = self.latest?;
        let totals = EventKind::End {
            state: self.activity,
            lasted: latest - self.since,
            totals: self.totals,
        };
        Some(self.event(latest, self.worker.clone(), totals))
    }

    fn event(&self, time: Duration, worker: Option<VestName>, kind: EventKind) -> Event {
        Event {
            time,
            station: self.station.name.clone(),
            worker,
            kind,
        }
    }

    fn view(&self) -> StationStatus {
        StationStatus {
            station: self.station.clone(),
            activity: self.activity,
            worker: self.worker.clone(),
            since: self.since,
            lasted: self.latest.map_or(Duration::ZERO, |latest| latest - self.since),
            totals: self.totals,
        }
    }
}
