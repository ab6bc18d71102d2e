//! Counts and times of a stream's frames, for the property `stats`.

use std::time::Duration;

use people::SkipReason;

/// Counts and times since the model was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Frames that left.
    pub frames: u64,
    /// Frames that left with their response.
    pub inferred: u64,
    /// Frames that left without inference because of `inference-interval`.
    pub skipped_interval: u64,
    /// Frames that left without inference because the server was too slow.
    pub skipped_overload: u64,
    /// Frames whose request failed.
    pub failed: u64,
    /// Time from a frame's arrival to its response, early or late.
    pub inference: Spread,
    /// Time of the streaming thread to sample a frame and send its requests.
    pub preprocess: Spread,
}

/// Number, sum and maximum of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    count: u32,
    total: Duration,
    /// The longest.
    pub max: Duration,
}

impl Spread {
    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        self.count += 1;
        self.total += duration;
        self.max = self.max.max(duration);
    }

    /// The mean; 0 without any.
    pub fn mean(&self) -> Duration {
        self.total.checked_div(self.count).unwrap_or_default()
    }
}

impl Timings {
    /// A frame left with its response.
    pub fn inferred(&mut self) {
        self.frames += 1;
        self.inferred += 1;
    }

    /// A frame left without.
    pub fn skipped(&mut self, reason: SkipReason) {
        self.frames += 1;
        match reason {
            SkipReason::Interval => self.skipped_interval += 1,
            SkipReason::Overload => self.skipped_overload += 1,
            SkipReason::Failed => self.failed += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mean_is_over_its_own_samples() {
        let mut timings = Timings::default();
        assert_eq!(timings.preprocess.mean(), Duration::ZERO);
        for ms in [10, 30] {
            timings.preprocess.add(Duration::from_millis(ms));
        }
        timings.inference.add(Duration::from_millis(7)); // the other frame has had no response yet
        assert_eq!(timings.preprocess.mean(), Duration::from_millis(20));
        assert_eq!(timings.inference.mean(), Duration::from_millis(7));
        assert_eq!(timings.preprocess.max, Duration::from_millis(30));
    }

    #[test]
    fn frames_are_counted_by_outcome() {
        let mut timings = Timings::default();
        timings.inferred();
        for reason in [SkipReason::Interval, SkipReason::Overload, SkipReason::Failed] {
            timings.skipped(reason);
        }
        assert_eq!((timings.frames, timings.inferred), (4, 1));
        assert_eq!(
            (timings.skipped_interval, timings.skipped_overload, timings.failed),
            (1, 1, 1)
        );
    }
}
