//! The signals that end a command, or tell it to look again.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C (SIGINT) or SIGTERM.
    End,
    /// SIGHUP: the terminal is gone, or a service is to read its settings again.
    HangUp,
}

/// Calls `handle` for each signal, on a thread of its own.
///
/// # Errors
/// The system refuses.
pub fn listen(mut handle: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let thread = thread::Builder::new().name("signals".into());
    let listen = move || {
        signals.forever().for_each(|signal| {
            handle(if signal == SIGHUP { Signal::HangUp } else { Signal::End });
        });
    };
    thread.spawn(listen).map(drop)
}
