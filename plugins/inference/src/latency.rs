//! The latency of live frames: measured before playing, raised when responses take longer.

use std::time::Duration;

/// Factor between the measured latency and the estimate, since the warm-up runs on an idle machine.
const MARGIN: f64 = 1.25;
/// Number of consecutive late responses before the estimate is raised, so that one slow response does not force a
/// pipeline-wide recalculation of latency.
const PATIENCE: usize = 3;
/// The estimate is a multiple of this step, so that small changes do not make a pipeline recalculate its latency.
const STEP: Duration = Duration::from_millis(10);

/// The latency to report for live frames: the maximum time that a frame waits for its response.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LatencyEstimate {
    latency: Option<Duration>,
    fixed: bool,
    misses: usize,
    slowest_miss: Duration,
}

impl LatencyEstimate {
    /// A latency set by the user, which is not changed.
    pub fn fixed(latency: Duration) -> Self {
        Self {
            latency: Some(latency),
            fixed: true,
            ..Self::default()
        }
    }

    /// An estimate from the slowest response of a warm-up, with as many requests in flight as later on.
    pub fn measured(slowest: Duration) -> Self {
        Self {
            latency: Some(with_margin(slowest)),
            ..Self::default()
        }
    }

    /// The present estimate; `None` before the measurement, when no frame is late.
    pub fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// Records that a response took `took`. True if the estimate changed and the pipeline has to be notified.
    pub fn observe(&mut self, took: Duration) -> bool {
        if self.fixed || self.latency.is_none_or(|latency| took <= latency) {
            self.misses = 0;
            self.slowest_miss = Duration::ZERO;
            return false;
        }
        self.misses += 1;
        self.slowest_miss = self.slowest_miss.max(took);
        if self.misses < PATIENCE {
            return false;
        }
        *self = Self::measured(self.slowest_miss);
        true
    }
}

fn with_margin(latency: Duration) -> Duration {
    let wanted = latency.mul_f64(MARGIN);
    STEP * (wanted.as_nanos().div_ceil(STEP.as_nanos()).min(u128::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_measurement_gets_a_margin() {
        for (slowest, want) in [(0, 0), (1, 10), (8, 10), (9, 20), (100, 130), (200, 250)] {
            assert_eq!(
                LatencyEstimate::measured(ms(slowest)).latency(),
                Some(ms(want)),
                "{slowest} ms"
            );
        }
    }

    #[test]
    fn three_consecutive_late_responses_raise_it() {
        let mut estimate = LatencyEstimate::measured(ms(100));
        let changed: Vec<bool> = [200, 300, 90, 140, 200, 150, 100]
            .map(|took| estimate.observe(ms(took)))
            .into();
        assert_eq!(changed, [false, false, false, false, false, true, false]);
        assert_eq!(estimate.latency(), Some(ms(250)));
    }

    #[test]
    fn no_response_is_late_before_the_measurement() {
        let mut estimate = LatencyEstimate::default();
        assert!((0..10).all(|_| !estimate.observe(ms(500))));
        assert_eq!(estimate.latency(), None);
    }

    #[test]
    fn a_latency_set_by_the_user_is_kept() {
        let mut estimate = LatencyEstimate::fixed(ms(50));
        assert!((0..10).all(|_| !estimate.observe(ms(500))));
        assert_eq!(estimate.latency(), Some(ms(50)));
    }
}
