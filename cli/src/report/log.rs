//! Reads an activity log, one JSON record a line, and reports mistakes by their line.
//!
//! Unknown fields and unknown kinds of records are ignored, so a newer log of the same schema can be read.

use anyhow::{Result, anyhow, bail};
use people::event::{LogRecord, RecordError, SCHEMA};

/// A whole log.
#[derive(Debug, Default, PartialEq)]
pub struct Log {
    /// Its records, in their order.
    pub records: Vec<LogRecord>,
    /// The last line is incomplete, because the writer was stopped; it is left out.
    pub torn: bool,
}

/// Reads the text of a log.
///
/// # Errors
/// The first line that is not JSON, has another schema, or lacks a field; or that there are no records at all. The
/// message begins with the line's number.
pub fn parse(text: &[u8]) -> Result<Log> {
    let mut log = Log::default();
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let whole = line.ends_with(b"\n");
        // Some editors begin a file with a byte order mark.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        if line.is_empty() {
            continue;
        }
        match LogRecord::from_json(line) {
            Ok(record) => log.records.extend(record),
            Err(RecordError::Json(error)) if error.is_eof() && !whole && !log.records.is_empty() => log.torn = true,
            Err(error) => bail!("line {}: {}", index + 1, describe(&error, line)),
        }
    }
    if log.records.is_empty() {
        bail!("no activity in it: expected lines of the schema {SCHEMA}; {REMEDY}");
    }
    Ok(log)
}

/// What to do about a file that is not a log.
pub(super) const REMEDY: &str = "give a log that `shopfloor play --events` or activityzone's events-location wrote";

/// What is wrong with a line, and what to do.
fn describe(error: &RecordError, line: &[u8]) -> anyhow::Error {
    match error {
        RecordError::Json(error) => anyhow!(
            "expected a line of JSON, got `{}` ({} at column {}); {REMEDY}",
            shortened(line),
            without_place(error),
            error.column()
        ),
        RecordError::NoSchema => anyhow!("{error}; {REMEDY}"),
        RecordError::OtherSchema(other) => anyhow!(
            "expected the schema {SCHEMA}, got `{}`; use the version of shopfloor that wrote the file",
            shortened(other.as_bytes())
        ),
        // Its column is the line's end.
        RecordError::Field(error) => anyhow!("{}; {REMEDY}", without_place(error)),
    }
}

/// The error without its place.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map(str::to_owned).unwrap_or(text)
}

/// The beginning of a line, short enough for a message.
fn shortened(line: &[u8]) -> String {
    const LONGEST: usize = 40;
    let line = String::from_utf8_lossy(line);
    let shown: String = line.chars().take(LONGEST).collect();
    if shown.len() < line.len() { shown + "..." } else { shown }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};
    use people::Activity;
    use people::event::EventKind;

    use super::*;

    const START: &str = r#"{"schema":"shopfloor-activity/1","kind":"start","time":0.5,"station":"till","worker":null}"#;
    const CHANGE: &str = r#"{"schema":"shopfloor-activity/1","kind":"change","time":12.3,"station":"till","worker":"red",
        "state":"active","previous":"unknown","lasted":2,"totals":{"active":4.0,"idle":0,"absent":0,"unknown":2,"more":1},"stream":"yard","more":[1]}"#;

    fn check(text: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&parse(text.as_ref()).unwrap_err().to_string());
    }

    #[test]
    fn records_are_read_in_order() {
        let change = CHANGE.replace('\n', " ");
        let end = START.replace("start", "totals").replace(
            "}",
            r#","state":"idle","lasted":3,"totals":{"active":0,"idle":3,"absent":0,"unknown":0}}"#,
        );
        let log = parse(format!("\u{feff}{START}\r\n\n{change}\n{end}").as_bytes()).unwrap();
        assert!(!log.torn);
        let [start, change, end] = &log.records[..] else {
            panic!("{log:?}")
        };
        assert_eq!(start.event.kind, EventKind::Start);
        assert_eq!(start.event.time, Duration::from_millis(500));
        assert_eq!((&start.event.worker, &start.stream), (&None, &None));
        let EventKind::Change {
            state: Activity::Active,
            previous: Activity::Unknown,
            lasted,
            ..
        } = change.event.kind
        else {
            panic!("{change:?}")
        };
        assert_eq!(lasted, Duration::from_secs(2));
        assert_eq!(
            (change.event.worker.as_deref(), change.stream.as_deref()),
            (Some("red"), Some("yard"))
        );
        let EventKind::End {
            state: Activity::Idle,
            lasted,
            ..
        } = end.event.kind
        else {
            panic!("{end:?}")
        };
        assert_eq!(lasted, Duration::from_secs(3));
    }

    #[test]
    fn unknown_kinds_of_records_are_ignored() {
        let other = r#"{"schema":"shopfloor-activity/1","kind":"weather","time":1,"station":"till","sky":"blue"}"#;
        assert_eq!(
            parse(format!("{other}\n{START}\n").as_bytes()).unwrap().records.len(),
            1
        );
    }

    #[test]
    fn an_incomplete_last_line_is_left_out() {
        let torn = |text: &str| parse(text.as_bytes()).map(|log| (log.records.len(), log.torn));
        assert_eq!(torn(&format!("{START}\n{}", &START[..30])).unwrap(), (1, true));
        assert_eq!(torn(&format!("{START}\n{START}")).unwrap(), (2, false));
        // Elsewhere it is a mistake, and so is a last line that is something else.
        assert!(torn(&format!("{}\n{START}", &START[..30])).is_err());
        assert!(torn(&START[..30]).is_err());
        assert!(torn(&format!("{START}\nnonsense")).is_err());
    }

    #[test]
    fn errors_begin_with_the_line() {
        check(
            "",
            expect![
                "no activity in it: expected lines of the schema shopfloor-activity/1; give a log that `shopfloor play --events` or activityzone's events-location wrote"
            ],
        );
        check(
            format!("{START}\n{START}\n0:00:01 active\n"),
            expect![
                "line 3: expected a line of JSON, got `0:00:01 active` (trailing characters at column 2); give a log that `shopfloor play --events` or activityzone's events-location wrote"
            ],
        );
        check(
            b"\xff\xfe{\0\n",
            expect![
                "line 1: expected a line of JSON, got `��{\0` (expected value at column 1); give a log that `shopfloor play --events` or activityzone's events-location wrote"
            ],
        );
        check(
            START.replace("/1", "/2"),
            expect![
                "line 1: expected the schema shopfloor-activity/1, got `shopfloor-activity/2`; use the version of shopfloor that wrote the file"
            ],
        );
        for other in ["{\"stations\": []}", "[1]", "7"] {
            check(
                other,
                expect![
                    "line 1: expected the schema shopfloor-activity/1, got none; give a log that `shopfloor play --events` or activityzone's events-location wrote"
                ],
            );
        }
        check(
            START.replace("\"station\":\"till\",", ""),
            expect![
                "line 1: missing field `station`; give a log that `shopfloor play --events` or activityzone's events-location wrote"
            ],
        );
        check(
            START.replace("0.5", "-1"),
            expect![
                "line 1: expected seconds, got -1: cannot convert float seconds to Duration: value is negative; give a log that `shopfloor play --events` or activityzone's events-location wrote"
            ],
        );
        check(
            CHANGE.replace('\n', " ").replace("unknown", "asleep"),
            expect![
                "line 1: unknown variant `asleep`, expected one of `absent`, `idle`, `active`, `unknown`; give a log that `shopfloor play --events` or activityzone's events-location wrote"
            ],
        );
    }
}
