//! How much an in-process Triton logs.

/// What an in-process Triton writes to standard error. Its log is the process's: the latest server to start decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// Nothing: failures are in the errors that we return.
    #[default]
    Off,
    /// Errors and warnings.
    Warnings,
    /// Events of server and models, too.
    Info,
    /// Events of each request, too.
    Verbose,
}
