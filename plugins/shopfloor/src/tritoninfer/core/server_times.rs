//! The server's own times of a model, read in the background: how long requests were queued and executed there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use triton::{StatisticDuration, Statistics};

use super::background::in_background;
use super::open_model::OpenModel;

/// Least time between two readings.
const INTERVAL: Duration = Duration::from_secs(1);

/// Means of the server's times since the element opened the model; they include requests of other clients.
#[derive(Default)]
pub struct ServerTimes {
    state: Mutex<State>,
    reading: AtomicBool,
}

#[derive(Default)]
struct State {
    read: Option<Instant>,
    first: Times,
    latest: Times,
}

/// Cumulative times of all versions of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// Waiting for an instance of the model.
    pub queue: StatisticDuration,
    /// Execution, with the preparation of inputs and outputs.
    pub compute: StatisticDuration,
}

impl Times {
    fn of(statistics: &[Statistics]) -> Self {
        let sum = |part: fn(&Statistics) -> &StatisticDuration| StatisticDuration {
            count: statistics.iter().map(|version| part(version).count).sum(),
            time: statistics.iter().map(|version| part(version).time).sum(),
        };
        let infer = sum(|version| &version.compute_infer);
        let (input, output) = (
            sum(|version| &version.compute_input),
            sum(|version| &version.compute_output),
        );
        Self {
            queue: sum(|version| &version.queue),
            compute: StatisticDuration {
                count: infer.count,
                time: infer.time + input.time + output.time,
            },
        }
    }

    /// The difference to an earlier reading; a server that was restarted counts from zero.
    fn since(&self, first: &Self) -> Self {
        let difference = |now: StatisticDuration, then: StatisticDuration| match now.count.checked_sub(then.count) {
            Some(count) => StatisticDuration {
                count,
                time: now.time.saturating_sub(then.time),
            },
            None => now,
        };
        Self {
            queue: difference(self.queue, first.queue),
            compute: difference(self.compute, first.compute),
        }
    }
}

impl ServerTimes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything; called when the model is opened.
    pub fn reset(&self) {
        *self.lock() = State::default();
    }

    /// The times up to the latest reading.
    pub fn get(&self) -> Times {
        let state = self.lock();
        state.latest.since(&state.first)
    }

    /// Reads the times in the background, unless that was done a moment ago.
    pub fn refresh(self: &Arc<Self>, open: &Arc<OpenModel>) {
        let is_recent = self.lock().read.is_some_and(|read| read.elapsed() < INTERVAL);
        if is_recent || self.reading.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, open) = (Arc::clone(self), Arc::downgrade(open));
        in_background("triton-statistics", move || {
            let statistics = open.upgrade().and_then(|open| {
                let model = open.session.model();
                model.server().statistics(&model.description().model).ok()
            });
            if let Some(statistics) = statistics {
                this.add(Times::of(&statistics));
            }
            this.reading.store(false, Ordering::Release);
        });
    }

    fn add(&self, times: Times) {
        let mut state = self.lock();
        if state.read.replace(Instant::now()).is_none() {
            state.first = times;
        }
        state.latest = times;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(count: u64, queue: u64, compute: u64) -> Times {
        let duration = |ms| StatisticDuration {
            count,
            time: Duration::from_millis(ms),
        };
        Times {
            queue: duration(queue),
            compute: duration(compute),
        }
    }

    #[test]
    fn times_count_since_the_first_reading_and_from_zero_after_a_restart() {
        let server = ServerTimes::default();
        server.add(times(100, 1000, 9000));
        assert_eq!(server.get(), times(0, 0, 0));
        server.add(times(110, 1050, 9900));
        assert_eq!(server.get(), times(10, 50, 900));
        server.add(times(4, 8, 360));
        assert_eq!(server.get(), times(4, 8, 360));
    }
}
