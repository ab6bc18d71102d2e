//! Delays between attempts: each twice as long as the one before, up to a longest one. Jitter adds up to once the delay, so that
//! several do not start at the same moment.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The delays of one thing that is attempted again.
pub struct Backoff {
    builder: ExponentialBuilder,
    delays: ExponentialBackoff,
}

impl Backoff {
    /// Delays from `first` to `longest`, without the jitter.
    pub fn new(first: Duration, longest: Duration) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(longest)
            .without_max_times()
            .with_jitter();
        Self {
            builder,
            delays: builder.build(),
        }
    }

    /// The next delay. There is always one.
    pub fn delay(&mut self) -> Duration {
        self.delays.next().unwrap_or_default()
    }

    /// Begins with the first delay again.
    pub fn reset(&mut self) {
        self.delays = self.builder.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without jitter, `expected` is the delay in seconds; with it, up to twice as much.
    #[track_caller]
    fn check(backoff: &mut Backoff, expected: f32) {
        let delay = backoff.delay().as_secs_f32();
        assert!(
            (expected..=2.0 * expected).contains(&delay),
            "{delay}, expected {expected} or up to twice as much"
        );
    }

    #[test]
    fn delays_grow_without_end_until_the_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        for expected in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0].into_iter().chain([30.0; 100]) {
            check(&mut backoff, expected);
        }
        backoff.reset();
        check(&mut backoff, 0.5);
        check(&mut backoff, 1.0);
    }
}
