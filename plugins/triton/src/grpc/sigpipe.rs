//! Keeps a server that closes its connection from ending the process by SIGPIPE.
#![allow(unsafe_code)]

use std::{mem, ptr};

/// Blocks SIGPIPE in this thread, so that writes to a closed connection fail instead. The signal would end programs
/// that do not ignore it, such as gst-launch-1.0. It is sent to the writing thread, so the process's own handling is
/// unchanged.
pub(super) fn block() {
    // SAFETY: a signal set of our own, filled before it is read; the mask is that of this thread only.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
    }
}
