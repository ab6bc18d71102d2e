//! The lines on their way to the log's thread. The lock is held for moments, never during I/O.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Notice;

/// Bytes of lines that are kept while the file takes none: a day of a camera with ten stations and a heartbeat every 10 s.
const CAPACITY: usize = 16 << 20;
/// How long a line may take before it is reported that the file takes none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lines that wait, and what the two sides tell each other.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
    patience: Duration,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    /// Of `lines`.
    bytes: usize,
    /// When the thread took the line that it is writing.
    writing: Option<Instant>,
    /// Lines that were dropped since the file took one.
    dropped: u64,
    /// Lines that were dropped before that.
    dropped_before: u64,
    /// Whether `Dropping` and `NoAnswer` were said since the file took a line.
    said: Said,
    opened: Option<io::Result<()>>,
    end: End,
}

#[derive(Default)]
struct Said {
    dropping: bool,
    no_answer: bool,
}

/// How far the end has come.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    #[default]
    Open,
    /// What is queued is written, without waiting for trouble to end.
    Closing,
    /// Nothing more is written.
    Closed,
}

/// How often to try to write a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// Now, and after a failure again.
    Again,
    /// Now, for the last time: the log is being closed.
    Once,
    /// Not at all: the log is closed.
    Never,
}

impl Default for Queue {
    fn default() -> Self {
        Self::new(CAPACITY, PATIENCE)
    }
}

impl Queue {
    /// A queue of `capacity` bytes, which reports a line that takes longer than `patience`.
    pub fn new(capacity: usize, patience: Duration) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity,
            patience,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, wait: Duration, condition: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.state(), wait, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Adds a line; returns what is to be said.
    pub fn push(&self, line: Vec<u8>) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut state = self.state();
        let waited = state.writing.map_or(Duration::ZERO, |since| since.elapsed());
        if waited > self.patience && !std::mem::replace(&mut state.said.no_answer, true) {
            notices.push(Notice::NoAnswer { waited });
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        while state.bytes > self.capacity
            && let Some(oldest) = state.lines.pop_front()
        {
            state.bytes -= oldest.len();
            state.dropped += 1;
            if !std::mem::replace(&mut state.said.dropping, true) {
                notices.push(Notice::Dropping);
            }
        }
        drop(state);
        self.changed.notify_all();
        notices
    }

    /// The next line, once there is one; `None` at the end.
    pub fn next(&self) -> Option<Vec<u8>> {
        let wait = |state: &mut State| state.lines.is_empty() && state.end == End::Open;
        let mut state = self
            .changed
            .wait_while(self.state(), wait)
            .unwrap_or_else(PoisonError::into_inner);
        if state.end == End::Closed {
            return None;
        }
        let line = state.lines.pop_front()?;
        state.bytes -= line.len();
        state.writing = Some(Instant::now());
        Some(line)
    }

    /// The line from [`next`](Self::next) has been written. Returns [`Notice::Resumed`] if the queue has said that lines are
    /// not taken, or the writer has (`said`).
    pub fn written(&self, said: bool) -> Option<Notice> {
        let mut state = self.state();
        state.writing = None;
        let said = std::mem::take(&mut state.said).any() || said;
        let dropped = std::mem::take(&mut state.dropped);
        state.dropped_before += dropped;
        drop(state);
        self.changed.notify_all();
        said.then_some(Notice::Resumed { dropped })
    }

    /// Waits before the line is tried again. A pipe that is full for the moment (`is_busy`) is tried until the log is closed.
    pub fn wait_to_try(&self, wait: Duration, is_busy: bool) -> Try {
        let last = if is_busy { End::Closed } else { End::Closing };
        match self.wait_while(wait, |state| state.end < last).end {
            End::Closed => Try::Never,
            End::Closing if !is_busy => Try::Once,
            _ => Try::Again,
        }
    }

    /// The thread has opened the file, or not.
    pub fn set_opened(&self, opened: io::Result<()>) {
        self.state().opened = Some(opened);
        self.changed.notify_all();
    }

    /// What [`set_opened`](Self::set_opened) had, within `wait`.
    pub fn wait_opened(&self, wait: Duration) -> Option<io::Result<()>> {
        self.wait_while(wait, |state| state.opened.is_none()).opened.take()
    }

    /// Waits until no line waits, for `wait` at most; returns whether none does.
    pub fn wait_empty(&self, wait: Duration) -> bool {
        let state = self.wait_while(wait, |state| state.waiting() > 0 && state.end < End::Closed);
        state.waiting() == 0
    }

    /// Ends the log: waits for the lines for `wait` at most. Returns the number of lines that were not written in all.
    pub fn close(&self, wait: Duration) -> u64 {
        {
            let mut state = self.state();
            state.end = state.end.max(End::Closing);
        }
        self.changed.notify_all();
        let mut state = self.wait_while(wait, |state| state.waiting() > 0 && state.end < End::Closed);
        state.end = End::Closed;
        let lost = state.waiting() + state.dropped + state.dropped_before;
        drop(state);
        self.changed.notify_all();
        lost
    }

    /// The thread gives up.
    pub fn abandon(&self) {
        self.state().end = End::Closed;
        self.changed.notify_all();
    }
}

impl State {
    fn waiting(&self) -> u64 {
        self.lines.len() as u64 + u64::from(self.writing.is_some())
    }
}

impl Said {
    fn any(&self) -> bool {
        self.dropping || self.no_answer
    }
}
