//! Responses that are held back until a test releases them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::lock;

/// Held responses to one kind of call.
#[derive(Debug)]
pub struct Hold {
    asked: (Mutex<usize>, Condvar),
    released: Semaphore,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            asked: (Mutex::new(0), Condvar::new()),
            released: Semaphore::new(0),
        }
    }
}

impl Hold {
    /// Waits until a client has asked, at most `limit`, and returns whether one has.
    pub fn wait(&self, limit: Duration) -> bool {
        self.wait_for(1, limit)
    }

    /// Waits until clients have asked `times` times, at most `limit`, and returns whether they have.
    pub fn wait_for(&self, times: usize, limit: Duration) -> bool {
        let (asked, changed) = &self.asked;
        let waited = changed.wait_timeout_while(lock(asked), limit, |asked| *asked < times);
        *waited.unwrap_or_else(PoisonError::into_inner).0 >= times
    }

    /// Responds to the held and to all later calls.
    pub fn release(&self) {
        self.released.close();
    }

    pub(crate) async fn pass(&self) {
        *lock(&self.asked.0) += 1;
        self.asked.1.notify_all();
        let _closed = self.released.acquire().await;
    }
}
