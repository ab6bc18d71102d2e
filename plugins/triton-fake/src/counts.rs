//! What has happened at a server so far, and waiting for it to happen.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::lock;

/// What has happened at a server since it was first started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: usize,
    /// Those of them that are open now.
    pub open: usize,
    /// Inferences that were asked for.
    pub inferences: usize,
    /// Those of them that the client gave up before they were answered.
    pub cancelled: usize,
}

/// Counts that threads change and wait for.
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

    /// Waits until the counts are `as_wanted`, at most `limit`; whether they are.
    pub(crate) fn wait(&self, limit: Duration, as_wanted: impl Fn(&Counts) -> bool) -> bool {
        let counts = lock(&self.counts);
        let waited = self
            .changed
            .wait_timeout_while(counts, limit, |counts| !as_wanted(counts));
        let (counts, _) = waited.unwrap_or_else(PoisonError::into_inner);
        as_wanted(&counts)
    }
}
