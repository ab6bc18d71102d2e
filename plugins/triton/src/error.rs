//! Errors of Triton and of the connection to it. Each message states what failed, with which value, and what to do.

use std::fmt;
use std::path::PathBuf;

/// Why Triton could not be opened, or a request failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The scheme of `server` is not supported.
    #[error(
        "server '{server}': expected `inprocess:`, `grpc://HOST:PORT` or, with TLS, `grpcs://HOST:PORT` (several with \
         commas between)"
    )]
    UnsupportedEndpoint {
        /// The whole value, without what may be a secret.
        server: String,
    },
    /// A part of `server` is malformed.
    #[error(
        "server '{server}': expected {expected}, got '{part}'; write grpc://HOST:PORT (with TLS grpcs://HOST:PORT), \
         several with commas between"
    )]
    InvalidEndpoint {
        /// The whole value, without what may be a secret.
        server: String,
        /// The malformed address, without what may be a secret.
        part: String,
        /// What was expected there.
        expected: &'static str,
    },
    /// No server responds at the endpoint. Temporary: a later attempt may succeed.
    #[error(
        "no Triton server responds at {endpoint}: {reason}; start it, or correct the address (its gRPC port is usually 8001)"
    )]
    Unreachable {
        /// The whole endpoint.
        endpoint: String,
        /// The failure at each address.
        reason: String,
    },
    /// An option for TLS, headers or tokens cannot be used.
    #[error("{option}: {reason}; {remedy}")]
    InvalidSecurity {
        /// The option, and its environment variable.
        option: &'static str,
        /// What is wrong with it. Never has the value of a secret.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A file with certificates, a key, headers or a token cannot be used.
    #[error("{option} '{}': {reason}; {remedy}", file.display())]
    SecurityFile {
        /// The option that names it, and its environment variable.
        option: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it. Never has its content.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// No server of the endpoint was connected to, because certificates or credentials are not accepted.
    #[error("no trusted connection to {endpoint}: {reason}")]
    Untrusted {
        /// The whole endpoint.
        endpoint: String,
        /// The cause at each address, and what to do.
        reason: String,
    },
    /// `libtritonserver.so` is missing or cannot be loaded.
    #[error("cannot load Triton's library {}: {reason}; {remedy}", tried.display())]
    LibraryNotFound {
        /// The path of the library.
        tried: PathBuf,
        /// The system's error.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The library has another version of Triton's C API.
    #[error("{} has Triton API {found}, expected {expected}; install a Triton with that API", library.display())]
    LibraryTooOld {
        /// The library.
        library: PathBuf,
        /// Its version, or the missing function.
        found: String,
        /// The supported versions.
        expected: String,
    },
    /// The model repository does not exist or cannot be read.
    #[error("cannot read the model repository {}: {reason}; name an existing directory (SHOPFLOOR_MODEL_REPOSITORY or the property model-repository)", repository.display())]
    RepositoryMissing {
        /// Its path.
        repository: PathBuf,
        /// The system's error.
        reason: String,
    },
    /// The model repository has no model.
    #[error("the model repository {} has no models; expected at least one NAME/config.pbtxt in it", repository.display())]
    RepositoryEmpty {
        /// Its path.
        repository: PathBuf,
    },
    /// The server did not start.
    #[error("Triton did not start: {reason}")]
    ServerStart {
        /// The error of Triton or of the system.
        reason: String,
    },
    /// The server has no such model.
    #[error("no model '{model}'; the server has {}", listed(available))]
    ModelNotFound {
        /// The requested name.
        model: String,
        /// The models of the server.
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
        /// The requested version.
        version: u64,
        /// The versions that are served.
        available: Vec<String>,
    },
    /// The model exists but does not load.
    #[error(
        "model '{model}' does not load: {reason}; fix its config.pbtxt and its files \
         (`shopfloor server --model {model}` shows Triton's log)"
    )]
    ModelLoad {
        /// The model.
        model: String,
        /// Triton's message.
        reason: String,
    },
    /// The metadata or configuration of a model cannot be read.
    #[error("model '{model}': {reason}; check that the server is a Triton with the KServe v2 protocol")]
    Description {
        /// The model.
        model: String,
        /// The part that cannot be read, and the cause.
        reason: String,
    },
    /// Triton refused a request, or failed to execute it.
    #[error("model '{model}': {code}: {message}")]
    Infer {
        /// The model.
        model: String,
        /// Triton's error code.
        code: Code,
        /// Triton's message.
        message: String,
    },
    /// The server refused to register, unregister or list shared memory.
    #[error("shared memory '{region}' of {endpoint}: {reason}")]
    SharedMemory {
        /// The region's name in requests.
        region: String,
        /// The whole endpoint.
        endpoint: String,
        /// The server's message.
        reason: String,
    },
    /// Memory of a CUDA device cannot be used.
    #[error(transparent)]
    Cuda(#[from] cuda::Error),
    /// The request's timeout has passed. Its memory stays in use until Triton releases the request.
    #[error("no response from Triton within the timeout")]
    DeadlineExceeded,
    /// The server is being closed, or the process is ending.
    #[error("the Triton server has been stopped")]
    ServerStopped,
}

/// What a failure means for later requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No server responds, it is stopping, or it counts as hung: later requests fail alike until it is back.
    ServerAway,
    /// The server responds, but the model is not ready: not loaded yet, being loaded, or with other versions.
    ModelAway,
    /// The model refused the request: its inputs, outputs or versions may have changed since they were read.
    Refused,
    /// The model failed to execute this request.
    Failed,
    /// The deadline passed without a response, or the server dropped the request because it had waited too long or too
    /// many others were waiting.
    Late,
    /// The address, certificates or credentials, the library or the model repository have to be corrected first.
    SetUp,
}

/// Parts of what Triton answers with UNAVAILABLE, and what they mean.
const UNAVAILABLE: [(&str, FailureKind); 10] = [
    // The server is stopping or starting.
    ("Server is stopping", FailureKind::ServerAway),
    ("Server exiting", FailureKind::ServerAway),
    ("Server not ready", FailureKind::ServerAway),
    // The connection has ended, in the words of gRPC's own clients.
    ("Stream removed", FailureKind::ServerAway),
    ("Socket closed", FailureKind::ServerAway),
    // A proxy has no server.
    ("upstream", FailureKind::ServerAway),
    ("HTTP status code", FailureKind::ServerAway),
    // The queue policy of the model.
    ("Request timeout expired", FailureKind::Late),
    ("Exceeds maximum queue size", FailureKind::Late),
    (
        "timeout of the corresponding sequence has been expired",
        FailureKind::Late,
    ),
];

impl FailureKind {
    /// The kind of an error that the server or library answered a request with.
    pub(crate) fn of_status(code: Code, message: &str) -> Self {
        match code {
            Code::Unavailable => {
                let known = UNAVAILABLE.iter().find(|(text, _)| message.contains(text));
                known.map_or(Self::ModelAway, |(_, kind)| *kind)
            }
            // A region that a restarted server has forgotten says nothing about the model.
            Code::NotFound if message.contains("shared memory region") => Self::Failed,
            Code::NotFound => Self::ModelAway,
            Code::InvalidArg | Code::Unsupported => Self::Refused,
            // Nobody here cancels a call whose answer is read: a server that stops does, in the words of gRPC's libraries.
            Code::Cancelled if message.eq_ignore_ascii_case("cancelled") => Self::ServerAway,
            Code::Unknown | Code::Internal | Code::AlreadyExists | Code::Cancelled => Self::Failed,
        }
    }
}

impl Error {
    /// What the failure means for later requests.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::DeadlineExceeded => FailureKind::Late,
            Self::Unreachable { .. } | Self::ServerStopped => FailureKind::ServerAway,
            Self::ModelNotFound { .. } | Self::VersionNotFound { .. } => FailureKind::ModelAway,
            Self::Infer { code, message, .. } => FailureKind::of_status(*code, message),
            Self::Cuda(_) => FailureKind::Failed,
            _ => FailureKind::SetUp,
        }
    }

    /// Whether a user who has just set a server and a model has to correct something: the endpoint, the model or the
    /// request. `false`: the failure is temporary (the server is unreachable, late, stopping or out of resources).
    ///
    /// Only for the first time that a model is opened. What has worked once may fail with any of these errors while a
    /// server restarts or a model is replaced: [`Self::failure_kind`] tells what to expect of later requests.
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
#[allow(missing_docs)] // Triton's names
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
    fn invalid_requests_are_fatal_and_temporary_failures_are_not() {
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
    fn errors_say_what_to_expect_of_later_requests() {
        let check = |code: Code, message: &str, expected: FailureKind| {
            let error = Error::Infer {
                model: "m".into(),
                code,
                message: message.into(),
            };
            assert_eq!(error.failure_kind(), expected, "{error}");
        };
        let stopping =
            "[request id: 7] Server is stopping, scheduler for model has stopped accepting new inference requests";
        for (message, expected) in [
            (stopping, FailureKind::ServerAway),
            ("Server exiting", FailureKind::ServerAway),
            ("Server not ready", FailureKind::ServerAway),
            ("Stream removed (Socket closed)", FailureKind::ServerAway),
            (
                "upstream connect error or disconnect/reset before headers",
                FailureKind::ServerAway,
            ),
            ("no healthy upstream", FailureKind::ServerAway),
            ("'m' version 1 is not at ready state", FailureKind::ModelAway),
            ("the model's own words", FailureKind::ModelAway),
            ("Request timeout expired", FailureKind::Late),
            ("[request id: 7] Exceeds maximum queue size", FailureKind::Late),
        ] {
            check(Code::Unavailable, message, expected);
        }
        for message in [
            "Request for unknown model: 'm' is not found",
            "Request for unknown model: 'm' version 7 is not found",
            "Request for unknown model: 'm' has no available versions",
        ] {
            check(Code::NotFound, message, FailureKind::ModelAway);
        }
        check(
            Code::NotFound,
            "Unable to find shared memory region: 'frames'",
            FailureKind::Failed,
        );
        for (message, expected) in [
            ("CANCELLED", FailureKind::ServerAway),
            ("Cancelled", FailureKind::ServerAway),
            ("the model's own words", FailureKind::Failed),
            ("", FailureKind::Failed),
        ] {
            check(Code::Cancelled, message, expected);
        }
        check(Code::InvalidArg, "unexpected shape for input 'x'", FailureKind::Refused);
        check(Code::Unsupported, "no decoupled models", FailureKind::Refused);
        check(Code::Internal, "Failed to process the request(s)", FailureKind::Failed);
        assert_eq!(Error::DeadlineExceeded.failure_kind(), FailureKind::Late);
        assert_eq!(Error::ServerStopped.failure_kind(), FailureKind::ServerAway);
    }

    #[test]
    fn messages_list_the_available_models() {
        let error = Error::ModelNotFound {
            model: "m".into(),
            available: vec!["a".into(), "b".into()],
        };
        assert_eq!(error.to_string(), "no model 'm'; the server has a, b");
        assert_eq!(infer(Code::InvalidArg).to_string(), "model 'm': INVALID_ARGUMENT: why");
    }
}
