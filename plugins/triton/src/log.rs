//! Triton's own log, of the in-process server.

/// What an in-process Triton logs, and where to. Triton has one log for all servers of a process: the server that was
/// opened last sets the level, the server that was started last sets the hook.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log {
    pub(crate) level: LogLevel,
    pub(crate) hook: Option<LogHook>,
}

impl Log {
    /// No log; failures are in the returned errors.
    pub const OFF: Self = Self {
        level: LogLevel::Off,
        hook: None,
    };

    /// Records up to `level` go to standard error.
    pub const fn to_stderr(level: LogLevel) -> Self {
        Self { level, hook: None }
    }

    /// Records up to `level` go to `hook`, and nothing to standard error. A Triton without log callbacks (before 2.72)
    /// does not log then.
    pub const fn to_hook(level: LogLevel, hook: LogHook) -> Self {
        Self {
            level,
            hook: Some(hook),
        }
    }
}

/// Level of a log, and of a record in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing is logged. No record has this level.
    #[default]
    Off,
    /// Errors.
    Errors,
    /// Also warnings.
    Warnings,
    /// Also events of servers and models.
    Info,
    /// Also events of each request.
    Verbose,
}

/// Receives records of Triton's log, on any of its threads, possibly several at once and before the call that opens a
/// server returns. It must return quickly and must not call this crate. A panic is caught and ignored.
pub type LogHook = fn(&LogRecord<'_>);

/// A record of Triton's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRecord<'a> {
    /// Its level.
    pub level: LogLevel,
    /// Name of the source file that it comes from.
    pub file: &'a str,
    /// Line in that file, from 1.
    pub line: u32,
    /// The text, possibly of several lines.
    pub message: &'a str,
}
