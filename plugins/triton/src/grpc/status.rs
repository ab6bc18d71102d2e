//! Interpretation of gRPC statuses.
//!
//! A status with a source was created by the client for a failed connection; one without comes from the server.

use std::error::Error as _;
use std::iter;

use tonic::{Status, TimeoutExpired};

use crate::{Code, Error, Grpc};

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The deadline has passed.
    DeadlineExceeded,
    /// No server is available; the reason for each address.
    Unreachable(String),
    /// The server's code and message.
    Status { code: Code, message: String },
}

impl Failure {
    /// The server's code and message, if the status comes from the server.
    pub(super) fn of_status(status: Status) -> Option<Self> {
        (status.source().is_none() && !is_access_denied(&status)).then(|| Self::from(status))
    }

    pub(super) fn internal(message: String) -> Self {
        let code = Code::Internal;
        Self::Status { code, message }
    }

    pub(super) fn is_not_found(&self) -> bool {
        let code = Code::NotFound;
        matches!(self, Self::Status { code: found, .. } if *found == code)
    }

    /// The public error of a call about `model`.
    pub(super) fn into_error(self, endpoint: &Grpc, model: &str) -> Error {
        match self {
            Self::DeadlineExceeded => Error::DeadlineExceeded,
            Self::Unreachable(reason) => Error::Unreachable {
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

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        if is_late(&status) {
            return Self::DeadlineExceeded;
        }
        let code = match status.code() {
            tonic::Code::InvalidArgument => Code::InvalidArg,
            tonic::Code::NotFound => Code::NotFound,
            tonic::Code::Unavailable => Code::Unavailable,
            tonic::Code::Unimplemented => Code::Unsupported,
            tonic::Code::AlreadyExists => Code::AlreadyExists,
            tonic::Code::Cancelled => Code::Cancelled,
            tonic::Code::Internal => Code::Internal,
            _ => Code::Unknown,
        };
        let message = match code {
            Code::Unknown => format!("{}: {}", status.code(), reason(&status)),
            _ => reason(&status),
        };
        Self::Status { code, message }
    }
}

/// Whether the server is unavailable for this client, so that another one should be tried.
pub(super) fn is_unavailable(status: &Status) -> bool {
    let is_unavailable = status.code() == tonic::Code::Unavailable || status.source().is_some();
    !is_late(status) && (is_unavailable || is_access_denied(status))
}

/// Whether a server, or a proxy before it, does not accept the client's token or other headers.
pub(super) fn is_access_denied(status: &Status) -> bool {
    match status.code() {
        tonic::Code::Unauthenticated | tonic::Code::PermissionDenied => status.source().is_none(),
        // Triton's answer to a call without the header of --grpc-restricted-protocol.
        tonic::Code::Unavailable => status.message().contains("protocol is restricted"),
        _ => false,
    }
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

fn causes(status: &Status) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    iter::successors(status.source(), |&cause| cause.source())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    fn broken(code: tonic::Code, message: &str) -> Status {
        let mut status = Status::new(code, message);
        status.set_source(Arc::new(io::Error::other("the cable is cut")));
        status
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

    #[test]
    fn unavailable_servers_are_distinguished_from_failed_requests() {
        assert!(is_unavailable(&Status::unavailable("stopping")));
        assert!(is_unavailable(&broken(tonic::Code::Unknown, "transport error")));
        assert!(is_unavailable(&broken(tonic::Code::Unavailable, "connect error")));
        assert!(!is_unavailable(&Status::unknown("the server's own")));
        assert!(!is_unavailable(&Status::deadline_exceeded("late")));
        let mut late = Status::cancelled("late");
        late.set_source(Arc::new(TimeoutExpired(())));
        assert!(!is_unavailable(&late));
        assert_eq!(error(late), Error::DeadlineExceeded);
    }

    #[test]
    fn a_reason_includes_the_root_cause() {
        assert_eq!(reason(&Status::internal("why")), "why");
        assert_eq!(reason(&broken(tonic::Code::Unknown, "sad")), "sad: the cable is cut");
        assert_eq!(
            reason(&broken(tonic::Code::Unknown, "the cable is cut")),
            "the cable is cut"
        );
    }
}
