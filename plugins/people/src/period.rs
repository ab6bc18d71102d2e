//! The inference period: the time between two inferred frames of a stream, as [`Scene::inference_period`] has it.
//!
//! Where many cameras share a server, a frame of each is inferred only every so often. What is known about a stream must
//! outlast that time, and a period that is too long for the stations is reported.

use std::time::Duration;

use crate::{Inference, Scene};

/// Number of periods that states, people and tracks outlast without an inferred frame: one response may be missing, and
/// the next one late.
const PERIODS: u32 = 3;

/// The length of three periods; `None` before the period has been measured.
pub(crate) fn three(period: Option<Duration>) -> Option<Duration> {
    period.map(|period| period.saturating_mul(PERIODS))
}

/// Decides when to report that a stream's inference period is longer than the hold time of its stations: a state would then
/// depend on single frames.
///
/// It is reported once, and again only after it has been well below the hold time for [`RECOVERY`](Self::RECOVERY). Without a
/// hold time states are meant to depend on single frames, and nothing is reported.
#[derive(Clone, Debug, Default)]
pub struct SlowInference {
    /// Number of inferred frames in a row with a period longer than the hold time.
    slow: u32,
    reported: bool,
    /// Running time from which on the period has been well below the hold time.
    recovered: Option<Duration>,
}

impl SlowInference {
    /// Number of inferred frames in a row that must have a long period before it is reported: one late response is not a
    /// slow server.
    pub const CONFIRMATIONS: u32 = 3;
    /// Time for which the period must have been at most three quarters of the hold time before it is reported again.
    pub const RECOVERY: Duration = Duration::from_secs(60);

    /// Takes the scene of the frame at running time `time`. Returns the period if it is to be reported now.
    pub fn update(&mut self, time: Duration, scene: &Scene, hold_time: Duration) -> Option<Duration> {
        let is_relevant = scene.inference == Inference::Done && !hold_time.is_zero();
        let period = scene.inference_period.filter(|_| is_relevant)?;
        if period > hold_time * 3 / 4 {
            self.recovered = None;
        } else if time.saturating_sub(*self.recovered.get_or_insert(time)) >= Self::RECOVERY {
            self.reported = false;
        }
        self.slow = if period > hold_time {
            self.slow.saturating_add(1)
        } else {
            0
        };
        let due = self.slow >= Self::CONFIRMATIONS && !self.reported;
        self.reported |= due;
        due.then_some(period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SkipReason;

    const HOLD: Duration = Duration::from_secs(1);

    /// The times in seconds at which a period is reported, given the period in milliseconds from a time in seconds on. An
    /// inferred frame each second.
    fn reports(periods: &[(u64, u64)], seconds: u64) -> Vec<u64> {
        let mut slow = SlowInference::default();
        let period = |time: u64| periods.iter().rev().find(|(from, _)| *from <= time).map(|(_, ms)| *ms);
        let is_reported = |time: &u64| {
            let inferred = Scene {
                inference_period: period(*time).map(Duration::from_millis),
                ..Scene::default()
            };
            let skipped = Scene {
                inference: Inference::Skipped(SkipReason::Overload),
                ..inferred.clone()
            };
            let time = Duration::from_secs(*time);
            assert_eq!(
                slow.update(time, &skipped, HOLD),
                None,
                "a skipped frame confirms nothing"
            );
            let reported = slow.update(time, &inferred, HOLD);
            assert!(reported.is_none_or(|reported| Some(reported) == inferred.inference_period));
            reported.is_some()
        };
        (0..seconds).filter(is_reported).collect()
    }

    #[test]
    fn nothing_is_reported_without_a_hold_time() {
        let scene = Scene {
            inference_period: Some(HOLD),
            ..Scene::default()
        };
        let mut slow = SlowInference::default();
        let report = |n| slow.update(HOLD * n, &scene, Duration::ZERO);
        assert!((0..10).filter_map(report).next().is_none());
    }

    #[test]
    fn a_long_period_is_reported_once_and_again_after_a_long_recovery() {
        for (what, periods, expected) in [
            ("unknown", &[][..], &[][..]),
            ("as long as the hold time", &[(0, 1000)], &[]),
            ("from the start", &[(0, 1200)], &[2]),
            ("later, and for good", &[(0, 100), (50, 1001)], &[52]),
            ("one late response", &[(0, 100), (50, 3000), (51, 100)], &[]),
            ("around the hold time", &[(0, 1200), (10, 900), (200, 1200)], &[2]),
            ("a short recovery", &[(0, 1200), (10, 100), (60, 1200)], &[2]),
            (
                "a recovery with an interruption",
                &[(0, 1200), (10, 100), (60, 800), (61, 100), (115, 1200)],
                &[2],
            ),
            ("a long recovery", &[(0, 1200), (10, 100), (80, 1200)], &[2, 82]),
        ] {
            assert_eq!(reports(periods, 300), expected, "{what}");
        }
    }
}
