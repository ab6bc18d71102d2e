//! Requests in flight. The callback of each is invoked exactly once: with the response, at its deadline or when its server
//! is closed. The request itself, and with it [`OnRelease`], lasts until Triton has responded to it and released it.

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
    /// Triton has responded, or never got the request: invokes the callback, unless it has been invoked.
    pub(super) fn complete(&self, result: Result<Response, Error>) {
        if let Some(callback) = self.take_callback() {
            self.advance(LeaseState::Answered);
            callback.invoke(result);
        }
    }

    /// Nobody waits for the response any more: cancels the request in Triton and invokes the callback with `why`. The
    /// memory stays in use until Triton releases the request.
    fn give_up(&self, why: Error) {
        // Taken before cancelling, since Triton may respond to the cancellation at once.
        let callback = self.take_callback();
        self.handle.cancel();
        if let Some(callback) = callback {
            self.advance(LeaseState::Quarantined);
            callback.invoke(Err(why));
        }
    }

    /// Whether its deadline has passed, even if the [`DeadlineThread`] has not noticed yet.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// The callback, unless it has been taken. It counts as being invoked until the result is dropped.
    fn take_callback(&self) -> Option<TakenCallback<'_>> {
        let counted = CountedInvocation::new(&self.table); // before it is taken: `close` must find either
        let callback = lock(&self.callback).take()?;
        Some(TakenCallback { callback, counted })
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
        drop(state);
        exit::request_ended();
    }
}

/// A callback to be invoked now.
struct TakenCallback<'a> {
    callback: ResponseCallback,
    counted: CountedInvocation<'a>,
}

impl TakenCallback<'_> {
    fn invoke(self, result: Result<Response, Error>) {
        callback::invoke(self.callback, result);
        drop(self.counted);
    }
}

/// Counts in the table as a callback being invoked.
struct CountedInvocation<'a>(&'a InFlightRequests);

impl<'a> CountedInvocation<'a> {
    fn new(table: &'a InFlightRequests) -> Self {
        lock(&table.state).invoking += 1;
        Self(table)
    }
}

impl Drop for CountedInvocation<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).invoking -= 1;
        self.0.invoked.notify_all();
    }
}

/// The requests in flight of one [`super::InProcessServer`].
#[derive(Default)]
pub(super) struct InFlightRequests {
    state: Mutex<State>,
    /// Notified when a callback has been invoked.
    invoked: Condvar,
    /// Notified when there is an earlier deadline, or the [`DeadlineThread`] is to end.
    earlier: Condvar,
}

#[derive(Default)]
struct State {
    next_id: u64,
    requests: HashMap<u64, Weak<InFlightRequest>>,
    deadlines: BTreeSet<(Instant, u64)>,
    ended: bool,
    /// Number of callbacks being invoked.
    invoking: usize,
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
    fn cancel(&self) {
        for request in self.all() {
            request.handle.cancel();
        }
    }

    /// Fails every request without a response and cancels it in Triton, without waiting for Triton: the requests keep
    /// their memory, and this table, until Triton releases them. Waits for callbacks that other threads are invoking, at
    /// most for `limit`.
    pub(super) fn close(&self, limit: Duration) {
        for request in self.all() {
            request.give_up(Error::ServerStopped);
        }
        let invoking = |state: &mut State| state.invoking > 0;
        let waited = self.invoked.wait_timeout_while(lock(&self.state), limit, invoking);
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
                request.give_up(Error::DeadlineExceeded);
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
