//! Counts of connections and requests, and waiting for them to change.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::lock;

/// Connections and requests of a server since it was first started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted connections.
    pub connections: usize,
    /// Connections that are open now.
    pub open: usize,
    /// ServerReady requests.
    pub ready: usize,
    /// Calls for a model's metadata or configuration that [`fail_descriptions`](crate::Server::fail_descriptions) failed.
    pub undescribed: usize,
    /// Inference requests, including those that were refused.
    pub inferences: usize,
    /// Inference requests that the client cancelled before they were answered.
    pub cancelled: usize,
}

/// Counts shared by threads that change them or wait for them.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    counts: Mutex<Counts>,
    changed: Condvar,
}

impl Counter {
    pub(crate) fn get(&self) -> Counts {
        *lock(&self.counts)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut lock(&self.counts));
        self.changed.notify_all();
    }

    /// Waits until the counts meet `condition`, at most `limit`, and returns whether they do.
    pub(crate) fn wait(&self, limit: Duration, condition: impl Fn(&Counts) -> bool) -> bool {
        let counts = lock(&self.counts);
        let waited = self
            .changed
            .wait_timeout_while(counts, limit, |counts| !condition(counts));
        let (counts, _) = waited.unwrap_or_else(PoisonError::into_inner);
        condition(&counts)
    }
}
