//! Requests in flight. The callback of each is invoked exactly once, at its deadline at the latest.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cancel::CancelHandle;
use super::exit;
use crate::callback::{self, ResponseCallback};
use crate::memory::{BufferPool, LeaseHandle, LeaseState};
use crate::{Error, OnRelease, Response, lock};

/// A request from `infer` until Triton has both responded to it and released its memory.
pub(super) struct InFlightRequest {
    id: u64,
    table: Arc<InFlightRequests>,
    deadline: Option<Instant>,
    callback: Mutex<Option<ResponseCallback>>,
    /// The model, for messages.
    pub(super) model: Arc<str>,
    /// The pool of the outputs' memory.
    pub(super) outputs: Arc<BufferPool>,
    /// The leases of its inputs.
    leases: Vec<LeaseHandle>,
    /// Cancels the request in Triton.
    pub(super) handle: CancelHandle,
    /// Dropped, and so invoked, last.
    _on_release: Option<OnRelease>,
}

impl InFlightRequest {
    /// Invokes the callback, unless it has been invoked.
    pub(super) fn complete(&self, result: Result<Response, Error>) {
        let callback = lock(&self.callback).take();
        if let Some(callback) = callback {
            self.advance(LeaseState::Answered);
            callback::invoke(callback, result);
        }
    }

    /// The deadline has passed: cancels the request in Triton and invokes the callback. The memory stays in use until
    /// Triton releases the request.
    fn expire(&self) {
        // Taken before cancelling, since Triton may respond to the cancellation at once.
        let callback = lock(&self.callback).take();
        self.handle.cancel();
        if let Some(callback) = callback {
            self.advance(LeaseState::Quarantined);
            callback::invoke(callback, Err(Error::DeadlineExceeded));
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
        self.complete(Err(Error::ServerStopped)); // in case Triton has not responded
        let mut state = lock(&self.table.state);
        state.requests.remove(&self.id);
        if let Some(deadline) = self.deadline {
            state.deadlines.remove(&(deadline, self.id));
        }
        self.table.finished.notify_all();
    }
}

/// The requests in flight of one [`super::InProcessServer`].
#[derive(Default)]
pub(super) struct InFlightRequests {
    state: Mutex<State>,
    /// Notified when a request has finished.
    finished: Condvar,
    /// Notified when there is an earlier deadline, or the [`DeadlineThread`] is to end.
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
    /// A table whose requests are completed before the process exits.
    pub(super) fn new() -> Arc<Self> {
        let table: Arc<Self> = Arc::default();
        exit::add(&table);
        table
    }

    /// Adds a request, whose timeout starts now.
    ///
    /// # Errors
    /// Returns `callback` if the process is exiting.
    #[allow(clippy::too_many_arguments)] // the fields of a request
    pub(super) fn start(
        self: &Arc<Self>,
        model: Arc<str>,
        outputs: Arc<BufferPool>,
        leases: Vec<LeaseHandle>,
        handle: CancelHandle,
        timeout: Option<Duration>,
        on_release: Option<OnRelease>,
        callback: ResponseCallback,
    ) -> Result<Arc<InFlightRequest>, ResponseCallback> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock(&self.state);
        if exit::is_exiting() {
            return Err(callback);
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
            callback: Mutex::new(Some(callback)),
            model,
            outputs,
            leases,
            handle,
            _on_release: on_release,
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

    /// Cancels all requests that Triton is not executing yet.
    pub(super) fn cancel(&self) {
        for request in self.all() {
            request.handle.cancel();
        }
    }

    /// Fails every request without a response. The memory of those being executed stays in use.
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
            drop(state); // the callback may run next, and the request may end: both need the lock
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
            let _ = thread.join(); // it does not panic: panics of callbacks are caught
        }
    }
}
