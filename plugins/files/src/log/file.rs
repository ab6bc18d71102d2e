//! The file, pipe or device that a log's path leads to: opened, followed when the path leads elsewhere, and written a
//! whole line at a time.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::Notice;
use crate::identity::FileId;

/// Why a line was not written, or not where it should be.
#[derive(Debug)]
pub enum Trouble {
    /// The pipe is full for the moment.
    Busy,
    /// The pipe has no reader.
    NoReader,
    /// The path cannot be opened anew; the line is in the file that was moved.
    Elsewhere(io::Error),
    /// Any other error.
    Failed(io::Error),
}

impl Trouble {
    /// What opening the log failed with.
    pub fn of_open(error: io::Error) -> Self {
        match errno(&error) {
            Some(Errno::NXIO) => Self::NoReader,
            _ => Self::Failed(error),
        }
    }

    fn of_write(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => Self::Busy,
            ErrorKind::BrokenPipe => Self::NoReader,
            _ => Self::Failed(error),
        }
    }

    /// Whether it will do to wait for a moment.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy)
    }

    /// What is to be said about it.
    pub fn notice(self) -> Option<Notice> {
        match self {
            Self::Busy => None,
            Self::NoReader => Some(Notice::NoReader),
            Self::Elsewhere(error) => Some(Notice::Elsewhere(error)),
            Self::Failed(error) => Some(Notice::NotWritten(error)),
        }
    }
}

/// Whether opening a log failed because its path is a mistake, rather than because of trouble that may end by itself.
pub fn is_mistake(error: &io::Error) -> bool {
    use ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, Unsupported};
    let by_kind = [
        NotFound,
        PermissionDenied,
        IsADirectory,
        NotADirectory,
        InvalidInput,
        Unsupported,
    ];
    by_kind.contains(&error.kind()) || matches!(errno(error), Some(Errno::LOOP | Errno::NAMETOOLONG))
}

fn errno(error: &io::Error) -> Option<Errno> {
    Errno::from_io_error(error)
}

/// The file that the path leads to.
pub struct LogFile {
    path: PathBuf,
    open: Option<OpenFile>,
    /// Whether the file is emptied when it is first opened.
    truncate: bool,
}

struct OpenFile {
    file: File,
    id: FileId,
    is_regular: bool,
    /// Whether a line of ours is in the file.
    begun: bool,
    /// Bytes of the present line that a pipe has taken.
    taken: usize,
}

impl LogFile {
    /// Nothing is opened yet.
    pub fn new(path: PathBuf, truncate: bool) -> Self {
        Self {
            path,
            open: None,
            truncate,
        }
    }

    /// Opens the file, unless it is open.
    ///
    /// # Errors
    /// A file that cannot be opened now; a pipe without a reader has ENXIO.
    pub fn open(&mut self) -> io::Result<()> {
        if self.open.is_none() {
            let file = OpenFile::new(&self.path)?;
            if self.truncate && file.is_regular {
                file.file.set_len(0)?;
            }
            self.truncate = false;
            self.open = Some(file);
        }
        Ok(())
    }

    /// Writes a line, which has its end, to the file that the path leads to now. After an error the same line is to be tried
    /// again. Returns trouble that remains although the line was written.
    ///
    /// # Errors
    /// A line that is not in the file, or not as a whole.
    pub fn append(&mut self, line: &[u8]) -> Result<Option<Trouble>, Trouble> {
        let elsewhere = self.follow().map_err(Trouble::of_open)?;
        let Some(open) = &mut self.open else {
            return Err(Trouble::NoReader);
        };
        match open.append(line) {
            Ok(()) => Ok(elsewhere.map(Trouble::Elsewhere)),
            Err(error) => {
                let trouble = Trouble::of_write(error);
                if matches!(trouble, Trouble::NoReader) {
                    self.open = None;
                }
                Err(trouble)
            }
        }
    }

    /// Opens the file that the path leads to, if it is not the open one. Returns why it cannot be opened, where the open one
    /// still exists under another name.
    fn follow(&mut self) -> io::Result<Option<io::Error>> {
        if let Some(open) = &self.open {
            match fs::metadata(&self.path) {
                Ok(metadata) if FileId::from(&metadata) == open.id => return Ok(None),
                // Something else is wrong than that the path leads elsewhere; writing will show it.
                Err(error) if error.kind() != ErrorKind::NotFound => return Ok(None),
                _ => {}
            }
            match OpenFile::new(&self.path) {
                Ok(new) => self.open = Some(new),
                Err(error) if open.exists() => return Ok(Some(error)),
                Err(error) => {
                    self.open = None;
                    return Err(error);
                }
            }
        }
        self.open().map(|()| None)
    }
}

impl OpenFile {
    fn new(path: &Path) -> io::Result<Self> {
        let open = |read: bool, create: bool| {
            let mut options = File::options();
            options.append(true).read(read).create(create);
            // A pipe without a reader, or with a full buffer, is an error instead of a wait.
            options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
            options.open(path)
        };
        // Files are read for their last byte. A pipe that we may read would have a reader.
        let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let file = open(is_file, false).or_else(|error| match error.kind() {
            ErrorKind::NotFound => open(true, true),
            ErrorKind::PermissionDenied if is_file => open(false, false),
            _ => Err(error),
        });
        let file = file.map_err(|error| socket_or(error, path))?;
        let metadata = file.metadata()?;
        Ok(Self {
            id: FileId::from(&metadata),
            is_regular: metadata.is_file(),
            file,
            begun: false,
            taken: 0,
        })
    }

    /// Whether the file has a name.
    fn exists(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_regular {
            self.append_to_file(line)
        } else {
            self.append_to_stream(line)
        }
    }

    /// One write, so that lines of several writers do not mix. A part of a line, as a full disk leaves it, stays, and the
    /// line is written again as a whole: cutting the part off could cut off lines of others.
    fn append_to_file(&mut self, line: &[u8]) -> io::Result<()> {
        let begins_anew = self.is_torn()?;
        let fresh;
        let bytes = if begins_anew {
            fresh = [b"\n", line].concat();
            &fresh
        } else {
            line
        };
        loop {
            match self.file.write(bytes) {
                Ok(count) if count == bytes.len() => {
                    self.begun = true;
                    return Ok(());
                }
                // The next attempt has the reason.
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => return self.append_to_file(line),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the file ends in the middle of a line: a disk that was full, another writer that was killed, a cut.
    fn is_torn(&self) -> io::Result<bool> {
        let size = self.file.metadata()?.len();
        if size == 0 {
            return Ok(false);
        }
        let mut last = [0];
        Ok(match self.file.read_exact_at(&mut last, size - 1) {
            Ok(()) => last != *b"\n",
            // It may be written only, or was cut meanwhile: a blank line does no harm.
            Err(_) => !self.begun,
        })
    }

    /// A pipe takes lines of up to 4096 bytes as a whole, longer ones in parts.
    fn append_to_stream(&mut self, line: &[u8]) -> io::Result<()> {
        while self.taken < line.len() {
            match self.file.write(&line[self.taken..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.taken += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.taken = 0;
        Ok(())
    }
}

/// The error, or what it means for a socket, which is no file to write to.
fn socket_or(error: io::Error, path: &Path) -> io::Error {
    let is_socket = fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if is_socket {
        io::Error::new(ErrorKind::Unsupported, "it is a socket, expected a file or a pipe")
    } else {
        error
    }
}
