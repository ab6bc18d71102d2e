//! Activity events: one type for what happens at a station, and [`LogLine`], its one writer and reader as a line of JSON.
//!
//! `docs/activity.schema.json` is generated from these types; a test holds the two together. After a change:
//!
//! ```text
//! UPDATE_EXPECT=1 cargo test -p people schema
//! ```
//!
//! As a message on a GStreamer bus an event is written and read by `people_meta::bus`.

mod assigned;
mod clock;
mod record;
mod utc;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::seconds::Seconds;
use crate::{Activity, Totals, VestName};

pub use assigned::Assigned;
pub use clock::{ClockStep, StepReason};
pub use record::{ClockRecord, LogLine, LogRecord, Origin, RecordError};
pub use utc::{Utc, UtcClock};

/// The value of `schema` in each line that is written. Schema 2 adds fields and kinds to [`SCHEMAS`]' first and changes none.
pub const SCHEMA: &str = "shopfloor-activity/2";

/// The schemas that can be read.
pub const SCHEMAS: [&str; 2] = ["shopfloor-activity/1", SCHEMA];

/// Something happened at a station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "schema", rename = "shopfloor-activity/2")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Event {
    /// When it happened.
    #[serde(with = "Seconds")]
    pub time: Duration,
    /// The station's name.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub station: Arc<str>,
    /// A worker, by vest. In a start line: the worker that the station is assigned to, null for anyone. Otherwise: the
    /// worker who is or was last working there, null for no worker yet or a visitor.
    pub worker: Option<VestName>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened at a station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum EventKind {
    /// The station is watched from now on, and is absent at first. Written before the first frame, after a seek, and
    /// when the station file changes.
    Start,
    /// The station's state changed at `time`. A gap without inference is a change to unknown, with the time at which it
    /// began; on a live stream it is written while the gap lasts, on others once the next frame arrives.
    Change {
        /// The state from now on.
        state: Activity,
        /// The state until now, always a different one.
        previous: Activity,
        /// Duration of `previous`.
        #[serde(with = "Seconds")]
        lasted: Duration,
        /// Time in each state until now.
        totals: Totals,
    },
    /// At an unassigned station, another worker took over at `time` while the station stayed active: `worker` works
    /// there from now on.
    Handover {
        /// The previous worker, null for a visitor.
        from: Option<VestName>,
        /// How long the previous worker had been working.
        #[serde(with = "Seconds")]
        lasted: Duration,
    },
    /// The station's sums at `time`, written at a regular interval of running time; nothing has changed. A process that is
    /// killed loses no more than what came after the last one. Since schema 2.
    Heartbeat {
        /// The present state.
        state: Activity,
        /// Duration of `state` until now.
        #[serde(with = "Seconds")]
        lasted: Duration,
        /// Time in each state until now.
        totals: Totals,
        /// The worker that the station is assigned to, null for anyone. A log without its beginning has no start line.
        #[serde(default, skip_serializing_if = "Assigned::is_unstated")]
        assigned: Assigned,
    },
    /// The station is no longer watched: the stream ended, another began, or the station file changed. A log without
    /// this line was cut off.
    #[serde(rename = "totals")]
    End {
        /// The last state.
        state: Activity,
        /// Duration of `state`.
        #[serde(with = "Seconds")]
        lasted: Duration,
        /// Time in each state.
        totals: Totals,
        /// As in a heartbeat line. Since schema 2.
        #[serde(default, skip_serializing_if = "Assigned::is_unstated")]
        assigned: Assigned,
    },
}

impl EventKind {
    /// The values of `kind` of lines about a station; lines of others are about the clock, or newer than this code.
    const NAMES: [&str; 5] = ["start", "change", "handover", "heartbeat", "totals"];
}
