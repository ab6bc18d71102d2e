//! Threads for what may wait for the network.

use std::thread;

use super::CAT;

/// Runs `work` on a thread of its own, which may wait for the network.
pub fn in_background(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name.into()).spawn(work) {
        gst::error!(CAT, "cannot start the thread {name}: {error}");
    }
}
