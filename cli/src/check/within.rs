//! Work that may wait for a disk or a server, with a limit of time. Where it is over, its thread is left.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// What is said of a file or folder that was not read in time.
pub const SLOW_DISK: &str = "its disk does not respond in time";

/// Runs `work` on a thread; `None` if it is not done in time.
pub fn limit<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    start(work).recv_timeout(limit).ok()
}

/// Runs `work` on a thread, which sends its result.
pub fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    // Without a thread nothing is sent, as when it takes too long.
    let _ = thread::Builder::new().name("check".into()).spawn(move || {
        // Afterwards nobody listens.
        let _ = sender.send(work());
    });
    receiver
}
