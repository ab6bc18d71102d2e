//! A circuit breaker: whether something is used, and when it is tried again after it has failed. Pure: the time is an
//! argument.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};

type Delays = <ExponentialBuilder as BackoffBuilder>::Backoff;

/// How long a breaker stays open: exponential, with jitter, so that clients of one server do not return all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// For attempts that cost nobody anything: 100 ms at first, at most 900 ms with jitter, so that a server that is ready
    /// again is used within 1 s.
    Probe,
    /// For attempts that may cost a request its answer: 1 s at first, at most 60 s with jitter.
    Trial,
}

impl Pace {
    /// The delays, each with a jitter of up to its own length.
    fn delays(self) -> ExponentialBuilder {
        let (first, longest) = match self {
            Self::Probe => (Duration::from_millis(100), Duration::from_millis(450)),
            Self::Trial => (Duration::from_secs(1), Duration::from_secs(30)),
        };
        ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(longest)
            .without_max_times()
            .with_jitter()
    }
}

/// Closed: in use. Open: not in use until a time. Half-open: one attempt is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Open { until: Instant },
    HalfOpen,
}

/// The breaker of one address, or of one model at an address.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// The delays since it was last closed.
    delays: Option<(Pace, Delays)>,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed,
            delays: None,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// A failure: opens it for the next, longer delay of `pace`.
    pub(super) fn open(&mut self, pace: Pace, now: Instant) {
        let known = self.delays.take().filter(|(known, _)| *known == pace);
        let (_, delays) = self
            .delays
            .insert(known.unwrap_or_else(|| (pace, pace.delays().build())));
        let delay = delays.next().unwrap_or_default(); // the delays do not end
        self.state = State::Open { until: now + delay };
    }

    /// A success: closes it.
    pub(super) fn close(&mut self) {
        *self = Self::new();
    }

    /// A success that may not last: closes it, and the next failure opens it for longer.
    pub(super) fn close_for_now(&mut self) {
        self.state = State::Closed;
    }

    /// Whether the caller may make the one attempt now; then it has to report its success or failure.
    pub(super) fn attempt(&mut self, now: Instant) -> bool {
        let due = matches!(self.state, State::Open { until } if until <= now);
        if due {
            self.state = State::HalfOpen;
        }
        due
    }

    /// An attempt that says nothing about success or failure is made again at once.
    pub(super) fn forget_attempt(&mut self, now: Instant) {
        if self.state == State::HalfOpen {
            self.state = State::Open { until: now };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay_after(breaker: &mut Breaker, pace: Pace, now: Instant) -> Duration {
        breaker.open(pace, now);
        match breaker.state() {
            State::Open { until } => until - now,
            state => panic!("{state:?}"),
        }
    }

    #[test]
    fn delays_grow_to_their_limit_with_jitter() {
        let check = |pace: Pace, expected: &[u64]| {
            let now = Instant::now();
            let sequences: Vec<Vec<Duration>> = (0..50)
                .map(|_| {
                    let mut breaker = Breaker::new();
                    expected.iter().map(|_| delay_after(&mut breaker, pace, now)).collect()
                })
                .collect();
            for (step, &millis) in expected.iter().enumerate() {
                let shortest = Duration::from_millis(millis);
                for delay in sequences.iter().map(|sequence| sequence[step]) {
                    assert!(
                        (shortest..2 * shortest).contains(&delay),
                        "{pace:?}, failure {step}: {delay:?}"
                    );
                }
                let differ = sequences.iter().any(|sequence| sequence[step] != sequences[0][step]);
                assert!(differ, "{pace:?}, failure {step}: without jitter");
            }
        };
        check(Pace::Probe, &[100, 200, 400, 450, 450, 450]);
        check(Pace::Trial, &[1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn one_attempt_is_made_once_the_delay_has_passed() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        assert!(!breaker.attempt(now), "a closed breaker needs no attempt");
        let delay = delay_after(&mut breaker, Pace::Trial, now);
        assert!(!breaker.attempt(now + delay - Duration::from_nanos(1)));
        assert!(breaker.attempt(now + delay));
        assert_eq!(breaker.state(), State::HalfOpen);
        assert!(!breaker.attempt(now + delay), "one at a time");
        breaker.forget_attempt(now + delay);
        assert!(breaker.attempt(now + delay), "the attempt said nothing");
        let longer = delay_after(&mut breaker, Pace::Trial, now);
        assert!(longer >= Duration::from_secs(2), "{longer:?}");
        breaker.close();
        breaker.forget_attempt(now);
        assert!(breaker.is_closed());
        assert!(delay_after(&mut breaker, Pace::Trial, now) < Duration::from_secs(2));
    }

    #[test]
    fn a_success_that_does_not_last_keeps_the_delays() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        delay_after(&mut breaker, Pace::Probe, now);
        breaker.close_for_now();
        assert!(breaker.is_closed());
        let longer = delay_after(&mut breaker, Pace::Probe, now);
        assert!(longer >= Duration::from_millis(200), "{longer:?}");
    }

    #[test]
    fn another_pace_begins_with_its_shortest_delay() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        for _ in 0..5 {
            breaker.open(Pace::Trial, now);
        }
        assert!(delay_after(&mut breaker, Pace::Probe, now) < Duration::from_millis(200));
    }
}
