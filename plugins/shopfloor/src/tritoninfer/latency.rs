//! How long a live frame stays in the element: measured before it plays, raised when the truth turns out longer.

use std::time::Duration;

/// Answers this much slower than the measurement are still on time: the warm-up ran on an idle machine.
const MARGIN: f64 = 1.25;
/// So many answers in a row must miss the promise before it is changed: one hiccup is none of the pipeline's business.
const PATIENCE: usize = 3;
/// Promises are made in steps, so that a pipeline does not recalculate for a millisecond.
const STEP: Duration = Duration::from_millis(10);

/// The latency that the element answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Promise {
    promised: Option<Duration>,
    fixed: bool,
    misses: usize,
    slowest_miss: Duration,
}

impl Promise {
    /// What the user said, kept whatever happens.
    pub fn fixed(latency: Duration) -> Self {
        Self {
            promised: Some(latency),
            fixed: true,
            ..Self::default()
        }
    }

    /// From the slowest answer of a warm-up with as many requests in flight as there will be.
    pub fn measured(slowest: Duration) -> Self {
        Self {
            promised: Some(with_margin(slowest)),
            ..Self::default()
        }
    }

    /// The promise as it stands; `None` before it was measured, and then no frame is late.
    pub fn latency(&self) -> Option<Duration> {
        self.promised
    }

    /// An answer took `took`. True when the promise changed, and the pipeline must be told.
    pub fn observe(&mut self, took: Duration) -> bool {
        if self.fixed || self.promised.is_none_or(|promised| took <= promised) {
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
    fn a_measurement_gets_its_margin() {
        for (slowest, want) in [(0, 0), (1, 10), (8, 10), (9, 20), (100, 130), (200, 250)] {
            assert_eq!(Promise::measured(ms(slowest)).latency(), Some(ms(want)), "{slowest} ms");
        }
    }

    #[test]
    fn three_misses_in_a_row_change_it() {
        let mut promise = Promise::measured(ms(100));
        let told: Vec<bool> = [200, 300, 90, 140, 200, 150, 100]
            .map(|took| promise.observe(ms(took)))
            .into();
        assert_eq!(told, [false, false, false, false, false, true, false]);
        assert_eq!(promise.latency(), Some(ms(250)));
    }

    #[test]
    fn nothing_is_late_before_the_measurement() {
        let mut promise = Promise::default();
        assert!((0..10).all(|_| !promise.observe(ms(500))));
        assert_eq!(promise.latency(), None);
    }

    #[test]
    fn what_the_user_said_stays() {
        let mut promise = Promise::fixed(ms(50));
        assert!((0..10).all(|_| !promise.observe(ms(500))));
        assert_eq!(promise.latency(), Some(ms(50)));
    }
}
