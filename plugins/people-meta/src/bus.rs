//! Activity events as element messages on a GStreamer bus: the names of the messages, their fields, both ways.
//!
//! The same events as JSON are [`people::event::LogLine`]. Times are `guint64`, in nanoseconds.

use std::time::Duration;

use gst::prelude::*;
use people::event::{
    Assigned, ClockRecord, ClockStep, Event, EventKind, LogLine, LogRecord, Origin, StepReason, Utc, UtcClock,
};
use people::{Activity, Totals};

/// Name of the message of an [`EventKind::Start`].
pub const START: &str = "shopfloor-start";
/// Name of the message of an [`EventKind::Change`].
pub const ACTIVITY: &str = "shopfloor-activity";
/// Name of the message of an [`EventKind::Handover`].
pub const HANDOVER: &str = "shopfloor-handover";
/// Name of the message of an [`EventKind::Heartbeat`].
pub const HEARTBEAT: &str = "shopfloor-heartbeat";
/// Name of the message of an [`EventKind::End`].
pub const TOTALS: &str = "shopfloor-totals";
/// Name of the message of a [`ClockStep`].
pub const CLOCK: &str = "shopfloor-clock";
/// Name of the message with stations that were drawn by hand: the text of a station file is in its field `stations`.
pub const STATIONS: &str = "shopfloor-stations";

/// The line of a log as the structure of an element message. The tenant is not in it: a bus is one tenant's.
pub fn to_structure(line: &LogLine) -> gst::Structure {
    let message = match line {
        LogLine::Event(record) => event(&record.event),
        LogLine::Clock(record) => clock_step(&record.step),
    };
    with_origin(message, line.origin()).build()
}

fn event(event: &Event) -> gst::structure::Builder {
    let name = match event.kind {
        EventKind::Start => START,
        EventKind::Change { .. } => ACTIVITY,
        EventKind::Handover { .. } => HANDOVER,
        EventKind::Heartbeat { .. } => HEARTBEAT,
        EventKind::End { .. } => TOTALS,
    };
    let message = gst::Structure::builder(name)
        .field("station", &*event.station)
        .field_if_some("worker", event.worker.as_deref())
        .field("running-time", nanoseconds(event.time));
    match &event.kind {
        EventKind::Start => message,
        EventKind::Change {
            state,
            previous,
            lasted,
            totals,
        } => {
            let message = message.field("state", state.name()).field("previous", previous.name());
            with_times(message, *lasted, totals)
        }
        EventKind::Handover { from, lasted } => message
            .field_if_some("from", from.as_deref())
            .field("lasted", nanoseconds(*lasted)),
        EventKind::Heartbeat {
            state,
            lasted,
            totals,
            assigned,
        }
        | EventKind::End {
            state,
            lasted,
            totals,
            assigned,
        } => with_times(message.field("state", state.name()), *lasted, totals)
            .field_if_some("assigned", assigned.worker().map(|worker| &**worker)),
    }
}

fn clock_step(step: &ClockStep) -> gst::structure::Builder {
    gst::Structure::builder(CLOCK)
        .field("running-time", nanoseconds(step.time))
        .field("step", i64::try_from(step.step.as_nanos()).unwrap_or(i64::MAX))
        .field("reason", step.reason.name())
}

fn with_origin(message: gst::structure::Builder, origin: &Origin) -> gst::structure::Builder {
    message
        .field_if_some("utc", origin.utc.map(|utc| utc.to_rfc3339()))
        .field_if_some("clock", origin.utc.map(|utc| utc.clock.name()))
        .field_if_some("stream-id", origin.stream_id.as_deref())
        .field_if_some("run", origin.run.as_deref())
        .field_if_some("sequence", origin.sequence)
}

/// Reads the event in the structure of an element message; `None` if it is not about a station.
///
/// # Errors
/// As [`line_from_structure`].
pub fn from_structure(message: &gst::StructureRef) -> Result<Option<Event>, MessageError> {
    let line = line_from_structure(message)?;
    Ok(line.and_then(|line| match line {
        LogLine::Event(record) => Some(record.event),
        LogLine::Clock(_) => None,
    }))
}

/// Reads the structure of an element message as a line of a log; `None` if it is none of the messages above.
///
/// # Errors
/// A field that is missing, of another type, or has an unknown value.
pub fn line_from_structure(message: &gst::StructureRef) -> Result<Option<LogLine>, MessageError> {
    let fields = Fields(message);
    let stream = None;
    if message.name() == CLOCK {
        let (step, origin) = (fields.clock_step()?, fields.origin()?);
        return Ok(Some(LogLine::Clock(ClockRecord { step, stream, origin })));
    }
    let Some(event) = fields.event()? else {
        return Ok(None);
    };
    let origin = fields.origin()?;
    Ok(Some(LogLine::Event(LogRecord { event, stream, origin })))
}

/// The stations that were drawn by hand, `json` the text of a station file, as the structure of an element message.
pub fn stations_to_structure(json: &str) -> gst::Structure {
    gst::Structure::builder(STATIONS).field("stations", json).build()
}

/// A message that has the name of an event and not its fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message {message}: field '{field}': expected {expected}, got {found}")]
pub struct MessageError {
    /// The message's name.
    pub message: String,
    /// The field's name.
    pub field: &'static str,
    /// What the field must hold.
    pub expected: &'static str,
    /// What it holds.
    pub found: String,
}

struct Fields<'a>(&'a gst::StructureRef);

impl<'a> Fields<'a> {
    fn event(&self) -> Result<Option<Event>, MessageError> {
        let kind = match self.0.name().as_str() {
            START => EventKind::Start,
            ACTIVITY => EventKind::Change {
                state: self.state("state")?,
                previous: self.state("previous")?,
                lasted: self.time("lasted")?,
                totals: self.totals()?,
            },
            HANDOVER => EventKind::Handover {
                from: self.text("from")?.map(Into::into),
                lasted: self.time("lasted")?,
            },
            HEARTBEAT => EventKind::Heartbeat {
                state: self.state("state")?,
                lasted: self.time("lasted")?,
                totals: self.totals()?,
                assigned: self.assigned()?,
            },
            TOTALS => EventKind::End {
                state: self.state("state")?,
                lasted: self.time("lasted")?,
                totals: self.totals()?,
                assigned: self.assigned()?,
            },
            _ => return Ok(None),
        };
        Ok(Some(Event {
            time: self.time("running-time")?,
            station: self.required("station")?.into(),
            worker: self.text("worker")?.map(Into::into),
            kind,
        }))
    }

    fn clock_step(&self) -> Result<ClockStep, MessageError> {
        let step = self.0.get("step");
        let step: i64 = step.map_err(|_| self.error("step", "nanoseconds as gint64"))?;
        Ok(ClockStep {
            time: self.time("running-time")?,
            step: jiff::SignedDuration::from_nanos(step),
            reason: StepReason::from_name(self.required("reason")?),
        })
    }

    fn origin(&self) -> Result<Origin, MessageError> {
        let sequence = self.0.get_optional("sequence");
        Ok(Origin {
            utc: self.utc()?,
            stream_id: self.text("stream-id")?.map(Into::into),
            run: self.text("run")?.map(Into::into),
            sequence: sequence.map_err(|_| self.error("sequence", "a number as guint64"))?,
        })
    }

    fn utc(&self) -> Result<Option<Utc>, MessageError> {
        let Some(time) = self.text("utc")? else {
            return Ok(None);
        };
        let clock = UtcClock::from_name(self.required("clock")?);
        Ok(Some(Utc {
            time: time.parse().map_err(|_| self.error("utc", "an RFC 3339 time"))?,
            clock: clock.ok_or_else(|| self.error("clock", "camera, host or start-time"))?,
        }))
    }

    fn text(&self, field: &'static str) -> Result<Option<&'a str>, MessageError> {
        let wrong = || self.error(field, "a string");
        self.0.get_optional(field).map_err(|_| wrong())
    }

    fn required(&self, field: &'static str) -> Result<&'a str, MessageError> {
        self.text(field)?.ok_or_else(|| self.error(field, "a string"))
    }

    fn state(&self, field: &'static str) -> Result<Activity, MessageError> {
        let name = self.required(field)?;
        Activity::from_name(name).ok_or_else(|| self.error(field, "active, idle, absent or unknown"))
    }

    fn time(&self, field: &'static str) -> Result<Duration, MessageError> {
        let nanoseconds = self.0.get(field);
        nanoseconds
            .map(Duration::from_nanos)
            .map_err(|_| self.error(field, "nanoseconds as guint64"))
    }

    /// A message of a station for anyone has no such field.
    fn assigned(&self) -> Result<Assigned, MessageError> {
        let worker = self.text("assigned")?;
        Ok(worker.map(Into::into).into())
    }

    fn totals(&self) -> Result<Totals, MessageError> {
        Ok(Totals {
            active: self.time("active")?,
            idle: self.time("idle")?,
            absent: self.time("absent")?,
            unknown: self.time("unknown")?,
        })
    }

    fn error(&self, field: &'static str, expected: &'static str) -> MessageError {
        let found = self.0.value(field).map_or_else(
            |_| "no such field".to_owned(),
            |value| {
                let text = value.serialize();
                text.map_or_else(
                    |_| value.type_().to_string(),
                    |text| format!("{text} ({})", value.type_()),
                )
            },
        );
        MessageError {
            message: self.0.name().to_string(),
            field,
            expected,
            found,
        }
    }
}

fn with_times(message: gst::structure::Builder, lasted: Duration, totals: &Totals) -> gst::structure::Builder {
    message
        .field("lasted", nanoseconds(lasted))
        .field("active", nanoseconds(totals.active))
        .field("idle", nanoseconds(totals.idle))
        .field("absent", nanoseconds(totals.absent))
        .field("unknown", nanoseconds(totals.unknown))
        .field_if_some("coverage", totals.coverage())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<LogLine> {
        let origin = Origin {
            utc: Some(Utc {
                time: "2026-11-26T19:00:00.125Z".parse().unwrap(),
                clock: UtcClock::Host,
            }),
            stream_id: Some("a3/1".into()),
            run: Some("5f1c".into()),
            sequence: Some(7),
        };
        let record = |event, origin| LogRecord {
            event,
            stream: None,
            origin,
        };
        let plain = events().into_iter().map(|event| record(event, Origin::default()));
        let full = events().into_iter().map(|event| record(event, origin.clone()));
        let clock = ClockRecord {
            step: ClockStep {
                time: Duration::from_millis(12_300),
                step: jiff::SignedDuration::from_millis(-1_250),
                reason: StepReason::HostClock,
            },
            stream: None,
            origin: origin.clone(),
        };
        plain
            .chain(full)
            .map(LogLine::Event)
            .chain([LogLine::Clock(clock)])
            .collect()
    }

    fn events() -> Vec<Event> {
        let lasted = Duration::from_nanos(2_000_000_001);
        let totals = Totals {
            active: Duration::from_secs(4),
            idle: Duration::from_secs(8),
            absent: Duration::from_millis(300),
            unknown: Duration::ZERO,
        };
        let state = Activity::Active;
        let change = EventKind::Change {
            state,
            previous: Activity::Unknown,
            lasted,
            totals,
        };
        let handover = |from: Option<&str>| EventKind::Handover {
            from: from.map(Into::into),
            lasted,
        };
        let kinds = [
            EventKind::Start,
            change,
            handover(Some("blue")),
            handover(None),
            EventKind::Heartbeat {
                state,
                lasted,
                totals,
                assigned: Assigned::To("red".into()),
            },
            EventKind::End {
                state,
                lasted,
                totals,
                assigned: Assigned::Anyone,
            },
        ];
        let event = |kind: EventKind, worker: Option<&str>| Event {
            time: Duration::from_millis(12_300),
            station: "bench 1".into(),
            worker: worker.map(Into::into),
            kind,
        };
        let kinds = kinds.into_iter();
        kinds
            .flat_map(|kind| [event(kind.clone(), Some("red")), event(kind, None)])
            .collect()
    }

    #[test]
    fn events_are_read_as_they_were_written() {
        gst::init().unwrap();
        for line in lines() {
            assert_eq!(line_from_structure(&to_structure(&line)), Ok(Some(line.clone())));
            let event = match line.clone() {
                LogLine::Event(record) => Some(record.event),
                LogLine::Clock(_) => None,
            };
            assert_eq!(from_structure(&to_structure(&line)), Ok(event));
        }
    }

    #[test]
    fn names_and_fields_of_messages_are_fixed() {
        gst::init().unwrap();
        let message = |index: usize| to_structure(&lines()[index]).to_string();
        assert_eq!(
            message(2),
            "shopfloor-activity, station=(string)\"bench\\ 1\", worker=(string)red, running-time=(guint64)12300000000, \
             state=(string)active, previous=(string)unknown, lasted=(guint64)2000000001, active=(guint64)4000000000, \
             idle=(guint64)8000000000, absent=(guint64)300000000, unknown=(guint64)0, coverage=(double)1;"
        );
        assert_eq!(
            message(1),
            "shopfloor-start, station=(string)\"bench\\ 1\", running-time=(guint64)12300000000;"
        );
        assert_eq!(
            message(4),
            "shopfloor-handover, station=(string)\"bench\\ 1\", worker=(string)red, running-time=(guint64)12300000000, \
             from=(string)blue, lasted=(guint64)2000000001;"
        );
        assert_eq!(
            message(8),
            "shopfloor-heartbeat, station=(string)\"bench\\ 1\", worker=(string)red, running-time=(guint64)12300000000, \
             state=(string)active, lasted=(guint64)2000000001, active=(guint64)4000000000, idle=(guint64)8000000000, \
             absent=(guint64)300000000, unknown=(guint64)0, coverage=(double)1, assigned=(string)red;"
        );
        assert_eq!(
            message(11),
            "shopfloor-totals, station=(string)\"bench\\ 1\", running-time=(guint64)12300000000, state=(string)active, \
             lasted=(guint64)2000000001, active=(guint64)4000000000, idle=(guint64)8000000000, absent=(guint64)300000000, \
             unknown=(guint64)0, coverage=(double)1;"
        );
        assert_eq!(
            message(13),
            "shopfloor-start, station=(string)\"bench\\ 1\", running-time=(guint64)12300000000, \
             utc=(string)2026-11-26T19:00:00.125Z, clock=(string)host, stream-id=(string)a3/1, run=(string)5f1c, \
             sequence=(guint64)7;"
        );
        assert_eq!(
            message(24),
            "shopfloor-clock, running-time=(guint64)12300000000, step=(gint64)-1250000000, reason=(string)host-clock, \
             utc=(string)2026-11-26T19:00:00.125Z, clock=(string)host, stream-id=(string)a3/1, run=(string)5f1c, \
             sequence=(guint64)7;"
        );
    }

    #[test]
    fn other_messages_are_no_events() {
        gst::init().unwrap();
        assert_eq!(from_structure(&stations_to_structure("{}")), Ok(None));
    }

    #[test]
    fn errors_name_message_and_field() {
        gst::init().unwrap();
        let mut message = to_structure(&lines()[2]);
        let check = |message: &gst::StructureRef, expected: &str| {
            assert_eq!(from_structure(message).unwrap_err().to_string(), expected);
        };
        message.set("running-time", "noon");
        check(
            &message,
            "message shopfloor-activity: field 'running-time': expected nanoseconds as guint64, got noon (gchararray)",
        );
        message.remove_field("lasted");
        check(
            &message,
            "message shopfloor-activity: field 'lasted': expected nanoseconds as guint64, got no such field",
        );
        message.set("state", "asleep");
        check(
            &message,
            "message shopfloor-activity: field 'state': expected active, idle, absent or unknown, got asleep (gchararray)",
        );
    }
}
