//! When `shopfloor server --restart` starts Triton again.

use std::time::Duration;

use crate::backoff::Backoff;

/// Delay before the first restart; each further one is twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// Longest delay, without jitter.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A server that was ready for so long is healthy: the delays start anew.
const HEALTHY: Duration = Duration::from_secs(60);

/// Counts failures and gives the delays before the restarts.
pub struct Restarts {
    backoff: Backoff,
    was_ready: bool,
}

impl Restarts {
    pub fn new() -> Self {
        Self {
            backoff: Backoff::new(FIRST_DELAY, LONGEST_DELAY),
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
            self.backoff.reset();
        }
        Some(self.backoff.delay())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_start_anew_once_the_server_was_healthy() {
        let mut restarts = Restarts::new();
        // Seconds for which it was ready, and the delay without jitter; with it, up to twice as much.
        for (ready, expected) in [
            (Some(0), 0.5),
            (None, 1.0),
            (Some(59), 2.0),
            (None, 4.0),
            (Some(60), 0.5),
            (None, 1.0),
        ] {
            let delay = restarts.delay(ready.map(Duration::from_secs)).expect("a restart");
            assert!(
                (expected..=2.0 * expected).contains(&delay.as_secs_f32()),
                "{ready:?}: {delay:?}"
            );
        }
    }

    #[test]
    fn a_server_that_was_never_ready_is_not_started_again() {
        assert_eq!(Restarts::new().delay(None), None);
    }
}
