//! The open model, and whether it is being opened or read again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::open_model::OpenModel;

/// The open model, or the way to it.
#[derive(Default)]
pub struct Connection {
    state: Mutex<State>,
    /// One thread reads the model's contract again.
    rereading: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Incremented when the element leaves or enters NULL, so that threads of earlier times end.
    generation: u64,
    model: Option<Arc<OpenModel>>,
}

impl Connection {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open model; `None` while closed or connecting.
    pub fn open_model(&self) -> Option<Arc<OpenModel>> {
        self.lock().model.clone()
    }

    /// Whether the model's contract is being read again.
    pub fn is_rereading(&self) -> bool {
        self.rereading.load(Ordering::Acquire)
    }

    /// Begins to open a model; returns the number that its thread passes to [`Self::set`].
    pub fn begin(&self) -> u64 {
        let mut state = self.lock();
        state.generation += 1;
        state.generation
    }

    /// Sets the open model; false if the element has been closed meanwhile.
    pub fn set(&self, generation: u64, model: Arc<OpenModel>) -> bool {
        let replaced = {
            let mut state = self.lock();
            if state.generation != generation {
                return false;
            }
            state.model.replace(model)
        };
        drop(replaced); // after the lock is released
        true
    }

    /// Closes the model. Does not wait for threads that are opening it.
    pub fn close(&self) {
        let model = {
            let mut state = self.lock();
            state.generation += 1;
            state.model.take()
        };
        drop(model); // after the lock is released, since the last user of a server closes it
    }

    /// Whether `generation` is the present attempt.
    pub fn is_current(&self, generation: u64) -> bool {
        self.lock().generation == generation
    }

    /// The number of the present attempt.
    pub fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Marks that the contract is being read again; false if it is already.
    pub fn begin_rereading(&self) -> bool {
        !self.rereading.swap(true, Ordering::AcqRel)
    }

    /// The contract has been read.
    pub fn end_rereading(&self) {
        self.rereading.store(false, Ordering::Release);
    }
}
