//! What the ledger needs of a line of the log, whatever schema the line has: the one place that reads [`LogLine`].

use std::sync::Arc;
use std::time::Duration;

use people::event::{Assigned, EventKind, LogLine, LogRecord, StepReason};
use people::{Activity, VestName};

/// Milliseconds: a duration, a running time, or a time of day as milliseconds since 1970 in UTC.
pub type Millis = i64;

/// Where a record was written. Records of equal origin are of one writer and in one order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The id of the writer's start; none in schema 1.
    pub run: Option<Arc<str>>,
    /// The tenant, where several share a log.
    pub tenant: Option<Arc<str>>,
    /// GStreamer's id of the stream; none in schema 1.
    pub stream_id: Option<Arc<str>>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it was written.
    pub origin: Origin,
    /// The number of the line within its origin, from 0 without holes; none in schema 1.
    pub sequence: Option<u64>,
    /// Running time.
    pub time: Millis,
    /// The time of day, where the writer knew it.
    pub utc: Option<Millis>,
    /// What it reports.
    pub fact: Fact,
}

/// What a record reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A station is watched from now on, and absent at first.
    Start {
        /// The station.
        station: Arc<str>,
        /// The worker it is assigned to; none for anyone.
        assigned: Option<VestName>,
    },
    /// A station was in one state until now.
    Held {
        /// The station.
        station: Arc<str>,
        /// The state until now.
        state: State,
        /// For how long, until now.
        lasted: Millis,
        /// The state from now on; none if the station is no longer watched.
        next: Option<State>,
        /// The worker in `next` took over from the one in `state`.
        is_handover: bool,
        /// The worker the station is assigned to.
        assigned: Assigned,
    },
    /// A clock or the timestamps stepped. Its time is no sign that anything was observed then.
    ClockStep {
        /// Why.
        reason: StepReason,
        /// By how much, negative if back.
        step: Millis,
    },
}

/// The state of a station, and who is active there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The state.
    pub activity: Activity,
    /// If active: the worker, none for a visitor.
    pub worker: Option<VestName>,
}

impl Record {
    /// Whether something was observed at its time.
    pub fn is_observation(&self) -> bool {
        !matches!(self.fact, Fact::ClockStep { .. })
    }
}

impl State {
    /// A state; the worker counts only while active.
    pub fn new(activity: Activity, worker: Option<VestName>) -> Self {
        let worker = worker.filter(|_| activity == Activity::Active);
        Self { activity, worker }
    }
}

impl From<LogLine> for Record {
    fn from(line: LogLine) -> Self {
        let from = line.origin();
        let origin = Origin {
            run: from.run.clone(),
            tenant: line.stream().cloned(),
            stream_id: from.stream_id.clone(),
        };
        let (sequence, utc) = (from.sequence, from.utc.map(|utc| utc.time.as_millisecond()));
        let (time, fact) = match line {
            LogLine::Event(record) => (record.event.time, fact(record)),
            LogLine::Clock(record) => {
                let step = i64::try_from(record.step.step.as_millis()).unwrap_or_default();
                let reason = record.step.reason;
                (record.step.time, Fact::ClockStep { reason, step })
            }
        };
        Self {
            origin,
            sequence,
            time: millis(time),
            utc,
            fact,
        }
    }
}

fn fact(record: LogRecord) -> Fact {
    let (station, worker) = (record.event.station, record.event.worker);
    let state = |activity| State::new(activity, worker.clone());
    let (state, lasted, next, is_handover, assigned) = match record.event.kind {
        EventKind::Start => {
            return Fact::Start {
                station,
                assigned: worker,
            };
        }
        EventKind::Change {
            state: next,
            previous,
            lasted,
            ..
        } => (state(previous), lasted, Some(state(next)), false, Assigned::Unstated),
        EventKind::Handover { from, lasted } => {
            let previous = State::new(Activity::Active, from);
            // Where it is, others' hands do not count.
            let assigned = Assigned::Anyone;
            (previous, lasted, Some(state(Activity::Active)), true, assigned)
        }
        EventKind::Heartbeat {
            state: present,
            lasted,
            assigned,
            ..
        } => (state(present), lasted, Some(state(present)), false, assigned),
        EventKind::End {
            state: last,
            lasted,
            assigned,
            ..
        } => (state(last), lasted, None, false, assigned),
    };
    Fact::Held {
        station,
        state,
        lasted: millis(lasted),
        next,
        is_handover,
        assigned,
    }
}

/// To the millisecond, as the log has it; times beyond what fits, some hundred million years, are cut.
fn millis(time: Duration) -> Millis {
    let rounded = (time.as_nanos() + 500_000) / 1_000_000;
    i64::try_from(rounded).unwrap_or(i64::MAX).min(i64::MAX / 4)
}
