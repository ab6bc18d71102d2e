//! Reads a log of activity: a line of JSON for each thing that was said about a station.
//!
//! Fields that are not needed here, and kinds of lines that are not known, are passed over: a newer log of the same
//! schema can be read.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

/// What the first field of every line says.
pub const SCHEMA: &str = "shopfloor-activity/1";

/// What is known of a station, or of a worker.
///
/// In the order in which one outdoes another where two stations speak about one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say it
pub enum State {
    /// Frames went by without inference.
    Unknown,
    Absent,
    Idle,
    Active,
}

/// One line of the log.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Line {
    /// Running time in the stream.
    #[serde(deserialize_with = "seconds")]
    pub time: Duration,
    /// The tenant, where the log is of several.
    pub stream: Option<String>,
    /// The station.
    pub station: String,
    /// Who it is about: at a start, whose hands count; else who is, or was last, working there.
    pub worker: Option<String>,
    /// What was said.
    #[serde(flatten)]
    pub what: What,
}

/// What a line says about its station.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum What {
    /// It is watched from now on, and absent so far.
    Start,
    /// Its state changed.
    Change {
        /// The state from now on.
        state: State,
        /// The state until now.
        previous: State,
        /// How long that had lasted.
        #[serde(deserialize_with = "seconds")]
        lasted: Duration,
    },
    /// It stayed active by another's hand.
    Handover {
        /// Whose it was until now.
        from: Option<String>,
        /// How long that had lasted.
        #[serde(deserialize_with = "seconds")]
        lasted: Duration,
    },
    /// It is watched no more.
    Totals {
        /// The last state.
        state: State,
        /// How long that had lasted.
        #[serde(deserialize_with = "seconds")]
        lasted: Duration,
    },
    /// Something that was not thought of when this was written.
    #[serde(other)]
    Other,
}

/// A whole log.
#[derive(Debug, Default, PartialEq)]
pub struct Log {
    /// Its lines, in their order.
    pub lines: Vec<Line>,
    /// The last line ends in its middle: whoever wrote it was stopped, and the line is left out.
    pub torn: bool,
}

/// Reads the text of a log.
///
/// # Errors
/// The first line that is no JSON, of another schema, or lacks a field; or that there are no lines at all. The message
/// begins with the line's number.
pub fn parse(text: &[u8]) -> Result<Log> {
    let mut log = Log::default();
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let whole = line.ends_with(b"\n");
        // Some editors begin a file with a byte order mark.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        if line.is_empty() {
            continue;
        }
        match read(line) {
            Ok(line) if line.what == What::Other => {}
            Ok(line) => log.lines.push(line),
            Err(Refusal::NotJson(error)) if error.is_eof() && !whole && !log.lines.is_empty() => log.torn = true,
            Err(refusal) => bail!("line {}: {}", index + 1, refusal.describe(line)),
        }
    }
    if log.lines.is_empty() {
        bail!("no activity in it: expected lines of the schema {SCHEMA}; {REMEDY}");
    }
    Ok(log)
}

/// What to do about all that is no log.
pub(super) const REMEDY: &str = "give a log that `shopfloor play --events` or activityzone's events-location wrote";

/// Why a line cannot be read.
enum Refusal {
    NotJson(serde_json::Error),
    Schema(Option<String>),
    Field(serde_json::Error),
}

impl Refusal {
    fn describe(self, line: &[u8]) -> anyhow::Error {
        match self {
            Self::NotJson(error) => anyhow!(
                "expected a line of JSON, got `{}` ({} at column {}); {REMEDY}",
                shortened(line),
                words(&error),
                error.column()
            ),
            Self::Schema(None) => anyhow!("expected the schema {SCHEMA}, got none; {REMEDY}"),
            Self::Schema(Some(other)) => anyhow!(
                "expected the schema {SCHEMA}, got `{}`; use the version of shopfloor that wrote the file",
                shortened(other.as_bytes())
            ),
            // The column it tells is the line's end.
            Self::Field(error) => anyhow!("{}; {REMEDY}", words(&error)),
        }
    }
}

/// The error without its place.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    words.strip_suffix(&place).map(str::to_owned).unwrap_or(words)
}

/// As much of a line as a message can bear.
fn shortened(line: &[u8]) -> String {
    const LONGEST: usize = 40;
    let line = String::from_utf8_lossy(line);
    let shown: String = line.chars().take(LONGEST).collect();
    if shown.len() < line.len() { shown + "..." } else { shown }
}

#[derive(Deserialize)]
struct Envelope {
    schema: Option<String>,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| D::Error::custom(format!("expected seconds, got {seconds}: {error}")))
}

fn read(line: &[u8]) -> Result<Line, Refusal> {
    // Whatever it holds, is it JSON?
    serde_json::from_slice::<serde::de::IgnoredAny>(line).map_err(Refusal::NotJson)?;
    let envelope: Envelope = serde_json::from_slice(line).map_err(|_| Refusal::Schema(None))?;
    if envelope.schema.as_deref() != Some(SCHEMA) {
        return Err(Refusal::Schema(envelope.schema));
    }
    serde_json::from_slice(line).map_err(Refusal::Field)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const START: &str = r#"{"schema":"shopfloor-activity/1","kind":"start","time":0.5,"station":"till","worker":null}"#;
    const CHANGE: &str = r#"{"schema":"shopfloor-activity/1","kind":"change","time":12.3,"station":"till","worker":"red",
        "state":"active","previous":"unknown","lasted":2,"totals":{"active":4.0},"stream":"yard","more":[1]}"#;

    fn check(text: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&parse(text.as_ref()).unwrap_err().to_string());
    }

    #[test]
    fn lines_say_what_happened() {
        let change = CHANGE.replace('\n', " ");
        let end = START
            .replace("start", "totals")
            .replace("}", ",\"state\":\"idle\",\"lasted\":3}");
        let log = parse(format!("\u{feff}{START}\r\n\n{change}\n{end}").as_bytes()).unwrap();
        assert!(!log.torn);
        let [start, change, end] = &log.lines[..] else {
            panic!("{log:?}")
        };
        assert_eq!((&start.what, start.time), (&What::Start, Duration::from_millis(500)));
        assert_eq!((&start.worker, &start.stream), (&None, &None));
        assert_eq!(
            change.what,
            What::Change {
                state: State::Active,
                previous: State::Unknown,
                lasted: Duration::from_secs(2)
            }
        );
        assert_eq!(
            (change.worker.as_deref(), change.stream.as_deref()),
            (Some("red"), Some("yard"))
        );
        assert_eq!(
            end.what,
            What::Totals {
                state: State::Idle,
                lasted: Duration::from_secs(3)
            }
        );
    }

    #[test]
    fn other_kinds_are_passed_over() {
        let other = r#"{"schema":"shopfloor-activity/1","kind":"weather","time":1,"station":"till","sky":"blue"}"#;
        assert_eq!(parse(format!("{other}\n{START}\n").as_bytes()).unwrap().lines.len(), 1);
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        let torn = |text: &str| parse(text.as_bytes()).map(|log| (log.lines.len(), log.torn));
        assert_eq!(torn(&format!("{START}\n{}", &START[..30])).unwrap(), (1, true));
        assert_eq!(torn(&format!("{START}\n{START}")).unwrap(), (2, false));
        // Somewhere else it is a mistake, and so is a last line that is something else.
        assert!(torn(&format!("{}\n{START}", &START[..30])).is_err());
        assert!(torn(&START[..30]).is_err());
        assert!(torn(&format!("{START}\nnonsense")).is_err());
    }

    #[test]
    fn mistakes_are_told_by_their_line() {
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
                "line 1: unknown variant `asleep`, expected one of `unknown`, `absent`, `idle`, `active`; give a log that `shopfloor play --events` or activityzone's events-location wrote"
            ],
        );
    }
}
