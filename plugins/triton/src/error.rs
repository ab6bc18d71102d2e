//! What can go wrong, in words for the person who has to put it right.

use std::fmt;
use std::path::PathBuf;

/// Why Triton could not be opened, or did not answer as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The `server` is of a kind that this build does not know.
    #[error("server '{server}': expected `inprocess:` or `grpc://HOST:PORT` (several with commas between; no TLS)")]
    UnsupportedEndpoint {
        /// As the user wrote it.
        server: String,
    },
    /// The `server` has a part that makes no sense.
    #[error(
        "server '{server}': expected {expected}, got '{part}'; write grpc://HOST:PORT, several with commas between"
    )]
    InvalidEndpoint {
        /// As the user wrote it.
        server: String,
        /// The part.
        part: String,
        /// What would make sense there.
        expected: &'static str,
    },
    /// Nobody answers at the endpoint, now; the next try may do.
    #[error(
        "no Triton answers at {endpoint}: {reason}; start it, or correct the address (its gRPC port is usually 8001)"
    )]
    Unreachable {
        /// The whole endpoint.
        endpoint: String,
        /// What happened, address by address.
        reason: String,
    },
    /// There is no loadable `libtritonserver.so`.
    #[error("cannot load Triton's library {}: {reason}; {remedy}", tried.display())]
    LibraryNotFound {
        /// The file that was looked for.
        tried: PathBuf,
        /// What the system said.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The library speaks another version of Triton's C API.
    #[error("{} has Triton API {found}, expected {expected}; install a Triton with that API", library.display())]
    LibraryTooOld {
        /// The library.
        library: PathBuf,
        /// Its version, or the function that it lacks.
        found: String,
        /// The versions that work.
        expected: String,
    },
    /// The model repository is not there or cannot be read.
    #[error("cannot read the model repository {}: {reason}; name an existing directory (SHOPFLOOR_MODEL_REPOSITORY or the property model-repository)", repository.display())]
    RepositoryMissing {
        /// As given.
        repository: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The model repository has no model.
    #[error("the model repository {} has no models; expected at least one NAME/config.pbtxt in it", repository.display())]
    RepositoryEmpty {
        /// As given.
        repository: PathBuf,
    },
    /// The server did not start.
    #[error("Triton did not start: {reason}")]
    ServerStart {
        /// What Triton or the system said.
        reason: String,
    },
    /// The server has no such model.
    #[error("no model '{model}'; the server has {}", listed(available))]
    ModelNotFound {
        /// As asked for.
        model: String,
        /// Those that there are.
        available: Vec<String>,
    },
    /// The model has no such version, or its version policy does not serve it.
    #[error(
        "model '{model}' has no version {version}; served versions are {}",
        listed(available)
    )]
    VersionNotFound {
        /// The model.
        model: String,
        /// As asked for.
        version: u64,
        /// Those that are served.
        available: Vec<String>,
    },
    /// The model is there but does not load.
    #[error(
        "model '{model}' does not load: {reason}; put its config.pbtxt and its files right \
         (`shopfloor server --model {model}` shows all that Triton has to say)"
    )]
    ModelLoad {
        /// The model.
        model: String,
        /// What Triton said.
        reason: String,
    },
    /// What the server reports about a model cannot be read.
    #[error("model '{model}': {reason}; check that the server is a Triton with the KServe v2 protocol")]
    Description {
        /// The model.
        model: String,
        /// What cannot be read, and why.
        reason: String,
    },
    /// Triton refused a request, or failed to execute it.
    #[error("model '{model}': {code}: {message}")]
    Infer {
        /// The model.
        model: String,
        /// Triton's error code.
        code: Code,
        /// Triton's words.
        message: String,
    },
    /// The server did not do what it was asked to do with shared memory.
    #[error("shared memory '{region}' of {endpoint}: {reason}")]
    SharedMemory {
        /// What requests call it.
        region: String,
        /// The whole endpoint.
        endpoint: String,
        /// The server's words.
        reason: String,
    },
    /// The request's `timeout` passed. Its memory stays with Triton until that has let go of it.
    #[error("no answer from Triton within the timeout")]
    DeadlineExceeded,
    /// The server is going away.
    #[error("the Triton server has been stopped")]
    ServerStopped,
}

impl Error {
    /// Whether asking again is pointless: something about the set-up, the model or the request has to be put right first.
    ///
    /// `false` means that the server is in trouble now (away, late, stopping, out of resources) and the next request may
    /// do.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::DeadlineExceeded | Self::ServerStopped | Self::Unreachable { .. } => false,
            Self::Infer { code, .. } => {
                matches!(code, Code::InvalidArg | Code::NotFound | Code::Unsupported)
            }
            _ => true,
        }
    }
}

/// Triton's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Code {
    Unknown,
    Internal,
    NotFound,
    InvalidArg,
    Unavailable,
    Unsupported,
    AlreadyExists,
    Cancelled,
}

impl Code {
    /// The code with this number in Triton's C API.
    pub(crate) const fn from_raw(raw: u32) -> Self {
        match raw {
            1 => Self::Internal,
            2 => Self::NotFound,
            3 => Self::InvalidArg,
            4 => Self::Unavailable,
            5 => Self::Unsupported,
            6 => Self::AlreadyExists,
            7 => Self::Cancelled,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "UNKNOWN",
            Self::Internal => "INTERNAL",
            Self::NotFound => "NOT_FOUND",
            Self::InvalidArg => "INVALID_ARGUMENT",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unsupported => "UNSUPPORTED",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::Cancelled => "CANCELLED",
        })
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(code: Code) -> Error {
        Error::Infer {
            model: "m".into(),
            code,
            message: "why".into(),
        }
    }

    #[test]
    fn broken_contracts_are_fatal_and_server_trouble_is_not() {
        for code in [Code::InvalidArg, Code::NotFound, Code::Unsupported] {
            assert!(infer(code).is_fatal(), "{code}");
        }
        for code in [Code::Unknown, Code::Internal, Code::Unavailable, Code::Cancelled] {
            assert!(!infer(code).is_fatal(), "{code}");
        }
        assert!(!Error::DeadlineExceeded.is_fatal());
        assert!(!Error::ServerStopped.is_fatal());
        let unreachable = Error::Unreachable {
            endpoint: "grpc://a:8001".into(),
            reason: "connection refused".into(),
        };
        assert!(!unreachable.is_fatal());
        assert!(
            Error::ModelNotFound {
                model: "m".into(),
                available: vec![]
            }
            .is_fatal()
        );
    }

    #[test]
    fn messages_name_what_there_is() {
        let error = Error::ModelNotFound {
            model: "m".into(),
            available: vec!["a".into(), "b".into()],
        };
        assert_eq!(error.to_string(), "no model 'm'; the server has a, b");
        assert_eq!(infer(Code::InvalidArg).to_string(), "model 'm': INVALID_ARGUMENT: why");
    }
}
