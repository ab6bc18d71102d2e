//! One run of a tenant.

use std::sync::Arc;
use std::time::Instant;

use super::restart::End;
use super::stall::Stall;
use crate::shutdown::Shutdown;
use crate::tenant::{RunId, Tenant};

/// The present run.
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// None while it is made.
    pub tenant: Option<Box<Tenant>>,
    /// From when on the time to the first frame is counted.
    pub since: Instant,
    /// Whether its start has returned.
    pub is_started: bool,
    /// Whether its first frame was said.
    pub is_announced: bool,
    /// Whether frames leave.
    pub stall: Stall,
    /// Set when it is asked to end.
    pub shutdown: Option<Shutdown>,
    /// Set when it is stopped.
    pub ending: Option<Ending>,
}

/// The end of a run.
pub struct Ending {
    /// How it ended.
    pub end: End,
    /// Why, for people.
    pub reason: Arc<str>,
    /// Since when it is being stopped.
    pub since: Instant,
    /// Whether it was said that it does not stop.
    pub is_said: bool,
}

impl Run {
    /// A run that was not started.
    pub fn new(id: RunId, tenant: Option<Box<Tenant>>, since: Instant) -> Self {
        Self {
            id,
            tenant,
            since,
            is_started: false,
            is_announced: false,
            stall: Stall::default(),
            shutdown: None,
            ending: None,
        }
    }
}

impl Ending {
    /// It ended at that time.
    pub fn new(end: End, reason: &str, since: Instant) -> Self {
        Self {
            end,
            reason: reason.strip_prefix("error: ").unwrap_or(reason).into(),
            since,
            is_said: false,
        }
    }
}
