//! Requests in flight: each answered exactly once, at its deadline at the latest, and all gone before the server goes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::callbacks::Handle;
use crate::buffer::Pool;
use crate::done::{self, Done};
use crate::{Error, Reply, lock};

/// A request from `infer` until Triton has both answered it and let go of its memory.
pub(super) struct Flight {
    id: u64,
    table: Arc<Flights>,
    deadline: Option<Instant>,
    done: Mutex<Option<Done>>,
    /// The model, for messages.
    pub(super) model: Arc<str>,
    /// Where the outputs' memory comes from.
    pub(super) outputs: Arc<Pool>,
    /// Triton's side of the request.
    pub(super) handle: Handle,
}

impl Flight {
    /// Answers, unless that has been done.
    pub(super) fn complete(&self, result: Result<Reply, Error>) {
        let done = lock(&self.done).take();
        if let Some(done) = done {
            done::call(done, result);
        }
    }

    /// The deadline has passed: answers at once; Triton is asked to drop the request, and keeps its memory until it has.
    fn expire(&self) {
        // Taken before the cancellation, whose answer would otherwise be the first.
        let done = lock(&self.done).take();
        self.handle.cancel();
        if let Some(done) = done {
            done::call(done, Err(Error::DeadlineExceeded));
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.complete(Err(Error::ServerStopped)); // Triton has always answered by now; this makes it a certainty
        let mut state = lock(&self.table.state);
        state.flying.remove(&self.id);
        if let Some(deadline) = self.deadline {
            state.deadlines.remove(&(deadline, self.id));
        }
        self.table.landed.notify_all();
    }
}

/// All flights of a server.
#[derive(Default)]
pub(super) struct Flights {
    state: Mutex<State>,
    /// There is a flight less.
    landed: Condvar,
    /// There is an earlier deadline, or the watch ends.
    sooner: Condvar,
}

#[derive(Default)]
struct State {
    next_id: u64,
    /// Each with its model, which is not to be asked of the flight: it may end while it is asked, and needs this lock then.
    flying: HashMap<u64, (Arc<str>, Weak<Flight>)>,
    deadlines: BTreeSet<(Instant, u64)>,
    ended: bool,
}

impl Flights {
    /// A new flight; its deadline counts from now.
    pub(super) fn start(
        self: &Arc<Self>,
        model: Arc<str>,
        outputs: Arc<Pool>,
        handle: Handle,
        timeout: Option<Duration>,
        done: Done,
    ) -> Arc<Flight> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock(&self.state);
        let id = state.next_id;
        state.next_id += 1;
        let table = Arc::clone(self);
        let flight = Arc::new(Flight {
            id,
            table,
            deadline,
            done: Mutex::new(Some(done)),
            model: Arc::clone(&model),
            outputs,
            handle,
        });
        state.flying.insert(id, (model, Arc::downgrade(&flight)));
        if let Some(deadline) = deadline {
            state.deadlines.insert((deadline, id));
            if state.deadlines.first() == Some(&(deadline, id)) {
                self.sooner.notify_one();
            }
        }
        flight
    }

    /// Asks Triton to drop what it has not begun.
    pub(super) fn cancel(&self) {
        for flight in self.flying() {
            flight.handle.cancel();
        }
    }

    /// Answers everything that is left.
    pub(super) fn abandon(&self) {
        for flight in self.flying() {
            flight.complete(Err(Error::ServerStopped));
        }
    }

    /// Waits until no flight is left, at most until `limit`; whether that is so.
    pub(super) fn wait(&self, limit: Instant) -> bool {
        self.wait_for(|_| true, limit)
    }

    /// As [`Self::wait`], for the flights of one model.
    pub(super) fn wait_for_model(&self, model: &str, limit: Instant) -> bool {
        self.wait_for(|other| other == model, limit)
    }

    fn wait_for(&self, waited_for: impl Fn(&str) -> bool, limit: Instant) -> bool {
        let left = limit.saturating_duration_since(Instant::now());
        let busy = |state: &mut State| state.flying.values().any(|(model, _)| waited_for(model));
        let (state, timeout) = self
            .landed
            .wait_timeout_while(lock(&self.state), left, busy)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        !timeout.timed_out()
    }

    fn flying(&self) -> Vec<Arc<Flight>> {
        let state = lock(&self.state);
        state
            .flying
            .values()
            .filter_map(|(_, flight)| flight.upgrade())
            .collect()
    }

    /// Ends flights at their deadlines, until [`Watch`] ends.
    fn watch(&self) {
        let mut state = lock(&self.state);
        while !state.ended {
            let Some(&(deadline, id)) = state.deadlines.first() else {
                state = self.sooner.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                state = self
                    .sooner
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
                continue;
            }
            state.deadlines.remove(&(deadline, id));
            let flight = state.flying.get(&id).and_then(|(_, flight)| flight.upgrade());
            drop(state); // neither a user's closure nor the end of a flight may meet the lock
            if let Some(flight) = flight {
                flight.expire();
            }
            state = lock(&self.state);
        }
    }
}

/// The thread that keeps deadlines; dropping it ends the thread.
pub(super) struct Watch {
    flights: Arc<Flights>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn new(flights: &Arc<Flights>) -> std::io::Result<Self> {
        let watched = Arc::clone(flights);
        let thread = thread::Builder::new()
            .name("triton-deadline".into())
            .spawn(move || watched.watch())?;
        Ok(Self {
            flights: Arc::clone(flights),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&self.flights.state).ended = true;
        self.flights.sooner.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it does not panic: users' panics are caught
        }
    }
}
