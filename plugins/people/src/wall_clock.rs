//! From a stream's time to the time of day.
//!
//! A stream's time of day is known by pairs of a moment in the stream and a time of day: one for each frame that has its
//! camera's, one for the begin of the stream by the clock of the computer, or one that the user has set for a recording.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::event::{ClockStep, StepReason, Utc, UtcClock};

/// A clock that differs from the stream's time by this much more than before has been set. Clocks are disciplined in smaller steps
/// and drift by seconds a day.
const MIN_STEP: SignedDuration = SignedDuration::from_millis(500);

/// The greatest difference between a live frame's timestamp and the pipeline's clock: more than any latency. Timestamps farther off
/// are not of the pipeline's clock.
const MAX_LATENCY: SignedDuration = SignedDuration::from_secs(10);

/// What a frame tells about the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeOfDay {
    /// The camera's time of day at the frame.
    Camera(Timestamp),
    /// The time of day at the frame, by the begin of the recording that the user has set.
    StartTime(Timestamp),
    /// The computer's time of day when the frame arrived, and the running time by the pipeline's clock then.
    Host {
        /// The time of day.
        now: Timestamp,
        /// Running time.
        arrival: Duration,
    },
}

/// A stream's time of day.
#[derive(Clone, Debug, Default)]
pub struct WallClock {
    known: Option<Known>,
}

/// A moment of the stream whose time of day is known.
#[derive(Clone, Copy, Debug)]
struct Known {
    time: Duration,
    utc: Utc,
    /// By the computer's clock: the time of day at the running time 0 of the pipeline's clock.
    base: Option<Timestamp>,
}

impl WallClock {
    /// Forgets what is known, as when another stream begins.
    pub fn reset(&mut self) {
        self.known = None;
    }

    /// The time of day at `time` of the stream, which may be before or after what is known.
    pub fn utc(&self, time: Duration) -> Option<Utc> {
        let known = self.known?;
        let since = signed(time).checked_sub(signed(known.time))?;
        let utc = known.utc.time.checked_add(since).ok()?;
        Some(Utc { time: utc, ..known.utc })
    }

    /// Takes note of what the frame at `time` of the stream tells. The camera's time of day and that of a recording's user are
    /// followed; where only some frames have the camera's, it holds for those between. The computer's is kept from the stream's begin
    /// on, until the computer's clock is set against the pipeline's. Returns the step if a clock was set.
    pub fn observe(&mut self, time: Duration, told: TimeOfDay) -> Option<ClockStep> {
        let has_camera = self.known.is_some_and(|known| known.utc.clock == UtcClock::Camera);
        match told {
            TimeOfDay::StartTime(_) | TimeOfDay::Host { .. } if has_camera => None,
            // The timestamp of a frame that has none of its own was repeated.
            TimeOfDay::Camera(_) if has_camera && self.known.is_some_and(|known| known.time == time) => None,
            TimeOfDay::Camera(utc) => {
                let expected = self.utc(time).filter(|expected| expected.clock == UtcClock::Camera);
                self.follow(time, utc, UtcClock::Camera);
                let step = utc.duration_since(expected?.time);
                reported(time, step, StepReason::CameraClock)
            }
            TimeOfDay::StartTime(utc) => {
                self.follow(time, utc, UtcClock::StartTime);
                None
            }
            TimeOfDay::Host { now, arrival } => self.observe_host(time, now, arrival),
        }
    }

    fn follow(&mut self, time: Duration, utc: Timestamp, clock: UtcClock) {
        let utc = Utc { time: utc, clock };
        self.known = Some(Known { time, utc, base: None });
    }

    fn observe_host(&mut self, time: Duration, now: Timestamp, arrival: Duration) -> Option<ClockStep> {
        let base = now.checked_sub(signed(arrival)).ok()?;
        let known = self.known.as_mut();
        let Some((utc, known)) = known.and_then(|known| Some((&mut known.utc.time, known.base.as_mut()?))) else {
            let age = signed(arrival).saturating_sub(signed(time));
            let age = if age.abs() <= MAX_LATENCY {
                age
            } else {
                SignedDuration::ZERO
            };
            let utc = Utc {
                time: now.checked_sub(age).ok()?,
                clock: UtcClock::Host,
            };
            let base = Some(base);
            self.known = Some(Known { time, utc, base });
            return None;
        };
        let step = base.duration_since(*known);
        let reported = reported(time, step, StepReason::HostClock)?;
        (*utc, *known) = (utc.checked_add(step).ok()?, base);
        Some(reported)
    }
}

fn signed(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

/// The step of a clock, if it is more than a correction.
fn reported(time: Duration, step: SignedDuration, reason: StepReason) -> Option<ClockStep> {
    (step.abs() >= MIN_STEP).then_some(ClockStep { time, step, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_800_000_000_000;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn timestamp(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(NOON + milliseconds).unwrap()
    }

    /// The computer's time of day, at a running time by the pipeline's clock.
    fn host(milliseconds: i64, arrival: f64) -> TimeOfDay {
        TimeOfDay::Host {
            now: timestamp(milliseconds),
            arrival: seconds(arrival),
        }
    }

    fn milliseconds(wall: &WallClock, time: f64) -> Option<i64> {
        wall.utc(seconds(time)).map(|utc| utc.time.as_millisecond() - NOON)
    }

    #[test]
    fn nothing_is_known_before_it_was_observed() {
        let mut wall = WallClock::default();
        assert_eq!(milliseconds(&wall, 1.0), None);
        wall.observe(seconds(5.0), host(5_000, 5.0));
        assert_eq!(milliseconds(&wall, 4.0), Some(4_000), "before it, too");
        wall.reset();
        assert_eq!(milliseconds(&wall, 1.0), None);
    }

    #[test]
    fn each_clock_is_followed_in_its_way() {
        use TimeOfDay::{Camera, StartTime};
        type At = fn(i64) -> TimeOfDay;
        let step = |milliseconds, reason| Some((SignedDuration::from_millis(milliseconds), reason));
        let clocks: [(At, f64); 3] = [
            (|ms| Camera(timestamp(ms)), 0.0),
            (|ms| StartTime(timestamp(ms)), 0.0),
            // the frames arrive after 200 ms
            (|ms| host(ms + 200, if ms < 5_000 { 0.2 } else { 10.2 }), 0.0),
        ];
        // observed at 0 s, then at 10 s of the stream 10 s and `late` later; the time of day stated for 12 s
        for (clock, late, stepped, stated) in [
            (0, 0, None, 12_000),
            (0, 40, None, 12_040),
            (0, -3_000, step(-3_000, StepReason::CameraClock), 9_000),
            (1, 3_000, None, 15_000),
            (2, 40, None, 12_000),
            (2, 499, None, 12_000),
            (2, 3_600_000, step(3_600_000, StepReason::HostClock), 3_612_000),
            (2, -500, step(-500, StepReason::HostClock), 11_500),
        ] {
            let mut wall = WallClock::default();
            let (told, _) = clocks[clock];
            assert_eq!(wall.observe(seconds(0.0), told(0)), None);
            let observed = wall.observe(seconds(10.0), told(10_000 + late));
            let observed = observed.map(|step| (step.step, step.reason));
            assert_eq!(observed, stepped, "{clock} {late}");
            assert_eq!(milliseconds(&wall, 12.0), Some(stated), "{clock} {late}");
        }
    }

    #[test]
    fn late_frames_are_no_step_of_the_host() {
        let mut wall = WallClock::default();
        wall.observe(seconds(1.0), host(1_100, 1.1));
        assert_eq!(wall.observe(seconds(2.0), host(14_000, 14.0)), None);
        assert_eq!(milliseconds(&wall, 2.0), Some(2_000));
    }

    #[test]
    fn timestamps_of_another_clock_are_taken_when_they_arrive() {
        let mut wall = WallClock::default();
        wall.observe(seconds(90_000.0), host(3_000, 3.0));
        assert_eq!(milliseconds(&wall, 90_001.0), Some(4_000));
    }

    #[test]
    fn another_clock_is_no_step() {
        let mut wall = WallClock::default();
        wall.observe(seconds(0.0), host(0, 0.0));
        assert_eq!(wall.observe(seconds(1.0), TimeOfDay::Camera(timestamp(90_000))), None);
        assert_eq!(wall.utc(seconds(1.0)).unwrap().clock, UtcClock::Camera);
        assert_eq!(milliseconds(&wall, 1.0), Some(90_000));
        // frames between two of the camera's
        assert_eq!(wall.observe(seconds(1.1), host(1_100, 1.1)), None);
        assert_eq!(milliseconds(&wall, 1.1), Some(90_100));
    }

    #[test]
    fn a_timestamp_that_stands_still_is_no_step_of_the_camera() {
        let mut wall = WallClock::default();
        for second in 0..5 {
            let told = TimeOfDay::Camera(timestamp(1_000 * second));
            assert_eq!(wall.observe(seconds(7.0), told), None);
        }
        assert_eq!(milliseconds(&wall, 8.0), Some(1_000));
    }

    #[test]
    fn times_that_no_calendar_has_are_none() {
        let mut wall = WallClock::default();
        wall.observe(seconds(0.0), host(0, 0.0));
        assert_eq!(wall.utc(Duration::MAX), None);
    }
}
