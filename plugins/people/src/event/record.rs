//! The lines of an activity log: what happened, and where it is from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ClockStep, Event, EventKind, SCHEMA, SCHEMAS, Utc};

/// A line of an activity log, as activityzone's events-location and `shopfloor play --events` write it: one JSON object
/// per line, in the order in which things happened at a station. Times are seconds of running time, rounded to milliseconds.
/// A reader ignores fields and kinds that it does not know; the number behind the slash in `schema` changes when more is
/// written than a reader of the number before may expect.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "shopfloor-activity/2"))]
pub enum LogLine {
    /// Something happened at a station.
    Event(LogRecord),
    /// A clock or the stream's timestamps stepped. Since schema 2.
    Clock(ClockRecord),
}

/// A line about a station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LogRecord {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The tenant whose stream it is, where several share a log; stations of different streams may share a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub stream: Option<Arc<str>>,
    /// When it happened by the clock, and where the line is from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// A line about the stream's time; it has no station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "schema", rename = "shopfloor-activity/2")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "ClockRecord"))]
pub struct ClockRecord {
    /// What happened.
    #[serde(flatten)]
    pub step: ClockStep,
    /// The tenant whose stream it is, where several share a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub stream: Option<Arc<str>>,
    /// When it happened by the clock, and where the line is from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where a line is from: fields of schema 2, each of which may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Origin {
    /// When it happened by the clock; missing where the stream has none, as a file without `start-time`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub utc: Option<Utc>,
    /// GStreamer's id of the stream. After another source has taken its place it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub stream_id: Option<Arc<str>>,
    /// The id of the run: another one at each start of the element that states the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub run: Option<Arc<str>>,
    /// The number of the line in its run and stream, counted from 0: a reader finds missing and repeated lines by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "u64"))]
    pub sequence: Option<u64>,
}

impl From<Event> for LogRecord {
    /// The record of a log that has one stream only and nothing but its running time.
    fn from(event: Event) -> Self {
        Self {
            event,
            stream: None,
            origin: Origin::default(),
        }
    }
}

impl LogLine {
    /// The line of JSON, without the line's end.
    pub fn to_json(&self) -> String {
        match self {
            Self::Event(record) => record.to_json(),
            Self::Clock(record) => record.to_json(),
        }
    }

    /// Reads a line of one of [`SCHEMAS`]; `None` for an unknown kind. Unknown fields are ignored, so a newer log of the
    /// same schema can be read.
    ///
    /// # Errors
    /// A line that is not JSON, has another schema, or lacks a field.
    pub fn from_json(line: &[u8]) -> Result<Option<Self>, RecordError> {
        // Separately, so that an object with wrong fields is not reported as broken JSON.
        serde_json::from_slice::<serde::de::IgnoredAny>(line).map_err(RecordError::Json)?;
        let header: Header = serde_json::from_slice(line).map_err(|_| RecordError::NoSchema)?;
        match header.schema {
            Some(schema) if SCHEMAS.contains(&schema.as_str()) => {}
            Some(schema) => return Err(RecordError::OtherSchema(schema)),
            None => return Err(RecordError::NoSchema),
        }
        let read = match header.kind.as_deref() {
            Some(ClockStep::KIND) => serde_json::from_slice(line).map(Self::Clock),
            Some(kind) if !EventKind::NAMES.contains(&kind) => return Ok(None),
            _ => serde_json::from_slice(line).map(Self::Event),
        };
        read.map(Some).map_err(RecordError::Field)
    }

    /// Where the line is from.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Event(record) => &record.origin,
            Self::Clock(record) => &record.origin,
        }
    }

    /// The tenant whose stream it is.
    pub fn stream(&self) -> Option<&Arc<str>> {
        match self {
            Self::Event(record) => record.stream.as_ref(),
            Self::Clock(record) => record.stream.as_ref(),
        }
    }

    /// The same line as one of the tenant `stream`.
    pub fn of_stream(mut self, stream: Arc<str>) -> Self {
        match &mut self {
            Self::Event(record) => record.stream = Some(stream),
            Self::Clock(record) => record.stream = Some(stream),
        }
        self
    }
}

impl LogRecord {
    /// The record as a line of JSON, without the line's end.
    pub fn to_json(&self) -> String {
        json(self)
    }

    /// As [`LogLine::from_json`], for a reader that needs the lines about stations only; `None` for others.
    ///
    /// # Errors
    /// As [`LogLine::from_json`].
    pub fn from_json(line: &[u8]) -> Result<Option<Self>, RecordError> {
        Ok(match LogLine::from_json(line)? {
            Some(LogLine::Event(record)) => Some(record),
            Some(LogLine::Clock(_)) | None => None,
        })
    }
}

impl ClockRecord {
    /// The record as a line of JSON, without the line's end.
    pub fn to_json(&self) -> String {
        json(self)
    }
}

fn json(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("a record has no keys that JSON lacks")
}

/// What decides whether a line can be read at all.
#[derive(Deserialize)]
struct Header {
    schema: Option<String>,
    kind: Option<String>,
}

/// Why a line cannot be read as a [`LogLine`].
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The line is not JSON.
    #[error("not valid JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// The line has no schema.
    #[error("expected the schema {SCHEMA}, got none")]
    NoSchema,
    /// The line has another schema.
    #[error("expected the schema {SCHEMA}, got `{0}`")]
    OtherSchema(String),
    /// A field is missing or has a wrong value.
    #[error("{0}")]
    Field(#[source] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{expect, expect_file};
    use jiff::SignedDuration;
    use schemars::Schema;
    use schemars::transform::{RecursiveTransform, Transform};

    use super::super::{Assigned, StepReason, UtcClock};
    use super::*;
    use crate::{Activity, Totals};

    fn records() -> [LogRecord; 5] {
        let totals = Totals {
            active: Duration::from_secs(2),
            idle: Duration::from_nanos(4_033_333_333),
            absent: Duration::ZERO,
            unknown: Duration::from_millis(5),
        };
        let lasted = Duration::from_nanos(3_499_500_000);
        let kinds = [
            EventKind::Start,
            EventKind::Change {
                state: Activity::Active,
                previous: Activity::Idle,
                lasted,
                totals,
            },
            EventKind::Handover {
                from: Some("blue".into()),
                lasted,
            },
            EventKind::Heartbeat {
                state: Activity::Idle,
                lasted,
                totals,
                assigned: Assigned::To("red".into()),
            },
            EventKind::End {
                state: Activity::Unknown,
                lasted,
                totals,
                assigned: Assigned::Anyone,
            },
        ];
        let mut records = kinds.map(|kind| {
            LogRecord::from(Event {
                time: Duration::from_millis(12_500),
                station: "cutting \"board\"".into(),
                worker: Some("red".into()),
                kind,
            })
        });
        records[0].event.worker = None;
        records[1].stream = Some("yard \"2\"".into());
        records[3].origin = origin();
        records
    }

    fn origin() -> Origin {
        Origin {
            utc: Some(Utc {
                time: "2026-11-26T19:00:00.0125Z".parse().unwrap(),
                clock: UtcClock::Camera,
            }),
            stream_id: Some("a3/1".into()),
            run: Some("5f1c".into()),
            sequence: Some(7),
        }
    }

    fn clock() -> ClockRecord {
        ClockRecord {
            step: ClockStep {
                time: Duration::from_millis(12_500),
                step: SignedDuration::from_millis(-1_250),
                reason: StepReason::HostClock,
            },
            stream: Some("yard".into()),
            origin: origin(),
        }
    }

    fn lines() -> Vec<LogLine> {
        let records = records().into_iter().map(LogLine::Event);
        records.chain([LogLine::Clock(clock())]).collect()
    }

    #[test]
    fn records_are_lines_of_json() {
        let lines: String = lines().iter().map(|record| record.to_json() + "\n").collect();
        expect![[r#"
            {"schema":"shopfloor-activity/2","time":12.5,"station":"cutting \"board\"","worker":null,"kind":"start"}
            {"schema":"shopfloor-activity/2","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"change","state":"active","previous":"idle","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005,"coverage":0.9991},"stream":"yard \"2\""}
            {"schema":"shopfloor-activity/2","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"handover","from":"blue","lasted":3.5}
            {"schema":"shopfloor-activity/2","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"heartbeat","state":"idle","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005,"coverage":0.9991},"assigned":"red","utc":"2026-11-26T19:00:00.013Z","clock":"camera","stream_id":"a3/1","run":"5f1c","sequence":7}
            {"schema":"shopfloor-activity/2","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"totals","state":"unknown","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005,"coverage":0.9991},"assigned":null}
            {"schema":"shopfloor-activity/2","kind":"clock","time":12.5,"step":-1.25,"reason":"host-clock","stream":"yard","utc":"2026-11-26T19:00:00.013Z","clock":"camera","stream_id":"a3/1","run":"5f1c","sequence":7}
        "#]].assert_eq(&lines);
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        for line in lines() {
            let written = line.to_json();
            let read = LogLine::from_json(written.as_bytes()).unwrap().unwrap();
            // times are rounded by the first writing
            assert_eq!(read.to_json(), written);
            assert_eq!(
                (read.stream(), read.origin().sequence),
                (line.stream(), line.origin().sequence)
            );
        }
    }

    #[test]
    fn lines_of_schema_1_are_read() {
        let line = r#"{"schema":"shopfloor-activity/1","time":12.5,"station":"bench","worker":"red","kind":"totals","state":"unknown","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005}}"#;
        let record = LogRecord::from_json(line.as_bytes()).unwrap().unwrap();
        assert_eq!((record.stream, record.origin), (None, Origin::default()));
        let EventKind::End { totals, assigned, .. } = record.event.kind else {
            panic!("{:?}", record.event)
        };
        assert_eq!(
            (totals.sum(), assigned),
            (Duration::from_millis(6_038), Assigned::Unstated)
        );
    }

    #[test]
    fn a_line_about_the_clock_is_none_about_a_station() {
        assert_eq!(LogRecord::from_json(clock().to_json().as_bytes()).unwrap(), None);
    }

    #[test]
    fn every_kind_of_event_is_read() {
        let kinds = records().map(|record| {
            let line: serde_json::Value = serde_json::from_str(&record.to_json()).unwrap();
            line["kind"].as_str().unwrap().to_owned()
        });
        assert_eq!(kinds, EventKind::NAMES);
    }

    #[test]
    fn unknown_kinds_and_fields_are_ignored() {
        let [start, ..] = records().map(|record| record.to_json());
        let later = start.replace("start", "weather");
        assert_eq!(LogRecord::from_json(later.as_bytes()).unwrap(), None);
        let wider = start.replace('}', ",\"sky\":[1]}");
        let read = LogRecord::from_json(wider.as_bytes()).unwrap().unwrap();
        assert_eq!(read, records()[0]);
    }

    #[test]
    fn lines_that_are_no_records_are_errors() {
        let [start, change, ..] = records().map(|record| record.to_json());
        let lines = [
            "0:00:01 active".to_owned(),
            "[1]".to_owned(),
            "{\"stations\": []}".to_owned(),
            start.replace("/2", "/3"),
            start.replace("\"kind\":\"start\"", "\"sort\":1"),
            start.replace("12.5", "-1"),
            change.replace("idle\",\"lasted", "asleep\",\"lasted"),
        ];
        let errors = lines
            .map(|line| LogRecord::from_json(line.as_bytes()).map_or_else(|e| format!("{e}\n"), |r| panic!("{r:?}")));
        expect![[r#"
            not valid JSON: trailing characters at line 1 column 2
            expected the schema shopfloor-activity/2, got none
            expected the schema shopfloor-activity/2, got none
            expected the schema shopfloor-activity/2, got `shopfloor-activity/3`
            missing field `kind` at line 1 column 98
            expected seconds, got -1: cannot convert float seconds to Duration: value is negative at line 1 column 102
            unknown variant `asleep`, expected one of `absent`, `idle`, `active`, `unknown` at line 1 column 262
        "#]]
        .assert_eq(&errors.concat());
    }

    /// The line breaks of doc comments mean nothing.
    fn join_lines(schema: &mut Schema) {
        if let Some(serde_json::Value::String(text)) = schema.get_mut("description") {
            *text = text.replace('\n', " ");
        }
    }

    #[test]
    fn schema_of_the_documents_is_that_of_the_types() {
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let mut schema = settings.into_generator().into_root_schema_for::<LogLine>();
        // schemars does not see the tag that serde puts before the fields of a struct
        for record in ["LogRecord", "ClockRecord"] {
            let record = &mut schema.ensure_object()["$defs"][record];
            record["properties"]["schema"] = serde_json::json!({"enum": SCHEMAS});
            record["required"].as_array_mut().unwrap().insert(0, "schema".into());
        }
        RecursiveTransform(join_lines).transform(&mut schema);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        expect_file!["../../../../docs/activity.schema.json"].assert_eq(&text);
    }
}
