//! Calling the closures that users hand in, and keeping waits away from the threads that call them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::{Error, Response};

/// Gets the response to a request, or the error in its place.
pub type ResponseCallback = Box<dyn FnOnce(Result<Response, Error>) + Send>;

thread_local! {
    /// Whether a user's closure is running on this thread.
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

/// Calls `callback`. A panic in it has been reported by the panic hook; it must not unwind into Triton.
pub(crate) fn invoke(callback: ResponseCallback, result: Result<Response, Error>) {
    let nested = CALLING.replace(true);
    let _panicked = catch_unwind(AssertUnwindSafe(|| callback(result)));
    CALLING.set(nested);
}

/// Whether a user's closure is running on this thread.
pub(crate) fn is_calling() -> bool {
    CALLING.get()
}

/// Does `work` that may wait for requests to end: here, or on a thread of its own when a user's closure is running on
/// this one. The closure's own request ends only when it returns, so waiting for it here would never end.
pub(crate) fn run_outside_callback(work: impl FnOnce() + Send + 'static) {
    if is_calling() {
        // Without a thread, `work` is dropped: what it owns is left as it is.
        let _detached = thread::Builder::new().name("triton-close".into()).spawn(work);
    } else {
        work();
    }
}
