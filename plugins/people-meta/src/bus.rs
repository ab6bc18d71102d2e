//! Activity events as element messages on a GStreamer bus: the names of the messages, their fields, both ways.
//!
//! The same events as JSON are [`people::event::LogRecord`]. Times are `guint64`, in nanoseconds.

use std::time::Duration;

use gst::prelude::*;
use people::event::{Event, EventKind};
use people::{Activity, Totals};

/// Name of the message of an [`EventKind::Start`].
pub const START: &str = "shopfloor-start";
/// Name of the message of an [`EventKind::Change`].
pub const ACTIVITY: &str = "shopfloor-activity";
/// Name of the message of an [`EventKind::Handover`].
pub const HANDOVER: &str = "shopfloor-handover";
/// Name of the message of an [`EventKind::End`].
pub const TOTALS: &str = "shopfloor-totals";
/// Name of the message with stations that were drawn by hand: the text of a station file is in its field `stations`.
pub const STATIONS: &str = "shopfloor-stations";

/// The event as the structure of an element message.
pub fn to_structure(event: &Event) -> gst::Structure {
    let name = match event.kind {
        EventKind::Start => START,
        EventKind::Change { .. } => ACTIVITY,
        EventKind::Handover { .. } => HANDOVER,
        EventKind::End { .. } => TOTALS,
    };
    let message = gst::Structure::builder(name)
        .field("station", &*event.station)
        .field_if_some("worker", event.worker.as_deref())
        .field("running-time", nanoseconds(event.time));
    match &event.kind {
        EventKind::Start => message.build(),
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
            .field("lasted", nanoseconds(*lasted))
            .build(),
        EventKind::End { state, lasted, totals } => with_times(message.field("state", state.name()), *lasted, totals),
    }
}

/// Reads the structure of an element message; `None` if it is not about an event at a station.
///
/// # Errors
/// A field that is missing, of another type, or has an unknown value.
pub fn from_structure(message: &gst::StructureRef) -> Result<Option<Event>, MessageError> {
    let fields = Fields(message);
    let kind = match message.name().as_str() {
        START => EventKind::Start,
        ACTIVITY => EventKind::Change {
            state: fields.state("state")?,
            previous: fields.state("previous")?,
            lasted: fields.time("lasted")?,
            totals: fields.totals()?,
        },
        HANDOVER => EventKind::Handover {
            from: fields.text("from")?.map(Into::into),
            lasted: fields.time("lasted")?,
        },
        TOTALS => EventKind::End {
            state: fields.state("state")?,
            lasted: fields.time("lasted")?,
            totals: fields.totals()?,
        },
        _ => return Ok(None),
    };
    Ok(Some(Event {
        time: fields.time("running-time")?,
        station: fields.required("station")?.into(),
        worker: fields.text("worker")?.map(Into::into),
        kind,
    }))
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

fn with_times(message: gst::structure::Builder, lasted: Duration, totals: &Totals) -> gst::Structure {
    message
        .field("lasted", nanoseconds(lasted))
        .field("active", nanoseconds(totals.active))
        .field("idle", nanoseconds(totals.idle))
        .field("absent", nanoseconds(totals.absent))
        .field("unknown", nanoseconds(totals.unknown))
        .build()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            EventKind::End { state, lasted, totals },
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
        for event in events() {
            assert_eq!(from_structure(&to_structure(&event)), Ok(Some(event)));
        }
    }

    #[test]
    fn names_and_fields_of_messages_are_fixed() {
        gst::init().unwrap();
        let message = |index: usize| to_structure(&events()[index]).to_string();
        assert_eq!(
            message(2),
            "shopfloor-activity, station=(string)\"bench\\ 1\", worker=(string)red, running-time=(guint64)12300000000, \
             state=(string)active, previous=(string)unknown, lasted=(guint64)2000000001, active=(guint64)4000000000, \
             idle=(guint64)8000000000, absent=(guint64)300000000, unknown=(guint64)0;"
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
            message(9),
            "shopfloor-totals, station=(string)\"bench\\ 1\", running-time=(guint64)12300000000, state=(string)active, \
             lasted=(guint64)2000000001, active=(guint64)4000000000, idle=(guint64)8000000000, absent=(guint64)300000000, \
             unknown=(guint64)0;"
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
        let mut message = to_structure(&events()[2]);
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
