//! A file that is read again when it changes, on a thread of its own: whoever takes the news never waits for the disk.
//!
//! A change is any other content behind the path: written in place, replaced, a link that leads elsewhere, deleted and made
//! again. What cannot be read, or not understood, is said once, and nothing else changes. What counts as a change is in
//! `look`.

mod look;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::read::read;
use crate::replace::ReplaceError;
use look::Look;

/// How often the file is looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// How long the file is waited for: by [`Watched::open`], and before it is said that it does not respond.
const LIMIT: Duration = Duration::from_secs(5);

/// A file, read into a `T`.
pub struct Watched<T> {
    shared: Arc<Shared<T>>,
}

/// A file that was opened.
pub struct Opened<T> {
    /// The file from now on.
    pub file: Watched<T>,
    /// What it has now.
    pub value: T,
    /// Whether it was created.
    pub created: bool,
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[source] io::Error),
    /// It cannot be created.
    #[error("{0}")]
    Create(#[source] ReplaceError),
    /// What it has is wrong.
    #[error("{0}")]
    Content(String),
}

/// Why a file was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It could not be replaced.
    #[error("{0}")]
    Replace(#[from] ReplaceError),
    /// Somebody else has changed the file since it was read last: their change would be lost.
    #[error("it has changed since it was read; save again once the change is in force")]
    Changed,
    /// The disk has not responded; the file may be replaced later.
    #[error("the disk has not responded within {} s", .0.as_secs())]
    NoAnswer(Duration),
}

/// Understands the content of a file; the error is a text for people.
pub type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, String> + Send>;

struct Shared<T> {
    path: PathBuf,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    opened: Option<Result<(T, bool), OpenError>>,
    news: Option<Result<T, String>>,
    /// The content to be saved, with the number of the call.
    to_save: Option<(u64, Vec<u8>)>,
    /// How the latest call ended.
    saved: Option<Result<(), SaveError>>,
    /// Number of calls.
    saves: u64,
    /// Since when the thread is with the disk.
    busy: Option<Instant>,
    /// Whether it was said that the disk does not respond.
    said_busy: bool,
    is_dropped: bool,
}

impl<T: Send + 'static> Watched<T> {
    /// Reads `path`, and watches it from then on. Where it does not exist, `initial` is its content, if there is one.
    ///
    /// # Errors
    /// A file that cannot be read or created within a few seconds, or that `parse` refuses.
    pub fn open(path: &Path, initial: Option<Vec<u8>>, parse: Parse<T>) -> Result<Opened<T>, OpenError> {
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            state: Mutex::new(State {
                opened: None,
                news: None,
                to_save: None,
                saved: None,
                saves: 0,
                busy: None,
                said_busy: false,
                is_dropped: false,
            }),
            changed: Condvar::new(),
        });
        let file = Self { shared: shared.clone() };
        let thread = thread::Builder::new().name("file-watch".into());
        thread
            .spawn(move || shared.run(initial.as_deref(), &parse))
            .map_err(OpenError::Read)?;
        // The thread waits for a pipe that long itself.
        let wait = LIMIT + PERIOD;
        let opened = file
            .shared
            .wait_while(wait, |state| state.opened.is_none())
            .opened
            .take();
        let opened = opened.unwrap_or_else(|| {
            let text = format!("the disk has not responded within {} s", wait.as_secs());
            Err(OpenError::Read(io::Error::new(io::ErrorKind::TimedOut, text)))
        });
        opened.map(|(value, created)| Opened { file, value, created })
    }

    /// What the file has now, if that has changed since it was asked for last; or, once, what is wrong with it: then what it
    /// had before is to be used on. Never waits.
    pub fn news(&self) -> Option<Result<T, String>> {
        let mut state = self.shared.state();
        if let Some(news) = state.news.take() {
            return Some(news);
        }
        let is_late = state.busy.is_some_and(|since| since.elapsed() > LIMIT);
        let say = is_late && !std::mem::replace(&mut state.said_busy, true);
        say.then(|| Err(format!("the disk has not responded for {} s", LIMIT.as_secs())))
    }

    /// Replaces the file's content, which is not news then. Waits for the disk for `wait` at most.
    ///
    /// # Errors
    /// The file is as it was, or the disk does not respond.
    pub fn save(&self, content: Vec<u8>, wait: Duration) -> Result<(), SaveError> {
        {
            let mut state = self.shared.state();
            state.saved = None;
            state.saves += 1;
            state.to_save = Some((state.saves, content));
        }
        self.shared.changed.notify_all();
        let saved = self.shared.wait_while(wait, |state| state.saved.is_none()).saved.take();
        saved.unwrap_or(Err(SaveError::NoAnswer(wait)))
    }
}

impl<T> Drop for Watched<T> {
    /// The thread ends by itself, at once unless the disk holds it.
    fn drop(&mut self) {
        self.shared.state().is_dropped = true;
        self.shared.changed.notify_all();
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, wait: Duration, condition: impl FnMut(&mut State<T>) -> bool) -> MutexGuard<'_, State<T>> {
        let waited = self.changed.wait_timeout_while(self.state(), wait, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        read(path, LIMIT, || !self.state().is_dropped)
    }

    /// Does something with the disk, which may take any time.
    fn at_disk<R>(&self, work: impl FnOnce() -> R) -> R {
        self.state().busy = Some(Instant::now());
        let result = work();
        let mut state = self.state();
        (state.busy, state.said_busy) = (None, false);
        result
    }

    fn run(&self, initial: Option<&[u8]>, parse: &Parse<T>) {
        let mut look = Look::new(&self.path);
        let opened = self.at_disk(|| {
            let created = look.create(initial).map_err(OpenError::Create)?;
            Ok((look.open(|path| self.read(path), parse)?, created))
        });
        let is_open = opened.is_ok();
        self.state().opened = Some(opened);
        self.changed.notify_all();
        if is_open {
            self.watch(&mut look, parse);
        }
    }

    /// Looks at the file until it is dropped.
    fn watch(&self, look: &mut Look, parse: &Parse<T>) {
        loop {
            let mut state = self.wait_while(PERIOD, |state| state.to_save.is_none() && !state.is_dropped);
            let (to_save, is_dropped) = (state.to_save.take(), state.is_dropped);
            drop(state);
            if let Some((call, content)) = to_save {
                let saved = self.at_disk(|| look.save(content));
                let mut state = self.state();
                if state.saves == call {
                    state.saved = Some(saved);
                }
            } else if is_dropped {
                return;
            } else {
                let news = self.at_disk(|| look.news(|path| self.read(path), parse));
                if news.is_some() {
                    self.state().news = news;
                }
            }
            self.changed.notify_all();
        }
    }
}
