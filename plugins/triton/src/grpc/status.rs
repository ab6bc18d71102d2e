//! Interpretation of gRPC statuses.
//!
//! A status with a source was created by the client for a failed connection; one without comes from the server.

use std::error::Error as _;
use std::{io, iter};

use tonic::{ConnectError, Status, TimeoutExpired};

use crate::{Code, Error, FailureKind, Grpc};

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// For the user; without secrets.
    pub(super) text: String,
    /// Certificates or credentials are not accepted: somebody has to correct them first.
    pub(super) is_refusal: bool,
}

impl Cause {
    pub(super) fn temporary(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_refusal: false,
        }
    }

    pub(super) fn refusal(text: String) -> Self {
        let is_refusal = true;
        Self { text, is_refusal }
    }
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server's deadline has passed.
    DeadlineExceeded,
    /// The address cannot be used.
    Unreachable(Cause),
    /// Tensors cannot be passed in shared memory, which was demanded; why, and what to do about it.
    SharedMemory(String),
    /// The server's code and message.
    Status { code: Code, message: String },
}

impl Failure {
    pub(super) fn internal(message: String) -> Self {
        let code = Code::Internal;
        Self::Status { code, message }
    }

    /// Why the address counts as away, if it does.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::DeadlineExceeded => Cause::temporary("no response within the deadline"),
            Self::Unreachable(cause) => cause.clone(),
            Self::SharedMemory(reason) => Cause::temporary(reason.clone()),
            Self::Status { code, message } => Cause::temporary(format!("{code}: {message}")),
        }
    }

    /// The public error of a call about `model`.
    pub(super) fn into_error(self, endpoint: &Grpc, model: &str) -> Error {
        match self {
            Self::DeadlineExceeded => Error::DeadlineExceeded,
            Self::Unreachable(cause) => Error::Unreachable {
                endpoint: endpoint.to_string(),
                reason: cause.text,
            },
            Self::SharedMemory(reason) => Error::SharedMemory {
                region: "tensors".into(),
                endpoint: endpoint.to_string(),
                reason,
            },
            Self::Status { code, message } => Error::Infer {
                model: model.to_owned(),
                code,
                message,
            },
        }
    }
}

/// What a failed call says about its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// There is no connection, or the server has not accepted it, so nothing was executed.
    Unsent,
    /// The server, or a proxy before it, does not accept the client's token or other headers.
    Denied,
    /// The connection ended, perhaps after the server had received the request.
    Broken,
    /// The server refuses all requests: it is starting or stopping.
    Leaving,
    /// The server does not have the model, or not yet; it refused the request.
    LacksModel,
    /// The server dropped the request, because it waited too long or others were waiting.
    Dropped,
    /// The server responded with an error of the request or of the model.
    Failed,
}

impl Finding {
    pub(super) fn of(status: &Status) -> Self {
        if is_late(status) {
            Self::Dropped
        } else if is_unsent(status) {
            Self::Unsent
        } else if !is_from_server(status) {
            Self::Broken
        } else if is_denied(status) {
            Self::Denied
        } else {
            match FailureKind::of_status(code(status), status.message()) {
                FailureKind::ServerAway => Self::Leaving,
                FailureKind::ModelAway => Self::LacksModel,
                FailureKind::Late => Self::Dropped,
                _ => Self::Failed,
            }
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        if is_late(&status) {
            return Self::DeadlineExceeded;
        }
        if !is_from_server(&status) {
            return Self::Unreachable(Cause::temporary(reason(&status)));
        }
        let code = code(&status);
        let message = match code {
            Code::Unknown => format!("{}: {}", status.code(), reason(&status)),
            _ => reason(&status),
        };
        Self::Status { code, message }
    }
}

fn code(status: &Status) -> Code {
    match status.code() {
        tonic::Code::InvalidArgument => Code::InvalidArg,
        tonic::Code::NotFound => Code::NotFound,
        tonic::Code::Unavailable => Code::Unavailable,
        tonic::Code::Unimplemented => Code::Unsupported,
        tonic::Code::AlreadyExists => Code::AlreadyExists,
        tonic::Code::Cancelled => Code::Cancelled,
        tonic::Code::Internal => Code::Internal,
        _ => Code::Unknown,
    }
}

/// Whether the status comes from the server.
pub(super) fn is_from_server(status: &Status) -> bool {
    status.source().is_none()
}

/// Whether a server, or a proxy before it, does not accept the client's token or other headers.
fn is_denied(status: &Status) -> bool {
    match status.code() {
        tonic::Code::Unauthenticated | tonic::Code::PermissionDenied => true,
        // Triton's answer to a call without the header of --grpc-restricted-protocol.
        tonic::Code::Unavailable => status.message().contains("protocol is restricted"),
        _ => false,
    }
}

/// Whether the status was created because no connection could be established.
pub(super) fn is_unsent(status: &Status) -> bool {
    causes(status).any(|cause| {
        // tonic reports a connection that takes too long as an error without a number of the system.
        let too_long = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none();
        cause.is::<ConnectError>() || cause.downcast_ref().is_some_and(too_long)
    })
}

/// Whether a deadline has passed, on the server or on the client.
fn is_late(status: &Status) -> bool {
    status.code() == tonic::Code::DeadlineExceeded || causes(status).any(|cause| cause.is::<TimeoutExpired>())
}

/// The status's message, followed by the root cause if the message does not contain it.
pub(super) fn reason(status: &Status) -> String {
    let cause = causes(status).last().map(ToString::to_string);
    match cause {
        Some(cause) if !status.message().contains(&cause) => format!("{}: {cause}", status.message()),
        _ => status.message().to_owned(),
    }
}

pub(super) fn causes(status: &Status) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    iter::successors(status.source(), |&cause| cause.source())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn broken(code: tonic::Code, message: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Status {
        let mut status = Status::new(code, message);
        status.set_source(Arc::new(cause));
        status
    }

    fn cut() -> io::Error {
        io::Error::other("the cable is cut")
    }

    fn error(status: Status) -> Error {
        let endpoint = Grpc::default();
        Failure::from(status).into_error(&endpoint, "m")
    }

    #[test]
    fn codes_are_mapped_to_tritons() {
        let check = |code: tonic::Code, expected: Code, fatal: bool| {
            let error = error(Status::new(code, "why"));
            assert!(
                matches!(&error, Error::Infer { code, .. } if *code == expected),
                "{error:?}"
            );
            assert!(error.to_string().ends_with("why"), "{error}");
            assert_eq!(error.is_fatal(), fatal, "{error}");
        };
        check(tonic::Code::NotFound, Code::NotFound, true);
        check(tonic::Code::InvalidArgument, Code::InvalidArg, true);
        check(tonic::Code::Unimplemented, Code::Unsupported, true);
        check(tonic::Code::Internal, Code::Internal, false);
        check(tonic::Code::Unavailable, Code::Unavailable, false);
        check(tonic::Code::Cancelled, Code::Cancelled, false);
        check(tonic::Code::AlreadyExists, Code::AlreadyExists, false);
        check(tonic::Code::ResourceExhausted, Code::Unknown, false);
        assert_eq!(error(Status::deadline_exceeded("late")), Error::DeadlineExceeded);
    }

    fn check(status: Status, finding: Finding, kind: FailureKind) {
        assert_eq!(Finding::of(&status), finding, "{status:?}");
        assert_eq!(error(status.clone()).failure_kind(), kind, "{status:?}");
    }

    #[test]
    fn a_servers_answer_says_what_happened_to_it() {
        let unavailable = |message: &str| Status::unavailable(message);
        check(
            unavailable("Server is stopping, scheduler for model has stopped accepting new inference requests"),
            Finding::Leaving,
            FailureKind::ServerAway,
        );
        check(unavailable("Server exiting"), Finding::Leaving, FailureKind::ServerAway);
        check(
            unavailable("'m' version 1 is not at ready state"),
            Finding::LacksModel,
            FailureKind::ModelAway,
        );
        check(
            Status::not_found("'m' has no available versions"),
            Finding::LacksModel,
            FailureKind::ModelAway,
        );
        check(
            unavailable("Request timeout expired"),
            Finding::Dropped,
            FailureKind::Late,
        );
        check(
            unavailable("Exceeds maximum queue size"),
            Finding::Dropped,
            FailureKind::Late,
        );
        check(Status::deadline_exceeded("late"), Finding::Dropped, FailureKind::Late);
        check(Status::invalid_argument("shape"), Finding::Failed, FailureKind::Refused);
        check(Status::internal("model raised"), Finding::Failed, FailureKind::Failed);
        check(
            Status::unknown("the server's own"),
            Finding::Failed,
            FailureKind::Failed,
        );
    }

    #[test]
    fn a_failed_connection_says_whether_the_request_was_sent() {
        for code in [tonic::Code::Unknown, tonic::Code::Unavailable] {
            check(
                broken(code, "transport error", cut()),
                Finding::Broken,
                FailureKind::ServerAway,
            );
        }
        let refused = ConnectError(Box::new(cut()));
        check(
            broken(tonic::Code::Unavailable, "tcp connect error", refused),
            Finding::Unsent,
            FailureKind::ServerAway,
        );
        let too_long = io::Error::new(io::ErrorKind::TimedOut, "deadline has elapsed");
        check(
            broken(tonic::Code::Unknown, "transport error", too_long),
            Finding::Unsent,
            FailureKind::ServerAway,
        );
        let no_acknowledgement = io::Error::from_raw_os_error(libc::ETIMEDOUT);
        check(
            broken(tonic::Code::Unknown, "transport error", no_acknowledgement),
            Finding::Broken,
            FailureKind::ServerAway,
        );
        let late = broken(tonic::Code::Cancelled, "late", TimeoutExpired(()));
        check(late, Finding::Dropped, FailureKind::Late);
    }

    #[test]
    fn a_reason_includes_the_root_cause() {
        assert_eq!(reason(&Status::internal("why")), "why");
        assert_eq!(
            reason(&broken(tonic::Code::Unknown, "sad", cut())),
            "sad: the cable is cut"
        );
        assert_eq!(
            reason(&broken(tonic::Code::Unknown, "the cable is cut", cut())),
            "the cable is cut"
        );
    }
}
