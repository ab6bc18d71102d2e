//! One station from frame to frame: state, times and events.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use vision::Point;

use super::area::Area;
use super::options::ActivityOptions;
use crate::event::{Assigned, Event, EventKind};
use crate::names;
use crate::{Activity, Inference, Person, Scene, Station, StationStatus, Totals, VestName, VestScores};

/// Least confidence at which a track is known to be a worker's in a frame without vests; that of a new worker by default
/// (`TrackerOptions::min_confidence`).
const MIN_IDENTITY: f32 = 0.5;

/// A frame and what it shows.
pub(super) struct Frame<'a> {
    /// Running time.
    time: Duration,
    /// Width and height in pixels.
    size: (u32, u32),
    scene: &'a Scene,
    options: &'a ActivityOptions,
    /// Whether the vest of every detected person was classified.
    all_classified: bool,
    /// Whether it is known where everyone's hands are.
    has_poses: bool,
}

impl<'a> Frame<'a> {
    pub fn new(time: Duration, size: (u32, u32), scene: &'a Scene, options: &'a ActivityOptions) -> Self {
        let mut detected = scene.people.iter().filter(|person| !person.is_coasting());
        Self {
            time,
            size,
            scene,
            options,
            all_classified: detected.all(|person| scene.is_classified(person)),
            has_poses: scene.has_poses(),
        }
    }

    /// Whether this frame shows what the worker does at a station in `area`, see [the module](super).
    fn is_evidence_for(&self, station: &Station, area: Area) -> bool {
        if self.scene.inference != Inference::Done || !self.has_poses || self.may_show_new_track_of(station) {
            return false;
        }
        self.all_classified
            || station.vest.is_none()
            || self.counting(station).any(|worker| {
                self.scene.is_classified(worker)
                    || (is_identified(worker) && self.has_hand_inside(worker, station, area))
            })
    }

    /// Whether the worker of an assigned station is not in view, and somebody in that vest has no track yet: the next frames
    /// tell whether that is the worker.
    fn may_show_new_track_of(&self, station: &Station) -> bool {
        let Some(vest) = &station.vest else {
            return false;
        };
        let wears_it = |person: &Person| {
            person
                .vest
                .as_ref()
                .and_then(VestScores::best)
                .is_some_and(|best| best.0 == vest)
        };
        self.counting(station).next().is_none()
            && self
                .scene
                .people
                .iter()
                .any(|person| person.track.is_none() && wears_it(person))
    }

    /// The people who count at a station.
    fn counting(&self, station: &Station) -> impl Iterator<Item = &'a Person> {
        let vest = station.vest.as_ref();
        let people = self.scene.people.iter();
        people.filter(move |person| vest.is_none() || person.worker() == vest)
    }

    /// Whether a hand keypoint of `person` is inside `station` in this frame.
    fn has_hand_inside(&self, person: &Person, station: &Station, area: Area) -> bool {
        let Some(pose) = person.pose.as_ref() else {
            return false;
        };
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        self.options
            .joints
            .iter()
            .map(|joint| pose[*joint as usize])
            .filter(|keypoint| keypoint.confidence >= self.options.min_keypoint_confidence)
            .map(|keypoint| Point::new(keypoint.point.x / width, keypoint.point.y / height))
            .any(|hand| area.may_contain(hand) && station.contains(hand))
    }

    /// Whether `moment` is at most the hold time ago.
    fn is_held(&self, moment: Option<Duration>) -> bool {
        moment.is_some_and(|moment| self.time.saturating_sub(moment) <= self.options.hold_time)
    }
}

/// Whether the person's track is known to be a worker's, so that the position alone tells who it is.
fn is_identified(person: &Person) -> bool {
    let track = person.track.as_ref();
    track.is_some_and(|track| track.worker.is_some() && track.confidence >= MIN_IDENTITY)
}

fn track_id(person: &Person) -> Option<u64> {
    person.track.as_ref().map(|track| track.id)
}

/// The state of one station.
#[derive(Clone, Debug)]
pub(super) struct StationState {
    /// The station as configured.
    pub configured: Arc<Station>,
    /// The same, with its vest as the vest model spells it.
    pub station: Arc<Station>,
    area: Area,
    activity: Activity,
    worker: Option<VestName>,
    since: Duration,
    totals: Totals,
    /// Time of the latest frame; `None` before the first.
    pub latest: Option<Duration>,
    /// Time of the latest frame with evidence.
    evidence: Option<Duration>,
    /// Time at which someone who counts was last in view.
    seen: Option<Duration>,
    /// Time at which a hand was last seen inside.
    worked: Option<Duration>,
    /// The id of that hand's track.
    hand: Option<u64>,
    /// While active: time since which the current worker has been working.
    taken_over: Duration,
}

impl StationState {
    pub fn new(station: Arc<Station>) -> Self {
        Self {
            worker: station.vest.clone(),
            area: Area::of(&station),
            configured: station.clone(),
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

    /// Spells the vest as the vest model does, if it has a label for it.
    pub fn resolve_vest(&mut self, labels: &[VestName]) {
        let spelt = |vest: &VestName| names::resolve(vest, labels).unwrap_or_else(|_| vest.clone());
        let vest = self.configured.vest.as_ref().map(spelt);
        if vest != self.station.vest {
            self.worker.clone_from(&vest);
            self.station = Arc::new(Station {
                vest,
                ..Station::clone(&self.configured)
            });
        }
    }

    /// Counts the time up to `time`, which is not before the latest frame. Returns the start, at the first frame, or the change
    /// to unknown, if the station became unknown in between.
    pub fn advance(&mut self, time: Duration, unknown_after: Duration) -> Option<Event> {
        let Some(latest) = self.latest.replace(time) else {
            self.since = time;
            return Some(self.event(time, self.station.vest.clone(), EventKind::Start));
        };
        let known_until = self.known_until(unknown_after).unwrap_or(time).max(latest);
        let becomes_unknown = known_until < time;
        let change = if becomes_unknown { known_until } else { time };
        self.totals.add(self.activity, change - latest);
        let event = becomes_unknown.then(|| self.enter(Activity::Unknown, change)).flatten();
        self.totals.add(self.activity, time - change);
        event
    }

    /// The time after which the station is unknown without further evidence; `None` if it is.
    pub fn known_until(&self, unknown_after: Duration) -> Option<Duration> {
        let latest = self.latest.filter(|_| self.activity != Activity::Unknown)?;
        let evidence = self.evidence.map(|evidence| evidence.saturating_add(unknown_after));
        Some(evidence.unwrap_or(latest))
    }

    /// Handles a frame without evidence, after `advance` to its time: before the first evidence the station is unknown.
    pub fn miss(&mut self, time: Duration) -> Option<Event> {
        match self.evidence {
            None => self.enter(Activity::Unknown, time),
            Some(_) => None,
        }
    }

    /// Whether a frame shows what the station's worker does.
    pub fn is_shown_by(&self, frame: &Frame) -> bool {
        frame.is_evidence_for(&self.station, self.area)
    }

    /// Handles a frame with evidence, after `advance` to its time.
    pub fn observe(&mut self, frame: &Frame) -> Option<Event> {
        self.evidence = Some(frame.time);
        let counting = || frame.counting(&self.station);
        if counting().next().is_some() {
            self.seen = Some(frame.time);
        }
        let hands = counting().filter(|person| frame.has_hand_inside(person, &self.station, self.area));
        // Of several people, the previous one is preferred; otherwise a worker over a visitor, who has no name.
        if let Some(person) = hands.min_by_key(|person| {
            let stays = self.hand.is_some() && track_id(person) == self.hand;
            (!stays, person.worker().is_none())
        }) {
            self.worked = Some(frame.time);
            let before = mem::replace(&mut self.hand, track_id(person));
            let from = mem::replace(&mut self.worker, person.worker().cloned());
            // The same track with a name is the same person, whose vest has been classified only now.
            let is_named = from.is_none() && before.is_some() && before == self.hand;
            if self.activity == Activity::Active && from != self.worker && !is_named {
                return Some(self.hand_over(from, frame.time));
            }
        }
        let is_hand_coasting = self.activity == Activity::Active
            && self.hand.is_some()
            && counting().any(|person| person.is_coasting() && track_id(person) == self.hand);
        self.enter(
            if is_hand_coasting || frame.is_held(self.worked) {
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

    /// The end of the station's stream; `None` before the first frame.
    pub fn end(&self) -> Option<Event> {
        self.sums(|state, lasted, totals, assigned| EventKind::End {
            state,
            lasted,
            totals,
            assigned,
        })
    }

    /// The sums at the latest time; `None` before the first frame.
    pub fn heartbeat(&self) -> Option<Event> {
        self.sums(|state, lasted, totals, assigned| EventKind::Heartbeat {
            state,
            lasted,
            totals,
            assigned,
        })
    }

    fn sums(&self, kind: impl FnOnce(Activity, Duration, Totals, Assigned) -> EventKind) -> Option<Event> {
        let latest = self.latest?;
        let assigned = self.station.vest.clone().into();
        let kind = kind(self.activity, latest - self.since, self.totals, assigned);
        Some(self.event(latest, self.worker.clone(), kind))
    }

    fn event(&self, time: Duration, worker: Option<VestName>, kind: EventKind) -> Event {
        Event {
            time,
            station: self.station.name.clone(),
            worker,
            kind,
        }
    }

    /// The status at the latest frame.
    pub fn view(&self) -> StationStatus {
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
