//! What users are told about a log, each condition once until lines are written again.

use std::fmt;
use std::io;
use std::time::Duration;

use super::Options;

/// Something about a log that its user should know.
#[derive(Debug)]
pub enum Notice {
    /// Lines cannot be written now. They are kept, and tried again.
    NotWritten(io::Error),
    /// The pipe has no reader. Lines are kept until there is one.
    NoReader,
    /// The file has taken nothing for this long: a disk that does not respond, or a reader that does not read.
    NoAnswer {
        /// How long.
        waited: Duration,
    },
    /// The path leads to no file now. Lines are written to the file that was opened, wherever it is.
    Elsewhere(io::Error),
    /// The queue is full, and the oldest lines are dropped from now on.
    Dropping,
    /// Lines are written again.
    Resumed {
        /// How many were dropped meanwhile.
        dropped: u64,
    },
    /// The log was closed with lines that could not be written.
    Lost {
        /// How many.
        lines: u64,
    },
}

impl Notice {
    /// Whether the log is all right from now on, and nothing is missing.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Resumed { dropped: 0 })
    }

    /// The notice about the log of these options, for people.
    pub fn describe(&self, options: &Options) -> String {
        format!("{}", Description(self, options))
    }
}

struct Description<'a>(&'a Notice, &'a Options);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(notice, Options { path, content, .. }) = self;
        let path = path.display();
        match notice {
            Notice::NotWritten(error) => write!(
                f,
                "cannot write {content} to {path}: {error}; lines are kept in memory and tried again. Make room, or make \
                 the file writable"
            ),
            Notice::NoReader => write!(
                f,
                "cannot write {content} to {path}: the pipe has no reader; lines are kept in memory until one reads"
            ),
            Notice::NoAnswer { waited } => write!(
                f,
                "cannot write {content} to {path}: it has taken no line for {} s; lines are kept in memory. Look at the \
                 disk, or at the reader of the pipe",
                waited.as_secs()
            ),
            Notice::Elsewhere(error) => write!(
                f,
                "{path} no longer leads to the log and cannot be opened anew: {error}; {content} are written to the \
                 file that was moved. Make its folder again"
            ),
            Notice::Dropping => write!(
                f,
                "cannot write {content} to {path}, and the memory for them is full: the oldest lines are dropped"
            ),
            Notice::Resumed { dropped: 0 } => write!(f, "writing {content} to {path} works again; no line is missing"),
            Notice::Resumed { dropped } => {
                write!(
                    f,
                    "writing {content} to {path} works again; {dropped} lines are missing"
                )
            }
            Notice::Lost { lines } => write!(f, "{lines} lines of {content} could not be written to {path}"),
        }
    }
}
