//! A log of whole lines that never blocks its writer.
//!
//! Lines are queued, and written by a thread of the log's own, one `write(2)` with `O_APPEND` a line. What the thread
//! does about trouble is in `writer`, what is a whole line in a file or pipe in `file`.

mod file;
mod notice;
mod queue;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

pub use notice::Notice;

use file::LogFile;
use queue::Queue;
use writer::Writer;

/// How long [`LineLog::open`] waits for the file.
const OPEN_WAIT: Duration = Duration::from_secs(2);

/// Which log it is, and how it begins.
#[derive(Clone, Debug)]
pub struct Options {
    /// The path of a file, a pipe or a device.
    pub path: PathBuf,
    /// What the lines are, for notices: `the events`.
    pub content: &'static str,
    /// Whether to begin with an empty file; otherwise lines are appended.
    pub truncate: bool,
}

/// A log that could not be opened, because its path is a mistake.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {content} to {path}: {error}", path = .path.display())]
pub struct OpenError {
    content: &'static str,
    path: PathBuf,
    #[source]
    error: io::Error,
}

/// A log that is being written. Dropped, it writes what is queued within [`LineLog::CLOSE_WAIT`].
pub struct LineLog {
    queue: Arc<Queue>,
    notify: Notify,
    options: Options,
}

/// Called with each notice, by the log's thread or by the writer of a line; it must not write to the log.
pub type Notify = Arc<dyn Fn(&Options, Notice) + Send + Sync>;

impl LineLog {
    /// How long a log that is closed may take to write what is queued.
    pub const CLOSE_WAIT: Duration = Duration::from_secs(1);

    /// Opens the log. Trouble that may end by itself, such as a full disk or a pipe without a reader, is a notice.
    ///
    /// # Errors
    /// A path that is a mistake: its folder does not exist, it is a folder or a socket, or writing is not permitted.
    pub fn open(options: Options, notify: Notify) -> Result<Self, OpenError> {
        Self::open_with(options, notify, Queue::default())
    }

    fn open_with(options: Options, notify: Notify, queue: Queue) -> Result<Self, OpenError> {
        let queue = Arc::new(queue);
        let failed = |error| OpenError {
            content: options.content,
            path: options.path.clone(),
            error,
        };
        let mut writer = Writer {
            file: LogFile::new(options.path.clone(), options.truncate),
            queue: queue.clone(),
            notify: notify.clone(),
            options: options.clone(),
        };
        let thread = thread::Builder::new().name("line-log".into());
        thread.spawn(move || writer.run()).map_err(failed)?;
        match queue.wait_opened(OPEN_WAIT) {
            Some(Err(error)) => return Err(failed(error)),
            Some(Ok(())) => {}
            None => notify(&options, Notice::NoAnswer { waited: OPEN_WAIT }),
        }
        Ok(Self { queue, notify, options })
    }

    /// Queues a line, without the line's end. Never waits for the file: where the file takes no lines for so long that the
    /// queue is full, its oldest line is dropped.
    pub fn write(&self, line: &str) {
        let mut line = line.as_bytes().to_vec();
        line.push(b'\n');
        for notice in self.queue.push(line) {
            (self.notify)(&self.options, notice);
        }
    }

    /// Waits until each line has been written, for `wait` at most; returns whether it has.
    pub fn flush(&self, wait: Duration) -> bool {
        self.queue.wait_empty(wait)
    }

    /// Writes what is queued, for [`CLOSE_WAIT`](Self::CLOSE_WAIT) at most. Returns the number of lines of this log that
    /// were not written, those included that were dropped before.
    pub fn close(self) -> u64 {
        self.queue.close(Self::CLOSE_WAIT)
    }
}

impl Drop for LineLog {
    fn drop(&mut self) {
        self.queue.close(Self::CLOSE_WAIT);
    }
}
