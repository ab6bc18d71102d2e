//! From the timestamps of frames to a time for facts.
//!
//! Timestamps can be missing, wrong for a frame, or those of another clock. The time for facts never goes back, counts no
//! moment twice, and follows the timestamps wherever these make sense:
//!
//! | timestamp | time |
//! |---|---|
//! | up to [`limit`](Timeline::limit) after the one before; on a live stream up to a second more than the clock has gone | as it is |
//! | on a live stream, by steps that are usual each, more than a second ahead of the clock | a second ahead of it, until the clock has come as far |
//! | up to the limit before it | stands still until it is passed |
//! | farther ahead | the frame is held: the next one confirms it with a later timestamp, or it is left out |
//! | farther ahead and confirmed, and the pipeline's clock has not gone as far | begins anew |
//! | farther back | the frame is held: the next one confirms it with a later timestamp that is farther back, too, and time begins anew; or it is left out |
//! | missing, or the same as in the two frames before | that of the frame before and its duration, or the frame interval, at most a second off the pipeline's clock; without both, as the clock has gone |
//!
//! Each kind is reported once.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;

use crate::event::{ClockStep, StepReason};

/// The least step of timestamps that has to be confirmed: half of the time after which a state becomes unknown, so that a
/// smaller wrong step changes no state.
const MIN_LIMIT: Duration = Duration::from_secs(1);

/// A step is confirmed if it is longer than this number of frame intervals, at least: more than a few dropped frames.
const LIMIT_INTERVALS: u32 = 10;

/// Number of frames in a row with the same timestamp that are believed: a frame may be doubled.
const MAX_REPEATS: u32 = 2;

/// What is known about the time of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTime {
    /// The timestamp, in the stream's running time; or why there is none.
    pub timestamp: Result<Duration, StepReason>,
    /// How long the frame is shown.
    pub duration: Option<Duration>,
    /// On a live stream the running time by the pipeline's clock at which the frame arrived.
    pub arrival: Option<Duration>,
}

/// The time of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What has become of the frame before, if it was held.
    pub held: Option<Resolved>,
    /// The time of this frame.
    pub time: Time,
    /// What is odd about the frames, where it has not been reported before.
    pub odd: Vec<ClockStep>,
}

/// The time of a frame for facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The frame is at this time.
    At(Duration),
    /// It is not known yet whether the frame's timestamp is right; if it is wrong, the frame is at `otherwise`. The next frame
    /// decides.
    Held {
        /// The time of a frame with a usual timestamp.
        otherwise: Duration,
    },
}

/// What has become of a held frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Its timestamp was wrong. Facts leave it out.
    LeftOut,
    /// It is at this time. The time between the frames before and this one is without frames.
    At(Duration),
    /// It is the first one of another clock: what was known before ends, and begins anew at this time.
    BeginsAnew(Duration),
}

/// The time of one stream.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The frame interval that the stream's caps state.
    interval: Option<Duration>,
    /// The latest step between two frames.
    step: Option<Duration>,
    position: Option<Position>,
    held: Option<Stamp>,
    /// The latest timestamp, and how often it was repeated.
    repeated: (Option<Duration>, u32),
    reported: BTreeSet<StepReason>,
}

/// A timestamp, and when it arrived.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    time: Duration,
    arrival: Option<Duration>,
    duration: Option<Duration>,
    /// Whether it is the frame's own.
    is_own: bool,
    /// Whether it is, or follows from, a timestamp or the clock.
    is_known: bool,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The latest time that facts were told for.
    time: Duration,
    /// The latest frame's time for facts.
    frame: Duration,
    /// The latest timestamp.
    stamp: Stamp,
    /// The latest one that a frame had, or that of the first frame.
    anchor: Stamp,
    /// The first one of this clock that has an arrival.
    first: Stamp,
}

impl Position {
    /// The latest time that is believed of a frame: a second farther ahead of the clock than the first frame was, where that was
    /// ahead. Frames may catch up with the clock, but none gets farther ahead, such as by a burst whose timestamps repeat what was
    /// a gap. A clock that has never moved, as in a test, says nothing.
    fn ceiling(&self, stamp: &Stamp) -> Duration {
        match (self.first.arrival, stamp.arrival) {
            (Some(first), Some(arrival)) if arrival > first => {
                let lead = self.first.time.saturating_sub(first);
                arrival.saturating_add(lead).saturating_add(MIN_LIMIT)
            }
            _ => Duration::MAX,
        }
    }
}

impl Timeline {
    /// Sets the frame interval of the stream's caps; `None` where they have none, or a variable one.
    pub fn set_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval.filter(|interval| !interval.is_zero());
    }

    /// Begins anew with the next frame, as after a flush or with another stream. Returns whether a held frame is left out.
    pub fn reset(&mut self) -> bool {
        self.position = None;
        self.step = None;
        self.repeated = (None, 0);
        self.held.take().is_some()
    }

    /// The time of the next frame.
    pub fn place(&mut self, frame: FrameTime) -> Placed {
        let mut odd = Vec::new();
        let stamp = self.stamp(frame, &mut odd);
        let (held, time) = match (self.position, self.held.take()) {
            (None, _) => (None, self.accept(stamp)),
            (Some(position), None) if self.follows(&position, &stamp) => {
                if stamp.time < position.stamp.time {
                    self.report(StepReason::Backward, position.time, &stamp, &position.stamp, &mut odd);
                }
                (None, self.accept(stamp))
            }
            (Some(position), None) => (None, self.hold(&position, stamp)),
            (Some(position), Some(held)) if self.follows(&position, &stamp) => {
                self.report(StepReason::Glitch, position.time, &held, &position.stamp, &mut odd);
                (Some(Resolved::LeftOut), self.accept(stamp))
            }
            (Some(position), Some(held)) if confirms(&position, &held, &stamp) => {
                let resolved = self.confirm(&position, held, &mut odd);
                // Frames that are regularly far apart need no confirmation each.
                let is_regular = matches!(resolved, Resolved::At(_))
                    && stamp.arrival.is_none()
                    && stamp.time - held.time <= held.time.saturating_sub(position.stamp.time);
                let position = self.position.unwrap_or(position);
                let time = if is_regular || self.follows(&position, &stamp) {
                    self.accept(stamp)
                } else {
                    self.hold(&position, stamp)
                };
                (Some(resolved), time)
            }
            (Some(position), Some(held)) => {
                self.report(StepReason::Glitch, position.time, &held, &position.stamp, &mut odd);
                (Some(Resolved::LeftOut), self.hold(&position, stamp))
            }
        };
        Placed { held, time, odd }
    }

    /// Takes note of an interval of timestamps without frames, as upstream elements state it. Returns the time of its end,
    /// unless the interval is far from the frames.
    pub fn gap(&mut self, start: Duration, duration: Duration, arrival: Option<Duration>) -> Option<Duration> {
        let position = self.position?;
        let begin = Stamp {
            time: start,
            arrival,
            duration: Some(Duration::ZERO),
            is_own: true,
            is_known: true,
        };
        if !self.follows(&position, &begin) {
            return None;
        }
        let time = start.saturating_add(duration).max(position.stamp.time);
        let end = Stamp { time, ..begin };
        let step = self.step;
        self.accept(end);
        self.step = step;
        self.position.map(|position| position.time)
    }

    /// The time for facts once the pipeline's clock has come to `clock`, where frames may be late by `latency`: at least that of
    /// the latest frame. `None` before the first frame, and where frames have no arrival.
    pub fn time_by_clock(&self, clock: Duration, latency: Duration) -> Option<Duration> {
        let position = self.position?;
        let passed = clock.saturating_sub(self.due(latency)?);
        Some(position.time.max(position.frame + passed))
    }

    /// The running time by the pipeline's clock at which facts come to `time` without a frame.
    pub fn clock_of(&self, time: Duration, latency: Duration) -> Option<Duration> {
        let frame = self.position?.frame;
        Some(self.due(latency)? + time.saturating_sub(frame))
    }

    /// Takes note that facts were told up to `time`.
    pub fn told(&mut self, time: Duration) {
        if let Some(position) = &mut self.position {
            position.time = position.time.max(time);
        }
    }

    /// The latest time; zero before the first frame.
    pub fn time(&self) -> Duration {
        self.position.map_or(Duration::ZERO, |position| position.time)
    }

    /// The time at which the latest frame ends; `None` before the first one.
    pub fn end(&self) -> Option<Duration> {
        let position = self.position?;
        let duration = position.stamp.duration.or(self.interval).unwrap_or_default();
        Some(position.time.max(position.frame + duration))
    }

    /// The longest step of timestamps that is believed at once.
    pub fn limit(&self) -> Duration {
        let interval = self.interval.or(self.step).unwrap_or_default();
        MIN_LIMIT.max(interval.saturating_mul(LIMIT_INTERVALS))
    }

    /// The time by the pipeline's clock at which the latest frame was due: as late as `latency` allows, or later if it was.
    /// Timestamps ahead of the clock are not of this clock.
    fn due(&self, latency: Duration) -> Option<Duration> {
        let stamp = self.position?.stamp;
        let arrival = stamp.arrival?;
        let of_the_clock = stamp.time <= arrival + self.limit();
        Some(if of_the_clock {
            arrival.max(stamp.time + latency)
        } else {
            arrival
        })
    }

    /// The frame's timestamp, or what it must be about.
    fn stamp(&mut self, frame: FrameTime, odd: &mut Vec<ClockStep>) -> Stamp {
        let FrameTime {
            timestamp,
            duration,
            arrival,
        } = frame;
        let repeats = match (timestamp, self.repeated) {
            (Ok(time), (Some(latest), repeats)) if time == latest => repeats + 1,
            (Ok(_), _) => 0,
            (Err(_), (_, repeats)) => repeats,
        };
        self.repeated = (timestamp.ok().or(self.repeated.0), repeats);
        let expected = self.expected(arrival);
        let stuck = repeats >= MAX_REPEATS;
        let reason = match timestamp {
            Ok(time) if !stuck => {
                return Stamp {
                    time,
                    arrival,
                    duration,
                    is_own: true,
                    is_known: true,
                };
            }
            Ok(_) => StepReason::NoTimestamp,
            Err(reason) => reason,
        };
        if self.reported.insert(reason) {
            odd.push(ClockStep {
                time: expected,
                step: SignedDuration::ZERO,
                reason,
            });
        }
        let is_known = self
            .position
            .map_or(arrival.is_some(), |position| position.stamp.is_known);
        Stamp {
            time: expected,
            arrival,
            duration,
            is_own: false,
            is_known,
        }
    }

    /// The timestamp of a frame without one.
    fn expected(&self, arrival: Option<Duration>) -> Duration {
        let Some(Position {
            stamp: latest, anchor, ..
        }) = self.position
        else {
            return arrival.unwrap_or_default();
        };
        let by_clock = arrival
            .zip(anchor.arrival)
            .map(|(now, then)| anchor.time.saturating_add(now.saturating_sub(then)));
        let interval = latest.duration.filter(|duration| !duration.is_zero()).or(self.interval);
        let by_interval = |interval| latest.time.saturating_add(interval);
        match (interval, by_clock) {
            (Some(interval), Some(clock)) => by_interval(interval)
                .clamp(clock.saturating_sub(MIN_LIMIT), clock.saturating_add(MIN_LIMIT))
                .max(latest.time),
            (None, Some(clock)) => clock.max(latest.time),
            (interval, None) => by_interval(interval.or(self.step).unwrap_or_default()),
        }
    }

    /// Whether a timestamp is near enough to the latest one, or as far ahead as the clock.
    fn follows(&self, position: &Position, stamp: &Stamp) -> bool {
        let latest = &position.stamp;
        let ahead = stamp.time.saturating_sub(latest.time);
        let farthest = passed(latest, stamp).map_or(self.limit(), |passed| passed.saturating_add(MIN_LIMIT));
        ahead <= farthest && stamp.time.saturating_add(self.limit()) >= latest.time
    }

    fn accept(&mut self, stamp: Stamp) -> Time {
        let mut stamp = stamp;
        let mut time = stamp.time;
        let mut anchor = stamp;
        let mut first = stamp;
        if let Some(position) = &self.position {
            time = time.min(position.ceiling(&stamp)).max(position.time);
            first = if position.first.arrival.is_some() {
                position.first
            } else {
                stamp
            };
            stamp.time = stamp.time.max(position.stamp.time);
            anchor = if stamp.is_own { stamp } else { position.anchor };
            let step = stamp.time - position.stamp.time;
            self.step = if step.is_zero() { self.step } else { Some(step) };
        }
        self.position = Some(Position {
            time,
            frame: time,
            stamp,
            anchor,
            first,
        });
        Time::At(time)
    }

    fn hold(&mut self, position: &Position, stamp: Stamp) -> Time {
        self.held = Some(stamp);
        Time::Held {
            otherwise: self.expected(stamp.arrival).max(position.time),
        }
    }

    /// Believes the timestamp of a held frame.
    fn confirm(&mut self, position: &Position, held: Stamp, odd: &mut Vec<ClockStep>) -> Resolved {
        let latest = &position.stamp;
        let ahead = held.time.checked_sub(latest.time);
        // If the clock has not gone as far, no time has passed; nor can that be told of frames that had no timestamps.
        let is_gap = latest.is_known
            && ahead.is_some_and(|ahead| passed(latest, &held).is_none_or(|passed| ahead <= passed + MIN_LIMIT));
        let reason = if is_gap {
            StepReason::Ahead
        } else {
            StepReason::NewClock
        };
        self.report(reason, position.time, &held, latest, odd);
        if is_gap {
            match self.accept(held) {
                Time::At(time) => Resolved::At(time),
                Time::Held { otherwise } => Resolved::At(otherwise),
            }
        } else {
            self.position = None;
            self.step = None;
            self.accept(held);
            Resolved::BeginsAnew(held.time)
        }
    }

    fn report(&mut self, reason: StepReason, time: Duration, odd: &Stamp, latest: &Stamp, steps: &mut Vec<ClockStep>) {
        if self.reported.insert(reason) {
            let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
            let step = nanoseconds(odd.time).saturating_sub(nanoseconds(latest.time));
            steps.push(ClockStep {
                time,
                step: SignedDuration::from_nanos(step),
                reason,
            });
        }
    }
}

/// Whether a timestamp confirms that of a held frame: it is later, and on the same side of the latest one.
fn confirms(position: &Position, held: &Stamp, stamp: &Stamp) -> bool {
    let is_ahead = |stamp: &Stamp| stamp.time > position.stamp.time;
    stamp.time > held.time && is_ahead(held) == is_ahead(stamp)
}

/// The time by the clock between the arrivals of two frames of a live stream.
fn passed(from: &Stamp, to: &Stamp) -> Option<Duration> {
    Some(to.arrival?.saturating_sub(from.arrival?))
}
