//! Calling the closures that users hand in, and keeping slow ends away from the threads that call them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::{Error, Reply};

/// What a user wants done with the answer to a request.
pub type Done = Box<dyn FnOnce(Result<Reply, Error>) + Send>;

thread_local! {
    /// Whether a user's closure is running on this thread.
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

/// Calls `done`. A panic in it has been reported by the panic hook; it must not unwind into Triton.
pub(crate) fn call(done: Done, result: Result<Reply, Error>) {
    let nested = CALLING.replace(true);
    let _panicked = catch_unwind(AssertUnwindSafe(|| done(result)));
    CALLING.set(nested);
}

/// Whether a user's closure is running on this thread.
pub(crate) fn is_calling() -> bool {
    CALLING.get()
}

/// Does `work` that may wait for requests to end: here, or on a thread of its own when a user's closure is running
/// on this one. Its request ends only when the closure returns: waiting for it here would never end.
pub(crate) fn outside(work: impl FnOnce() + Send + 'static) {
    if CALLING.get() {
        // Without a thread, `work` is dropped: what it owns is left as it is.
        let _detached = thread::Builder::new().name("triton-close".into()).spawn(work);
    } else {
        work();
    }
}
