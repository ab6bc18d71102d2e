//! The facts of one stream: the states of its stations over a time that is right, and when that was by the clock.
//!
//! This joins [`timeline`](crate::timeline) (when a frame was), [`activity`](crate::activity) (what the stations' states are then)
//! and [`wall_clock`](crate::wall_clock) (the time of day). A frame whose timestamp has to be confirmed is kept until it is: it is
//! then processed at its time, before the frame that confirmed it.

use std::mem;
use std::time::Duration;

use crate::Scene;
use crate::activity::{ActivityOptions, ActivityTracker};
use crate::event::{ClockStep, Event, Utc};
use crate::station_file::Stations;
use crate::timeline::{FrameTime, Placed, Resolved, Time, Timeline};
use crate::wall_clock::{TimeOfDay, WallClock};

/// Something to state about a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Something happened at a station.
    Event(Event),
    /// Something is odd about the stream's time.
    Clock(ClockStep),
}

impl Fact {
    /// When it happened, in running time.
    pub fn time(&self) -> Duration {
        match self {
            Self::Event(event) => event.time,
            Self::Clock(step) => step.time,
        }
    }
}

/// A fact, and when it was by the clock, if that is known.
pub type Stated = (Fact, Option<Utc>);

/// The facts of one stream.
#[derive(Clone, Debug)]
pub struct Facts {
    timeline: Timeline,
    tracker: ActivityTracker,
    wall: WallClock,
    /// The frame whose timestamp has to be confirmed.
    held: Option<HeldFrame>,
    /// The time between two heartbeats; zero for none.
    heartbeat: Duration,
    /// When the next heartbeat is due; `None` before the first frame.
    next_heartbeat: Option<Duration>,
}

/// A frame whose timestamp has to be confirmed.
#[derive(Clone, Debug)]
struct HeldFrame {
    scene: Scene,
    /// Width and height in pixels.
    size: (u32, u32),
    time_of_day: Option<TimeOfDay>,
}

impl Facts {
    /// The facts about `stations`, before the first frame; with a heartbeat every `heartbeat` of the stream's time, zero for none.
    pub fn new(stations: Stations, options: ActivityOptions, heartbeat: Duration) -> Self {
        Self {
            timeline: Timeline::default(),
            tracker: ActivityTracker::new(stations, options),
            wall: WallClock::default(),
            held: None,
            heartbeat,
            next_heartbeat: None,
        }
    }

    /// The states of the stations.
    pub fn tracker(&self) -> &ActivityTracker {
        &self.tracker
    }

    /// The states of the stations, to change stations or options.
    pub fn tracker_mut(&mut self) -> &mut ActivityTracker {
        &mut self.tracker
    }

    /// The latest time that was told; zero before the first frame.
    pub fn time(&self) -> Duration {
        self.timeline.time()
    }

    /// Sets the time between two heartbeats; zero for none.
    pub fn set_heartbeat(&mut self, heartbeat: Duration) {
        self.heartbeat = heartbeat;
        self.next_heartbeat = None;
    }

    /// Sets the frame interval of the stream's caps; `None` where they have none.
    pub fn set_frame_interval(&mut self, interval: Option<Duration>) {
        self.timeline.set_interval(interval);
    }

    /// Forgets the computer's time of day, as after a pause: the pipeline's clock stood still, and the computer's did not.
    pub fn forget_time_of_day(&mut self) {
        self.wall.reset();
    }

    /// Processes a frame of `size` (width, height) pixels, fills in the scene's stations, and returns what is to be stated.
    pub fn frame(
        &mut self,
        frame: FrameTime,
        time_of_day: Option<TimeOfDay>,
        size: (u32, u32),
        scene: &mut Scene,
    ) -> Vec<Stated> {
        let Placed { held, time, odd } = self.timeline.place(frame);
        let mut stated = self.stated(odd.into_iter().map(Fact::Clock).collect());
        stated.extend(self.resolve(held));
        match time {
            Time::At(time) => {
                // A late frame counts at a time that was told before it; its time of day is that of its timestamp.
                let own = frame.timestamp.map_or(time, |own| own.min(time));
                let told = time_of_day.map(|told| (own, told));
                stated.extend(self.place(time, told, size, scene));
            }
            Time::Held { .. } => {
                self.held = Some(HeldFrame {
                    scene: scene.clone(),
                    size,
                    time_of_day,
                });
                scene.stations = self.tracker.views();
            }
        }
        stated
    }

    /// Takes note that upstream elements have no frames between `start` and the time `duration` later.
    pub fn gap(&mut self, start: Duration, duration: Duration, arrival: Option<Duration>) -> Vec<Stated> {
        let end = self.timeline.gap(start, duration, arrival);
        end.map(|end| self.advance(end)).unwrap_or_default()
    }

    /// Takes note that the clock of a live pipeline has come to the running time `clock`, where frames may be late by `latency`.
    pub fn tick(&mut self, clock: Duration, latency: Duration) -> Vec<Stated> {
        let time = self.timeline.time_by_clock(clock, latency);
        time.map(|time| self.advance(time)).unwrap_or_default()
    }

    /// The running time by the pipeline's clock from which on [`tick`](Self::tick) states something unless a frame arrives before.
    pub fn next_tick(&self, latency: Duration) -> Option<Duration> {
        // At that very moment the state is still known.
        let unknown = self.tracker.known_until().map(|time| time + Duration::from_millis(1));
        let next = unknown.into_iter().chain(self.next_heartbeat).min()?;
        self.timeline.clock_of(next, latency)
    }

    /// Ends the stream at the end of its latest frame or, where it is live, at the time that its clock has come to, whichever is
    /// later. `live` is the running time by the pipeline's clock, and the latency.
    pub fn finish(&mut self, live: Option<(Duration, Duration)>) -> Vec<Stated> {
        let by_clock = live.and_then(|(clock, latency)| self.timeline.time_by_clock(clock, latency));
        let end = self.timeline.end().into_iter().chain(by_clock).max();
        let events = self.tracker.finish(end.unwrap_or_default());
        self.begin_anew(events)
    }

    /// Ends the stream at its latest frame; the next one begins a new stream.
    pub fn reset(&mut self) -> Vec<Stated> {
        let events = self.tracker.reset();
        self.begin_anew(events)
    }

    fn begin_anew(&mut self, events: Vec<Event>) -> Vec<Stated> {
        let stated = self.stated(events.into_iter().map(Fact::Event).collect());
        self.timeline.reset();
        self.wall.reset();
        self.held = None;
        self.next_heartbeat = None;
        stated
    }

    /// Processes the frame that was held, now that its time is known.
    fn resolve(&mut self, held: Option<Resolved>) -> Vec<Stated> {
        let frame = held.and_then(|_| mem::take(&mut self.held));
        let (Some(held), Some(mut frame)) = (held, frame) else {
            return Vec::new();
        };
        let (time, mut stated) = match held {
            Resolved::LeftOut => return Vec::new(),
            Resolved::At(time) => (time, Vec::new()),
            Resolved::BeginsAnew(time) => {
                let events = self.tracker.reset();
                let ended = self.stated(events.into_iter().map(Fact::Event).collect());
                self.wall.reset();
                self.next_heartbeat = None;
                (time, ended)
            }
        };
        let told = frame.time_of_day.map(|told| (time, told));
        stated.extend(self.place(time, told, frame.size, &mut frame.scene));
        stated
    }

    /// Processes a frame at its time. `told`: the time of day, and the stream's time that it belongs to.
    fn place(
        &mut self,
        time: Duration,
        told: Option<(Duration, TimeOfDay)>,
        size: (u32, u32),
        scene: &mut Scene,
    ) -> Vec<Stated> {
        let step = told.and_then(|(at, told)| self.wall.observe(at, told));
        let mut facts: Vec<_> = step.into_iter().map(Fact::Clock).collect();
        let events = self.tracker.update(time, size, scene);
        facts.extend(events.into_iter().map(Fact::Event));
        facts.extend(self.heartbeats(time));
        self.stated(facts)
    }

    fn advance(&mut self, time: Duration) -> Vec<Stated> {
        self.timeline.told(time);
        let mut facts: Vec<_> = self.tracker.advance(time).into_iter().map(Fact::Event).collect();
        facts.extend(self.heartbeats(time));
        self.stated(facts)
    }

    /// The heartbeats at `time`, if they are due.
    fn heartbeats(&mut self, time: Duration) -> Vec<Fact> {
        if self.heartbeat.is_zero() {
            return Vec::new();
        }
        let first = time.saturating_add(self.heartbeat);
        let due = *self.next_heartbeat.get_or_insert(first);
        if time < due {
            return Vec::new();
        }
        let missed = (time - due).as_nanos() / self.heartbeat.as_nanos();
        let skipped = self
            .heartbeat
            .saturating_mul(u32::try_from(missed + 1).unwrap_or(u32::MAX));
        self.next_heartbeat = Some(due.saturating_add(skipped));
        self.tracker.heartbeat().into_iter().map(Fact::Event).collect()
    }

    fn stated(&self, facts: Vec<Fact>) -> Vec<Stated> {
        let state = |fact: Fact| {
            let utc = self.wall.utc(fact.time());
            (fact, utc)
        };
        facts.into_iter().map(state).collect()
    }
}
