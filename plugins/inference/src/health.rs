//! Whether inference works, and when a change of that is worth a message.

use std::time::{Duration, Instant};

/// Whether inference works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The server or the model has not responded yet.
    #[default]
    Connecting,
    /// Requests succeed.
    Ready,
    /// Requests fail, but may succeed again.
    Degraded,
    /// The set-up has to be corrected.
    Failed,
}

impl State {
    /// Its name in `status` and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

/// A failure within this time after a recovery makes the next recovery wait.
const FLAPPING: Duration = Duration::from_secs(10);
/// Time of uninterrupted success before a recovery is reported while failures come and go: it doubles up to the second
/// value.
const HOLD_OFF: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// The state, with its reason. Changes are reported at edges; failures that come and go are one condition.
#[derive(Clone, Debug, Default)]
pub struct Health {
    state: State,
    reason: Option<String>,
    recovered: Option<Instant>,
    hold_off: Duration,
    /// When the present run of successes began, during a failure.
    succeeding: Option<Instant>,
}

impl Health {
    /// The present state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why it is not ready.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Records a failure; true if it is to be reported.
    pub fn failed(&mut self, now: Instant, reason: &str) -> bool {
        let edge = match self.state {
            State::Connecting => self.reason.is_none(),
            State::Ready => true,
            State::Degraded | State::Failed => false,
        };
        if self.state == State::Ready {
            let flapping = self
                .recovered
                .is_some_and(|recovered| now < recovered + FLAPPING + self.hold_off);
            self.hold_off = match flapping {
                true => (self.hold_off * 2).clamp(HOLD_OFF.0, HOLD_OFF.1),
                false => Duration::ZERO,
            };
            self.state = State::Degraded;
        }
        self.succeeding = None;
        self.reason = Some(reason.to_owned());
        edge
    }

    /// Records that the set-up has to be corrected; true if it is to be reported.
    pub fn ended(&mut self, reason: &str) -> bool {
        self.reason = Some(reason.to_owned());
        std::mem::replace(&mut self.state, State::Failed) != State::Failed
    }

    /// Records a success. The reason of the failure that has ended, if that is to be reported.
    pub fn succeeded(&mut self, now: Instant) -> Option<String> {
        if matches!(self.state, State::Ready | State::Failed) {
            return None;
        }
        let since = *self.succeeding.get_or_insert(now);
        if now < since + self.hold_off {
            return None;
        }
        self.state = State::Ready;
        self.succeeding = None;
        let reason = self.reason.take();
        if reason.is_some() {
            self.recovered = Some(now);
        }
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_failure_and_its_end_are_reported_once() {
        let (mut health, now) = (Health::default(), Instant::now());
        assert_eq!(health.state(), State::Connecting);
        assert_eq!(health.succeeded(now), None);
        assert!(health.failed(now, "a") && !health.failed(now, "b"));
        assert_eq!((health.state(), health.reason()), (State::Degraded, Some("b")));
        assert_eq!(health.succeeded(now).as_deref(), Some("b"));
        assert_eq!((health.state(), health.reason()), (State::Ready, None));
    }

    #[test]
    fn a_server_that_is_not_there_at_the_start_is_reported_once() {
        let (mut health, now) = (Health::default(), Instant::now());
        assert!(health.failed(now, "refused") && !health.failed(now, "refused"));
        assert_eq!(health.state(), State::Connecting);
        assert_eq!(health.succeeded(now).as_deref(), Some("refused"));
    }

    #[test]
    fn failures_that_come_and_go_are_reported_ever_more_rarely() {
        let (mut health, start) = (Health::default(), Instant::now());
        health.succeeded(start);
        let (mut warnings, mut infos) = (0, 0);
        for n in 0..600 {
            let now = start + ms(100 * n);
            warnings += u32::from(n % 2 == 0 && health.failed(now, "poison"));
            infos += u32::from(n % 2 == 1 && health.succeeded(now).is_some());
        }
        assert_eq!((warnings, infos), (2, 1), "in a minute of a failure every 200 ms");
    }

    #[test]
    fn after_a_calm_time_the_next_recovery_is_reported_at_once_again() {
        let (mut health, start) = (Health::default(), Instant::now());
        for n in 0..20 {
            let now = start + ms(20_000 * n);
            assert!(n == 0 || health.state() == State::Ready);
            assert!(health.failed(now, "away"), "{n}");
            assert!(health.succeeded(now + ms(5)).is_some(), "{n}");
        }
    }

    #[test]
    fn the_end_is_final() {
        let (mut health, now) = (Health::default(), Instant::now());
        assert!(health.ended("wrong shape") && !health.ended("wrong shape"));
        assert!(!health.failed(now, "away") && health.succeeded(now).is_none());
        assert_eq!(health.state(), State::Failed);
    }
}
