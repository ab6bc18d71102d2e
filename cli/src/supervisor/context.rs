//! What the steps of a tenant need: the options, the time, and where results go.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::restart::RestartPolicy;
use crate::summary::Summary;
use crate::tenant::Event;

/// What holds for all tenants.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The option `--restart`.
    pub restart: Option<RestartPolicy>,
    /// Time without a frame after which a run is over; none for never.
    pub stall: Option<Duration>,
    /// How long things are waited for.
    pub waits: Waits,
}

/// How long things are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// Before the first restart, without the jitter.
    pub restart: Duration,
    /// For a run to release everything. An element that holds it, for example a driver, may never do so.
    pub stop: Duration,
    /// For one that does not, before another run is started beside it, if it writes no files.
    pub leave: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            restart: Duration::from_secs(1),
            stop: Duration::from_secs(10),
            leave: Duration::from_secs(60),
        }
    }
}

/// What a step of a tenant needs.
pub struct Context<'a> {
    /// Now.
    pub now: Instant,
    /// What holds for all tenants.
    pub settings: Settings,
    /// Where runs report to.
    pub events: &'a Sender<Event>,
    /// What is to be printed, each line with the tenant's name.
    pub lines: &'a mut Vec<String>,
    /// The sums of the stations.
    pub summary: &'a mut Summary,
}
