//! A server that hangs up is no reason to end the process.
#![allow(unsafe_code)]

use std::{mem, ptr};

/// Has this thread's writes to a connection that is gone fail, in place of a SIGPIPE, which ends programs that do not
/// ignore it, such as gst-launch-1.0. The signal comes to the thread that writes; the process's handling stays.
pub(super) fn block() {
    // SAFETY: a signal set of our own, filled before it is read; the mask is this thread's alone.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
    }
}
