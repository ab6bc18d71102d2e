//! When `shopfloor server --restart` starts Triton again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Delay before the first restart; each further one is twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// Longest delay. Jitter adds up to once the delay, so that several servers do not start at the same moment.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A server that was ready for so long is healthy: the delays start anew.
const HEALTHY: Duration = Duration::from_secs(60);

/// Counts failures and gives the delays before the restarts.
pub struct Restarts {
    delays: ExponentialBackoff,
    was_ready: bool,
}

impl Restarts {
    pub fn new() -> Self {
        Self {
            delays: delays(),
            was_ready: false,
        }
    }

    /// Time until the next start after a run that was ready for `ready`, `None` if it never was. No result: Triton has
    /// never been ready with these options, so a further start would fail as well.
    pub fn delay(&mut self, ready: Option<Duration>) -> Option<Duration> {
        self.was_ready |= ready.is_some();
        if !self.was_ready {
            return None;
        }
        if ready.is_some_and(|ready| ready >= HEALTHY) {
            self.delays = delays();
        }
        self.delays.next()
    }
}

fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without jitter, `expected` is the delay; with it, up to twice as much.
    #[track_caller]
    fn check(restarts: &mut Restarts, ready: Option<u64>, expected: f32) {
        let delay = restarts
            .delay(ready.map(Duration::from_secs))
            .expect("a restart")
            .as_secs_f32();
        assert!(
            (expected..=2.0 * expected).contains(&delay),
            "{delay}, expected {expected} or up to twice as much"
        );
    }

    #[test]
    fn delays_grow_without_end_until_the_server_was_healthy() {
        let mut restarts = Restarts::new();
        check(&mut restarts, Some(0), 0.5);
        check(&mut restarts, None, 1.0);
        check(&mut restarts, Some(59), 2.0);
        for expected in [4.0, 8.0, 16.0].into_iter().chain([30.0; 100]) {
            check(&mut restarts, None, expected);
        }
        check(&mut restarts, Some(60), 0.5);
        check(&mut restarts, None, 1.0);
    }

    #[test]
    fn a_server_that_was_never_ready_is_not_started_again() {
        assert_eq!(Restarts::new().delay(None), None);
    }
}
