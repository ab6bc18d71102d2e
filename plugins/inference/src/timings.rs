//! Frame counts and durations of a stream.

use std::time::Duration;

use hdrhistogram::Histogram;
use people::SkipReason;

/// Frame counts and durations since the model was opened.
#[derive(Clone, Debug, Default)]
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
    /// Requests that were repeated because they failed.
    pub retried: u64,
    /// Number of times that requests succeeded again after a failure of the server or the connection.
    pub recoveries: u64,
    /// Time from a frame's arrival to its response, including late responses.
    pub inference: Spread,
    /// Time from a frame's arrival to its turn.
    pub wait: Spread,
    /// Time to sample a frame and send its requests.
    pub convert: Spread,
    /// Time from sending a frame's requests to their last response.
    pub request: Spread,
    /// Time that downstream takes to accept a frame.
    pub push: Spread,
}

/// A distribution of durations.
#[derive(Clone, Debug)]
pub struct Spread {
    /// In microseconds.
    histogram: Histogram<u64>,
    total: Duration,
    max: Duration,
}

/// Upper bounds, inclusive, of the [buckets](Spread::buckets) of a distribution.
pub const BUCKET_BOUNDS: [Duration; 15] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(75),
    Duration::from_millis(100),
    Duration::from_millis(150),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Longest duration in the histogram, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// Significant decimal digits of a quantile.
const DIGITS: u8 = 2;

impl Default for Spread {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        Self {
            histogram: histogram.expect("the bounds are constant and valid"),
            total: Duration::ZERO,
            max: Duration::ZERO,
        }
    }
}

impl Spread {
    /// Adds a duration.
    pub fn add(&mut self, duration: Duration) {
        self.total = self.total.saturating_add(duration);
        self.max = self.max.max(duration);
        self.histogram
            .saturating_record(u64::try_from(duration.as_micros()).unwrap_or(LONGEST));
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The mean; 0 if there are none.
    pub fn mean(&self) -> Duration {
        let count = u32::try_from(self.count()).unwrap_or(u32::MAX);
        self.total.checked_div(count).unwrap_or_default()
    }

    /// The sum.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// Number of durations in each bucket: above the bound before, and not above its own of [`BUCKET_BOUNDS`]; the last bucket
    /// has no bound. To two significant digits.
    pub fn buckets(&self) -> [u64; BUCKET_BOUNDS.len() + 1] {
        let mut buckets = [0; BUCKET_BOUNDS.len() + 1];
        for recorded in self.histogram.iter_recorded() {
            // The least duration that the histogram does not distinguish from it, so that a bound is in its own bucket.
            let least = self.histogram.lowest_equivalent(recorded.value_iterated_to());
            let least = Duration::from_micros(least);
            buckets[BUCKET_BOUNDS.partition_point(|bound| *bound < least)] += recorded.count_at_value();
        }
        buckets
    }

    /// The maximum; 0 if there are none.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The quantile, 0..1, to two significant digits; 0 if there are none.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.histogram.value_at_quantile(quantile))
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

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn each_mean_is_over_its_own_samples() {
        let mut timings = Timings::default();
        assert_eq!(timings.convert.mean(), Duration::ZERO);
        timings.convert.add(ms(10));
        timings.convert.add(ms(30));
        timings.inference.add(ms(7)); // the other frame has no response yet
        assert_eq!((timings.convert.mean(), timings.inference.mean()), (ms(20), ms(7)));
        assert_eq!(timings.convert.max(), ms(30));
    }

    #[test]
    fn quantiles_are_right_to_two_digits() {
        let mut spread = Spread::default();
        for n in 1..=1000 {
            spread.add(ms(n));
        }
        assert_eq!(spread.count(), 1000);
        for (quantile, expected) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = spread.quantile(quantile).as_secs_f64() * 1000.0;
            assert!((found / expected - 1.0).abs() < 0.01, "{quantile}: {found}");
        }
    }

    #[test]
    fn a_duration_beyond_the_longest_counts_as_the_longest() {
        let mut spread = Spread::default();
        spread.add(Duration::from_secs(1 << 40));
        assert!(spread.quantile(0.5) >= Duration::from_secs(3600));
    }

    #[test]
    fn each_duration_is_in_the_bucket_whose_bound_it_does_not_exceed() {
        let mut spread = Spread::default();
        let mut expected = [0; BUCKET_BOUNDS.len() + 1];
        assert_eq!(spread.buckets(), expected);
        for (index, bound) in BUCKET_BOUNDS.into_iter().enumerate() {
            spread.add(bound);
            spread.add(bound.mul_f64(1.05));
            expected[index] += 1;
            expected[index + 1] += 1;
        }
        spread.add(Duration::ZERO);
        expected[0] += 1;
        assert_eq!(spread.buckets(), expected);
        assert_eq!(spread.buckets().iter().sum::<u64>(), spread.count());
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
