//! Requests in flight: each answered exactly once, at its deadline at the latest.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cancel::CancelHandle;
use super::exit;
use crate::callback::{self, ResponseCallback};
use crate::memory::{BufferPool, LeaseHandle, LeaseState};
use crate::{Error, Response, lock};

/// A request from `infer` until Triton has both responded to it and released its memory.
pub(super) struct InFlightRequest {
    id: u64,
    table: Arc<InFlightRequests>,
    deadline: Option<Instant>,
    done: Mutex<Option<ResponseCallback>>,
    /// The model, for messages.
    pub(super) model: Arc<str>,
    /// Where the outputs' memory comes from.
    pub(super) outputs: Arc<BufferPool>,
    /// The memory of its inputs.
    leases: Vec<LeaseHandle>,
    /// Cancels the request in Triton.
    pub(super) handle: CancelHandle,
}

impl InFlightRequest {
    /// Answers the request, unless it has been answered.
    pub(super) fn complete(&self, result: Result<Response, Error>) {
        let done = lock(&self.done).take();
        if let Some(done) = done {
            self.advance(LeaseState::Answered);
            callback::invoke(done, result);
        }
    }

    /// The deadline has passed: answers at once. Triton is asked to drop the request, and keeps its memory until it has.
    fn expire(&self) {
        // Taken before the cancellation, whose response would otherwise be the first.
        let done = lock(&self.done).take();
        self.handle.cancel();
        if let Some(done) = done {
            self.advance(LeaseState::Quarantined);
            callback::invoke(done, Err(Error::DeadlineExceeded));
        }
    }

    fn advance(&self, to: LeaseState) {
        for lease in &self.leases {
            lease.advance(to);
        }
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.complete(Err(Error::ServerStopped)); // Triton has always responded by now; this makes it a certainty
        let mut state = lock(&self.table.state);
        state.requests.remove(&self.id);
        if let Some(deadline) = self.deadline {
            state.deadlines.remove(&(deadline, self.id));
        }
        self.table.finished.notify_all();
    }
}

/// The requests in flight of one user of a server.
#[derive(Default)]
pub(super) struct InFlightRequests {
    state: Mutex<State>,
    /// A request has finished.
    finished: Condvar,
    /// There is an earlier deadline, or the [`DeadlineThread`] ends.
    earlier: Condvar,
}

#[derive(Default)]
struct State {
    next_id: u64,
    requests: HashMap<u64, Weak<InFlightRequest>>,
    deadlines: BTreeSet<(Instant, u64)>,
    ended: bool,
}

impl InFlightRequests {
    /// A table whose requests finish before the process ends.
    pub(super) fn new() -> Arc<Self> {
        let table: Arc<Self> = Arc::default();
        exit::add(&table);
        table
    }

    /// Adds a request; its deadline counts from now.
    ///
    /// # Errors
    /// `done`, when the process is ending.
    pub(super) fn start(
        self: &Arc<Self>,
        model: Arc<str>,
        outputs: Arc<BufferPool>,
        leases: Vec<LeaseHandle>,
        handle: CancelHandle,
        timeout: Option<Duration>,
        done: ResponseCallback,
    ) -> Result<Arc<InFlightRequest>, ResponseCallback> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock(&self.state);
        if exit::is_exiting() {
            return Err(done);
        }
        for lease in &leases {
            lease.advance(LeaseState::InFlight);
        }
        let id = state.next_id;
        state.next_id += 1;
        let request = Arc::new(InFlightRequest {
            id,
            table: Arc::clone(self),
            deadline,
            done: Mutex::new(Some(done)),
            model,
            outputs,
            leases,
            handle,
        });
        state.requests.insert(id, Arc::downgrade(&request));
        if let Some(deadline) = deadline {
            state.deadlines.insert((deadline, id));
            if state.deadlines.first() == Some(&(deadline, id)) {
                self.earlier.notify_one();
            }
        }
        Ok(request)
    }

    /// Asks Triton to drop what it has not begun.
    pub(super) fn cancel(&self) {
        for request in self.all() {
            request.handle.cancel();
        }
    }

    /// Answers every request that has not been answered. Triton keeps the memory of those that it is executing.
    pub(super) fn abandon(&self) {
        for request in self.all() {
            request.complete(Err(Error::ServerStopped));
        }
    }

    /// Waits until no request is in flight, at most until `limit`.
    pub(super) fn wait(&self, limit: Instant) {
        let left = limit.saturating_duration_since(Instant::now());
        let busy = |state: &mut State| !state.requests.is_empty();
        let waited = self.finished.wait_timeout_while(lock(&self.state), left, busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn all(&self) -> Vec<Arc<InFlightRequest>> {
        let state = lock(&self.state);
        state.requests.values().filter_map(Weak::upgrade).collect()
    }

    /// Expires requests at their deadlines, until the [`DeadlineThread`] ends.
    fn watch_deadlines(&self) {
        let mut state = lock(&self.state);
        while !state.ended {
            let Some(&(deadline, id)) = state.deadlines.first() else {
                state = self.earlier.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                state = self
                    .earlier
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
                continue;
            }
            state.deadlines.remove(&(deadline, id));
            let request = state.requests.get(&id).and_then(Weak::upgrade);
            drop(state); // a user's closure may run next, and the request may end: both need the lock
            if let Some(request) = request {
                request.expire();
            }
            state = lock(&self.state);
        }
    }
}

impl exit::Pending for InFlightRequests {
    fn cancel(&self) {
        Self::cancel(self);
    }

    fn len(&self) -> usize {
        lock(&self.state).requests.len()
    }
}

/// The thread that expires requests at their deadlines; dropping it ends the thread.
pub(super) struct DeadlineThread {
    requests: Arc<InFlightRequests>,
    thread: Option<JoinHandle<()>>,
}

impl DeadlineThread {
    pub(super) fn start(requests: &Arc<InFlightRequests>) -> std::io::Result<Self> {
        let watched = Arc::clone(requests);
        let thread = thread::Builder::new()
            .name("triton-deadline".into())
            .spawn(move || watched.watch_deadlines())?;
        Ok(Self {
            requests: Arc::clone(requests),
            thread: Some(thread),
        })
    }
}

impl Drop for DeadlineThread {
    fn drop(&mut self) {
        lock(&self.requests.state).ended = true;
        self.requests.earlier.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it does not panic: users' panics are caught
        }
    }
}
