//! How much an in-process Triton logs.

/// Log level of the in-process Triton on standard error. The log is global to the process: the last server opened sets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// No log; failures are in the returned errors.
    #[default]
    Off,
    /// Errors and warnings.
    Warnings,
    /// Also events of servers and models.
    Info,
    /// Also events of each request.
    Verbose,
}
