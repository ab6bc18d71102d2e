//! Process exit while Triton's threads are running.
//!
//! `exit` runs the destructors of libtritonserver and libonnxruntime. A request that is being executed uses objects that
//! they free (Triton's metrics are a static object), and the process would end by SIGABRT or SIGSEGV; idle threads are
//! safe. So requests and loads are completed first, by an exit handler. It is registered after the libraries have been
//! initialised, and again after each load and after some requests, which may initialise more of them, since `exit` calls
//! handlers in reverse order. An example is the status of rejected requests, a static object in a function
//! (`FinishRejectedCancelledRequests` in `dynamic_batch_scheduler.cc`) that the first request of a model creates.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::{callback, lock};

/// Maximum time that exit waits for requests that are being executed. After that, the process ends without destructors.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval of the checks while exit waits.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(2);

static EXITING: AtomicBool = AtomicBool::new(false);

/// Number of requests that have ended since the last start or load.
static REQUESTS_ENDED: AtomicU64 = AtomicU64::new(0);

/// A table of requests in flight, as the end of the process sees it.
pub(super) trait Pending: Send + Sync {
    /// Cancels all requests.
    fn cancel(&self);

    /// How many requests are in flight.
    fn len(&self) -> usize;
}

/// The tables of requests in flight. A table lives at least as long as its requests.
static TABLES: Mutex<Vec<Weak<dyn Pending>>> = Mutex::new(Vec::new());

/// Keeps servers from starting and models from loading, for good; waits for those under way, at most until the limit, and
/// returns whether they have finished.
static FREEZE: OnceLock<fn(Instant) -> bool> = OnceLock::new();

unsafe extern "C" {
    /// As `atexit`, but the function receives the exit status.
    fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
}

/// Whether the process is exiting and requests are refused. Must be called under the lock of a table.
pub(super) fn is_exiting() -> bool {
    EXITING.load(Ordering::SeqCst)
}

/// Adds a table whose requests are completed before the process exits.
pub(super) fn add(table: &Arc<impl Pending + 'static>) {
    let mut tables = lock(&TABLES);
    tables.retain(|table| table.strong_count() > 0);
    let table = Arc::downgrade(table);
    tables.push(table);
}

/// A server has started or a model was loaded: registers the exit handler, so that requests and loads are completed
/// before the destructors of all libraries that are initialised so far.
pub(super) fn register(freeze: fn(Instant) -> bool) {
    FREEZE.get_or_init(|| freeze);
    REQUESTS_ENDED.store(0, Ordering::Relaxed);
    register_handler();
}

/// A request has ended. Registers the exit handler again after the 1st, 2nd, 4th, 8th … request since the last load:
/// requests initialise objects, nearly all of them the first ones, and each registration takes memory.
pub(super) fn request_ended() {
    let ended = REQUESTS_ENDED.fetch_add(1, Ordering::Relaxed) + 1;
    if ended.is_power_of_two() {
        register_handler();
    }
}

fn register_handler() {
    // SAFETY: the function may be called at any time; this code is never unloaded, since Triton has its addresses, too.
    // If out of memory, the earlier registration remains.
    let _ = unsafe { on_exit(at_exit, ptr::null_mut()) };
}

extern "C" fn at_exit(status: c_int, _argument: *mut c_void) {
    if !finish(Instant::now() + EXIT_TIMEOUT) {
        // The remaining destructors would free objects in use by a request.
        // SAFETY: ends the process as `exit` would, with its streams flushed.
        unsafe {
            libc::fflush(ptr::null_mut());
            libc::_exit(status);
        }
    }
}

/// Cancels all requests, refuses new ones, and waits until none is left and no model is loading. False if that takes
/// until
/// `limit`.
fn finish(limit: Instant) -> bool {
    // Only the first registration to be called has anything to do.
    if EXITING.swap(true, Ordering::SeqCst) {
        return true;
    }
    let tables: Vec<_> = lock(&TABLES).iter().filter_map(Weak::upgrade).collect();
    for table in &tables {
        table.cancel();
    }
    if FREEZE.get().is_some_and(|freeze| !freeze(limit)) {
        return false;
    }
    // If a callback ends the process, its own request never completes.
    let own = usize::from(callback::is_calling());
    while tables.iter().map(|table| table.len()).sum::<usize>() > own {
        if Instant::now() >= limit {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
    true
}
