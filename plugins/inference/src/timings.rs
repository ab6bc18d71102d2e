//! Frame counts and durations of a stream.

use std::time::Duration;

use people::SkipReason;

/// Frame counts and durations since the model was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// All frames that left.
    pub frames: u64,
    /// Frames that left with their response.
    pub inferred: u64,
    /// Frames that left without inference because of the inference interval.
    pub skipped_interval: u64,
    /// Frames that left without inference because of overload.
    pub skipped_overload: u64,
    /// Frames without inference because a request failed or the frame could not be read.
    pub failed: u64,
    /// Time from a frame's arrival to its response, including late responses.
    pub inference: Spread,
    /// Time to sample a frame and send its requests.
    pub preprocess: Spread,
}

/// Number, sum and maximum of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    count: u32,
    total: Duration,
    /// The maximum.
    pub max: Duration,
}

impl Spread {
    /// Adds a duration.
    pub fn add(&mut self, duration: Duration) {
        self.count += 1;
        self.total += duration;
        self.max = self.max.max(duration);
    }

    /// The mean; 0 if there are none.
    pub fn mean(&self) -> Duration {
        self.total.checked_div(self.count).unwrap_or_default()
    }
}

impl Timings {
    /// Counts a frame that left with its response.
    pub fn inferred(&mut self) {
        self.frames += 1;
        self.inferred += 1;
    }

    /// Counts a frame that left without inference.
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
        timings.inference.add(Duration::from_millis(7)); // the other frame has no response yet
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
