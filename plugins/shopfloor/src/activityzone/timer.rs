//! A timer on the clock of a live pipeline, for what is due without a frame.
//!
//! Its thread waits for a clock id, without a lock, and calls back without one. While the pipeline is paused it waits for the
//! next change of state; a stop unschedules the id and waits for the thread's end.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use gst::prelude::*;

/// The timer of one element.
#[derive(Debug, Default)]
pub struct Timer {
    shared: Arc<Shared>,
    thread: Mutex<Option<Running>>,
}

/// Time for which a stop waits for a message handler that the call has led to. The handler may wait for the stop.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// The timer's thread.
#[derive(Debug)]
struct Running {
    id: ThreadId,
    /// Disconnected at the thread's end.
    end: Receiver<Infallible>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The clock, and its time at running time 0; `None` unless playing.
    clock: Option<(gst::Clock, gst::ClockTime)>,
    /// The running time at which to call back.
    due: Option<Duration>,
    /// What the thread waits for.
    waiting: Option<(Duration, gst::SingleShotClockId)>,
    stopped: bool,
    /// The number of stops so far; threads from before the latest one end.
    stops: u64,
}

impl Timer {
    /// Begins to run by the clock, as in PLAYING. `base` is the clock's time at running time 0.
    pub fn play(&self, clock: gst::Clock, base: gst::ClockTime) {
        let mut state = self.shared.state();
        state.stopped = false;
        state.clock = Some((clock, base));
        self.shared.changed.notify_all();
    }

    /// Stands still until [`play`](Self::play), as in PAUSED.
    pub fn pause(&self) {
        let mut state = self.shared.state();
        state.clock = None;
        state.unschedule();
    }

    /// Sets the running time at which `call` is due, instead of the one before; `None`: never. The thread begins with the first.
    pub fn set(&self, due: Option<Duration>, call: impl Fn() + Send + 'static) {
        let stops = {
            let mut state = self.shared.state();
            state.due = due;
            // If it is due later than the thread wakes up, the thread will see.
            let is_early_enough =
                due.is_none_or(|due| state.waiting.as_ref().is_some_and(|(waited, _)| *waited <= due));
            if state.stopped || due.is_none() && state.waiting.is_none() {
                return;
            }
            if !is_early_enough {
                state.unschedule();
                self.shared.changed.notify_all();
            }
            state.stops
        };
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if !thread.as_ref().is_some_and(Running::is_alive) {
            let (alive, end) = channel();
            let shared = self.shared.clone();
            let run = move || {
                shared.run(stops, &call);
                drop(alive);
            };
            let spawned = thread::Builder::new().name("activityzone-timer".into()).spawn(run);
            // Without a thread the states are those of the next frame.
            *thread = spawned.ok().map(|spawned| Running {
                id: spawned.thread().id(),
                end,
            });
        }
    }

    /// Ends the thread and waits for its end, for [`STOP_WAIT`] at most. Until the next [`play`](Self::play) nothing is due.
    pub fn stop(&self) {
        {
            let mut state = self.shared.state();
            state.stopped = true;
            state.stops += 1;
            state.due = None;
            state.clock = None;
            state.unschedule();
            self.shared.changed.notify_all();
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A stop that is made within the call must not wait for it.
        if let Some(thread) = thread.filter(|thread| thread.id != thread::current().id()) {
            let _ = thread.end.recv_timeout(STOP_WAIT);
        }
    }
}

impl Running {
    fn is_alive(&self) -> bool {
        self.end.try_recv() != Err(TryRecvError::Disconnected)
    }
}

impl State {
    fn unschedule(&self) {
        if let Some((_, id)) = &self.waiting {
            id.unschedule();
        }
    }

    fn next(&self) -> Option<(Duration, gst::SingleShotClockId)> {
        let (clock, base) = self.clock.as_ref()?;
        let due = self.due?;
        let time = *base + gst::ClockTime::try_from(due).ok()?;
        Some((due, clock.new_single_shot_id(time)))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's work until a stop beyond `stops`.
    fn run(&self, stops: u64, call: &impl Fn()) {
        while let Some((due, id)) = self.wait_for_next(stops) {
            let reached = match id.wait().0 {
                Ok(_) | Err(gst::ClockError::Early) => Some(true),
                Err(gst::ClockError::Unscheduled) => Some(false),
                // Of a clock that cannot be waited for nothing more is to be had.
                Err(_) => None,
            };
            let is_due = {
                let mut state = self.state();
                state.waiting = None;
                let is_due = reached == Some(true) && !state.stopped && state.due == Some(due);
                if is_due || reached.is_none() {
                    state.due = None;
                }
                is_due
            };
            if is_due {
                call();
            }
        }
    }

    /// What to wait for; `None` after a stop beyond `stops`.
    fn wait_for_next(&self, stops: u64) -> Option<(Duration, gst::SingleShotClockId)> {
        let mut state = self.state();
        loop {
            if state.stops != stops {
                return None;
            }
            state.waiting = state.next();
            if let Some(next) = &state.waiting {
                return Some(next.clone());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
