//! What a tenant does, as the supervisor knows it. Views and metrics read it.

use std::sync::Arc;
use std::time::Instant;

/// What a tenant does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantState {
    /// Its pipeline is made and started; no frame has left yet.
    Starting,
    /// Frames leave.
    Playing,
    /// It plays, but no frame has left since then. One that may be restarted is, soon.
    Stalled {
        /// When the last frame left, or when it began to play.
        since: Instant,
    },
    /// It does not play and is started again.
    Waiting {
        /// Why the last run ended, or did not start.
        reason: Arc<str>,
        /// When it is started again.
        at: Instant,
    },
    /// It was asked to end, or is being stopped.
    Stopping {
        /// Since when.
        since: Instant,
    },
    /// It has reached its end, and is not started again.
    Ended,
    /// It is not started again, after an error.
    Failed {
        /// Why.
        reason: Arc<str>,
    },
}

impl TenantState {
    /// One word, for tables, labels and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Playing => "playing",
            Self::Stalled { .. } => "stalled",
            Self::Waiting { .. } => "waiting",
            Self::Stopping { .. } => "stopping",
            Self::Ended => "ended",
            Self::Failed { .. } => "failed",
        }
    }

    /// Every word that [`name`](Self::name) may give, in the order of a tenant's life.
    #[allow(dead_code, reason = "for the metrics")]
    pub const NAMES: [&str; 7] = [
        "starting", "playing", "stalled", "waiting", "stopping", "ended", "failed",
    ];

    /// Why it waits or has failed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Waiting { reason, .. } | Self::Failed { reason } => Some(reason),
            _ => None,
        }
    }

    /// Whether nothing more happens to it, unless its launch file changes.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Ended | Self::Failed { .. })
    }
}
