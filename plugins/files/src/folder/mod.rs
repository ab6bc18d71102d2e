//! The files of a folder, which come, change and go, followed on a thread of its own: whoever takes the news never waits for the disk.
//!
//! The folder is looked at, not listened to: notifications do not come from other computers (NFS), nor when the target of a link
//! changes (a ConfigMap's `..data`). A file that is new, changed or gone counts once it is so at two looks, since one that is being
//! written, or replaced by its editor, is incomplete or missing for a moment.

mod settle;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io, thread};

use crate::read::read;
use crate::stamp::Stamp;
use settle::Settle;

/// How often the folder is looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// The contents of files by their names; or why one cannot be read.
pub type Files = BTreeMap<OsString, Result<Vec<u8>, String>>;

/// What a folder has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Where it is, without links.
    pub folder: PathBuf,
    /// Its files.
    pub files: Files,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The folder has these files now.
    Files(Listing),
    /// The folder is missing, or cannot be read, for this reason. The next news is what it has when it is back.
    Missing(String),
}

/// A folder that is followed.
pub struct Folder {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    extension: OsString,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Since when the thread is with the disk.
    busy: Option<Instant>,
    is_hurried: bool,
    is_dropped: bool,
}

impl Folder {
    /// Follows the files of a folder with this extension whose names do not begin with a dot. The first news is what it has now.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn follow(path: &Path, extension: &str, notify: impl FnMut(News) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            extension: extension.into(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let folder = Self { shared: shared.clone() };
        let thread = thread::Builder::new().name("folder-watch".into());
        thread.spawn(move || shared.run(notify))?;
        Ok(folder)
    }

    /// Looks at it at once.
    pub fn hurry(&self) {
        self.shared.state().is_hurried = true;
        self.shared.changed.notify_all();
    }

    /// Since when its disk has not responded, if it is being read.
    pub fn busy_since(&self) -> Option<Instant> {
        self.shared.state().busy
    }
}

impl Drop for Folder {
    /// The thread ends by itself, at once unless the disk holds it.
    fn drop(&mut self) {
        self.shared.state().is_dropped = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut notify: impl FnMut(News)) {
        let mut reader = Reader::default();
        let mut settle = Settle::default();
        loop {
            self.state().busy = Some(Instant::now());
            let seen = reader.look(&self.path, &self.extension);
            self.state().busy = None;
            let news = settle.look(seen);
            if self.state().is_dropped {
                return;
            }
            if let Some(news) = news {
                notify(news);
            }
            let waits = |state: &mut State| !state.is_hurried && !state.is_dropped;
            let waited = self.changed.wait_timeout_while(self.state(), PERIOD, waits);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.is_hurried = false;
            if state.is_dropped {
                return;
            }
        }
    }
}

/// Reads a folder again and again, and a file only if it may have changed.
#[derive(Default)]
struct Reader {
    known: BTreeMap<OsString, (Stamp, Vec<u8>)>,
}

impl Reader {
    /// What the folder has, or why it cannot be read.
    fn look(&mut self, path: &Path, extension: &OsStr) -> Result<Listing, String> {
        let listing = self.list(path, extension);
        listing.map_err(|error| error.to_string())
    }

    fn list(&mut self, path: &Path, extension: &OsStr) -> io::Result<Listing> {
        let folder = fs::canonicalize(path)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            let is_hidden = name.as_bytes().starts_with(b".");
            if !is_hidden && Path::new(&name).extension() == Some(extension) {
                names.push(name);
            }
        }
        self.known.retain(|name, _| names.contains(name));
        let mut files = Files::new();
        for name in names {
            let content = self.read(&folder.join(&name), &name);
            files.insert(name, content.map_err(|error| error.to_string()));
        }
        Ok(Listing { folder, files })
    }

    fn read(&mut self, path: &Path, name: &OsStr) -> io::Result<Vec<u8>> {
        let stamp = Stamp::of(path)?;
        if !stamp.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        match self.known.get(name) {
            Some((known, content)) if *known == stamp => return Ok(content.clone()),
            _ => {}
        }
        let content = read(path, Duration::ZERO, || false)?;
        if stamp.is_recent(SystemTime::now()) {
            self.known.remove(name);
        } else {
            self.known.insert(name.to_owned(), (stamp, content.clone()));
        }
        Ok(content)
    }
}
