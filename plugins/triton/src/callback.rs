//! Invocation of the response callbacks of users, and work that must not run inside of one.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::{Error, Response};

/// Receives the response to a request, or the error.
pub type ResponseCallback = Box<dyn FnOnce(Result<Response, Error>) + Send>;

thread_local! {
    /// Whether a callback is running on this thread.
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

/// Invokes `callback`. A panic in it is reported by the panic hook and stopped here: it must not unwind into Triton.
pub(crate) fn invoke(callback: ResponseCallback, result: Result<Response, Error>) {
    let nested = CALLING.replace(true);
    let _panicked = catch_unwind(AssertUnwindSafe(|| callback(result)));
    CALLING.set(nested);
}

/// Whether a callback is running on this thread.
pub(crate) fn is_calling() -> bool {
    CALLING.get()
}

/// Runs `work` that may wait for requests to end: on this thread, or on a new one if a callback is running on this
/// thread. The callback's own request ends only when it returns, so waiting for it here would never end.
pub(crate) fn run_outside_callback(work: impl FnOnce() + Send + 'static) {
    if is_calling() {
        // If no thread can be started, `work` is dropped without having run.
        let _detached = thread::Builder::new().name("triton-close".into()).spawn(work);
    } else {
        work();
    }
}
