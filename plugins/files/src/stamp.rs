//! Whether a file is still as it was, without reading it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::identity::FileId;

/// A file that was changed so shortly before it was read may be changed again without another time of change: clocks of file
/// systems have steps of up to 2 s (FAT).
const STEP: Duration = Duration::from_secs(2);

/// A file's state, without its content. A file that is written, replaced, or touched has another one; the times of its
/// content alone can be set by anyone (`cp -p`, `rsync -t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    id: FileId,
    /// Of pipes and devices none: they are read once.
    version: Option<Version>,
}

/// A regular file's size, and the times of the last changes of its content and of its inode, in seconds and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// That of the file which a path leads to.
    ///
    /// # Errors
    /// There is none, or it is out of reach.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let version = |file: &Metadata| Version {
            size: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        };
        Ok(Self {
            id: FileId::from(&metadata),
            version: metadata.is_file().then(|| version(&metadata)),
        })
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.version.is_some()
    }

    /// Whether the file might have changed since `now` without another stamp.
    pub fn is_recent(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let changed = self.version.map(|version| version.changed.0);
        changed.is_some_and(|changed| changed.abs_diff(now) <= STEP.as_secs())
    }
}
