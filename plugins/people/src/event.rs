//! Activity events: one type for what happens at a station, with its one writer and reader as a line of JSON.
//!
//! `docs/activity.schema.json` is generated from these types; a test holds the two together. After a change:
//!
//! ```text
//! UPDATE_EXPECT=1 cargo test -p people schema
//! ```
//!
//! As a message on a GStreamer bus an event is written and read by `people_meta::bus`.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::seconds::Seconds;
use crate::{Activity, Totals, VestName};

/// The value of `schema` in each line. The number behind the slash changes when a field changes its meaning or is
/// removed, not when a field or a kind of event is added.
pub const SCHEMA: &str = "shopfloor-activity/1";

/// Something happened at a station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "schema", rename = "shopfloor-activity/1")]
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
    /// The station's state changed at `time`. A gap without inference is a change to unknown; it is written once the
    /// next frame arrives, with the time at which it began.
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
    },
}

impl EventKind {
    /// The values of `kind` that [`LogRecord::from_json`] reads; lines of other kinds are newer than this code.
    const NAMES: [&str; 4] = ["start", "change", "handover", "totals"];
}

/// A line of an activity log, as activityzone's events-location and `shopfloor play --events` write it: one JSON object
/// per line, in the order in which things happened. Times are seconds of running time, rounded to milliseconds. The
/// number behind the slash in `schema` changes when a field changes its meaning or is removed, not when a field or a
/// kind of line is added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "shopfloor-activity/1"))]
pub struct LogRecord {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The tenant whose stream it is, where several share a log; stations of different streams may share a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub stream: Option<Arc<str>>,
}

impl From<Event> for LogRecord {
    /// The record of a log that has one stream only.
    fn from(event: Event) -> Self {
        Self { event, stream: None }
    }
}

impl LogRecord {
    /// The record as a line of JSON, without the line's end.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a record has no keys that JSON lacks")
    }

    /// Reads a line; `None` for an unknown kind of event. Unknown fields are ignored, so a newer
    /// log of the same schema can be read.
    ///
    /// # Errors
    /// A line that is not JSON, has another schema, or lacks a field.
    pub fn from_json(line: &[u8]) -> Result<Option<Self>, RecordError> {
        // Separately, so that an object with wrong fields is not reported as broken JSON.
        serde_json::from_slice::<serde::de::IgnoredAny>(line).map_err(RecordError::Json)?;
        let header: Header = serde_json::from_slice(line).map_err(|_| RecordError::NoSchema)?;
        match header.schema {
            Some(schema) if schema == SCHEMA => {}
            Some(schema) => return Err(RecordError::OtherSchema(schema)),
            None => return Err(RecordError::NoSchema),
        }
        if header
            .kind
            .is_some_and(|kind| !EventKind::NAMES.contains(&kind.as_str()))
        {
            return Ok(None);
        }
        serde_json::from_slice(line).map(Some).map_err(RecordError::Field)
    }
}

/// What decides whether a line can be read at all.
#[derive(Deserialize)]
struct Header {
    schema: Option<String>,
    kind: Option<String>,
}

/// Why a line cannot be read as a [`LogRecord`].
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
    use expect_test::{expect, expect_file};
    use schemars::Schema;
    use schemars::transform::{RecursiveTransform, Transform};

    use super::*;

    fn records() -> [LogRecord; 4] {
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
            EventKind::End {
                state: Activity::Unknown,
                lasted,
                totals,
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
        records
    }

    #[test]
    fn records_are_lines_of_json() {
        let lines = records().map(|record| record.to_json() + "\n");
        expect![[r#"
            {"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":null,"kind":"start"}
            {"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"change","state":"active","previous":"idle","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005},"stream":"yard \"2\""}
            {"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"handover","from":"blue","lasted":3.5}
            {"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"totals","state":"unknown","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005}}
        "#]].assert_eq(&lines.concat());
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        for record in records() {
            let line = record.to_json();
            let read = LogRecord::from_json(line.as_bytes()).unwrap().unwrap();
            // times are rounded by the first writing
            assert_eq!(read.to_json(), line);
        }
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
            start.replace("/1", "/2"),
            start.replace("\"kind\":\"start\"", "\"sort\":1"),
            start.replace("12.5", "-1"),
            change.replace("idle\",\"lasted", "asleep\",\"lasted"),
        ];
        let errors = lines
            .map(|line| LogRecord::from_json(line.as_bytes()).map_or_else(|e| format!("{e}\n"), |r| panic!("{r:?}")));
        expect![[r#"
            not valid JSON: trailing characters at line 1 column 2
            expected the schema shopfloor-activity/1, got none
            expected the schema shopfloor-activity/1, got none
            expected the schema shopfloor-activity/1, got `shopfloor-activity/2`
            missing field `kind` at line 1 column 98
            expected seconds, got -1: cannot convert float seconds to Duration: value is negative at line 1 column 102
            unknown variant `asleep`, expected one of `absent`, `idle`, `active`, `unknown` at line 1 column 244
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
        let mut schema = settings.into_generator().into_root_schema_for::<LogRecord>();
        // schemars does not see the tag that serde puts before the fields of a struct
        schema.ensure_object()["properties"]["schema"] = serde_json::json!({"const": SCHEMA});
        schema.ensure_object()["required"]
            .as_array_mut()
            .unwrap()
            .insert(0, "schema".into());
        RecursiveTransform(join_lines).transform(&mut schema);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        expect_file!["../../../docs/activity.schema.json"].assert_eq(&text);
    }
}
