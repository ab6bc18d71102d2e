//! The response to ServerReady, and what it means for the choice of an address.

use super::health::{Away, AwayKind};
use super::status::Cause;

/// The response to ServerReady.
pub(super) enum Reply {
    Ready,
    /// The server responds, and says that it is not ready, or refuses to say.
    NotReady(Cause),
    /// The server responds, and says that it is stopping.
    Leaving(Cause),
    /// The server, or a proxy before it, refuses the client's headers.
    Denied(Cause),
}

impl Reply {
    /// What the reply means for the choice of an address; `None`: it is ready.
    pub(super) fn away(self) -> Option<Away> {
        match self {
            Self::Ready => None,
            Self::NotReady(cause) => Some(Away {
                cause,
                kind: AwayKind::NotReady,
            }),
            Self::Leaving(cause) => Some(Away {
                cause,
                kind: AwayKind::Gone,
            }),
            Self::Denied(cause) => Some(Away {
                cause,
                kind: AwayKind::Denied,
            }),
        }
    }

    /// Whether the server accepts the client's headers.
    pub(super) fn is_accepted(&self) -> bool {
        !matches!(self, Self::Denied(_))
    }
}
