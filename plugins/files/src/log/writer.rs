//! The log's thread: it writes lines, and tries again where that fails.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use nix::sys::signal::{SigSet, Signal};

use super::file::{LogFile, Trouble, is_mistake};
use super::queue::{Queue, Try};
use super::{Notice, Notify, Options};

/// How often a pipe that is full is tried.
const BUSY: Duration = Duration::from_millis(20);

/// What the thread works with.
pub struct Writer {
    pub file: LogFile,
    pub queue: Arc<Queue>,
    pub notify: Notify,
    pub options: Options,
}

impl Writer {
    /// Writes lines until the log is closed.
    pub fn run(&mut self) {
        block_signals();
        let mut said = false;
        match self.file.open() {
            Err(error) if is_mistake(&error) => return self.queue.set_opened(Err(error)),
            Err(error) => {
                said = true;
                self.queue.set_opened(Ok(()));
                self.say(Trouble::of_open(error).notice());
            }
            Ok(()) => self.queue.set_opened(Ok(())),
        }
        while let Some(line) = self.queue.next() {
            if !self.write(&line, &mut said) {
                return self.queue.abandon();
            }
        }
    }

    /// Writes one line, however often it takes; false if the log was closed before it was written. `said` is whether
    /// trouble was reported that has not ended.
    fn write(&mut self, line: &[u8], said: &mut bool) -> bool {
        let mut pauses = pauses();
        let mut is_last = false;
        loop {
            match self.file.append(line) {
                Ok(None) => {
                    self.say(self.queue.written(std::mem::take(said)));
                    return true;
                }
                // The line is written, the trouble remains.
                Ok(Some(elsewhere)) => {
                    self.say(self.queue.written(false));
                    self.say_once(said, elsewhere.notice());
                    return true;
                }
                Err(trouble) => {
                    let is_busy = trouble.is_busy();
                    self.say_once(said, trouble.notice());
                    let pause = if is_busy {
                        BUSY
                    } else {
                        pauses.next().unwrap_or_default()
                    };
                    match self.queue.wait_to_try(pause, is_busy) {
                        Try::Again => {}
                        Try::Once if !is_last => is_last = true,
                        Try::Once | Try::Never => return false,
                    }
                }
            }
        }
    }

    fn say_once(&self, said: &mut bool, notice: Option<Notice>) {
        if notice.is_some() && !std::mem::replace(said, true) {
            self.say(notice);
        }
    }

    fn say(&self, notice: Option<Notice>) {
        if let Some(notice) = notice {
            (self.notify)(&self.options, notice);
        }
    }
}

/// The pauses before a line is tried again.
fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(10))
        .without_max_times()
        .build()
}

/// Blocks, in this thread, the signals of a write to a pipe without a reader (SIGPIPE) and beyond a limit of file sizes
/// (SIGXFSZ), so that the write fails instead. They are sent to the thread that writes, and would end programs that do not
/// handle them, such as gst-launch-1.0.
fn block_signals() {
    let signals: SigSet = [Signal::SIGPIPE, Signal::SIGXFSZ].into_iter().collect();
    // It fails only for a wrong argument.
    let _ = signals.thread_block();
}
