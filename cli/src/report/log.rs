//! Reads the text of an activity log, one JSON record a line, and keeps account of the lines that are no records.
//!
//! A line that cannot be read is left out and counted: a writer that was killed leaves an incomplete line, and the next
//! one may continue on it. Unknown kinds of records are left out, too, so a newer log of the same schema can be read.

use people::event::{LogLine, RecordError};

use super::record::Record;

/// A log, or a part of one.
#[derive(Debug, Default, PartialEq)]
pub struct Log {
    /// Its records, in their order.
    pub records: Vec<Record>,
    /// Its lines that are no records, one entry a reason, in the order in which they occur first.
    pub left_out: Vec<LeftOut>,
}

/// Lines that were left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The reason.
    pub reason: String,
    /// The number of the first such line, from 1.
    pub line: usize,
    /// How many lines.
    pub count: usize,
}

/// How each line begins, whoever wrote it.
const BEGINNING: &[u8] = br#"{"schema":"#;

/// Reads the text of a log.
pub fn parse(text: &[u8]) -> Log {
    let mut log = Log::default();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        log.read_line(index + 1, content(line));
    }
    log
}

/// The line without what may surround it: a byte order mark, spaces, and the zeros that some file systems leave in a
/// file after a power failure.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let is_filler = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let from = line.iter().position(|byte| !is_filler(byte)).unwrap_or(line.len());
    let to = line
        .iter()
        .rposition(|byte| !is_filler(byte))
        .map_or(from, |last| last + 1);
    &line[from..to]
}

impl Log {
    fn read_line(&mut self, number: usize, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        match LogLine::from_json(line) {
            Ok(Some(line)) => self.records.push(line.into()),
            Ok(None) => self.leave_out(number, "of a kind that this version does not know".to_owned()),
            Err(error) => {
                self.leave_out(number, describe(&error, line));
                // The next writer continued on the incomplete line.
                let continued = line.windows(BEGINNING.len()).rposition(|window| window == BEGINNING);
                if let Some(at) = continued.filter(|at| *at > 0) {
                    self.read_line(number, &line[at..]);
                }
            }
        }
    }

    fn leave_out(&mut self, line: usize, reason: String) {
        match self.left_out.iter_mut().find(|left_out| left_out.reason == reason) {
            Some(known) => known.count += 1,
            None => self.left_out.push(LeftOut { reason, line, count: 1 }),
        }
    }
}

/// What is wrong with a line, as what follows "left out, ".
fn describe(error: &RecordError, line: &[u8]) -> String {
    match error {
        RecordError::Json(_) if line.starts_with(BEGINNING) => "incomplete: its writer was stopped".to_owned(),
        RecordError::Json(_) => format!("not JSON: `{}`", shortened(line)),
        RecordError::OtherSchema(other) => format!(
            "of the schema `{}`: use the version of shopfloor that wrote it",
            shortened(other.as_bytes())
        ),
        RecordError::NoSchema => error.to_string(),
        RecordError::Field(error) => without_place(error),
    }
}

/// The error without its place, which is the line's end.
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
    use people::Activity;
    use people::event::Assigned;

    use super::super::record::{Fact, State};
    use super::*;

    const START: &str = r#"{"schema":"shopfloor-activity/1","kind":"start","time":0.5,"station":"till","worker":null}"#;
    const CHANGE: &str = r#"{"schema":"shopfloor-activity/1","kind":"change","time":12.3,"station":"till","worker":"red","state":"active","previous":"unknown","lasted":2,"totals":{"active":4.0,"idle":0,"absent":0,"unknown":2,"more":1},"stream":"yard","more":[1]}"#;

    #[test]
    fn records_are_read_in_order() {
        let end = START.replace("start", "totals").replace(
            "}",
            r#","state":"idle","lasted":3,"totals":{"active":0,"idle":3,"absent":0,"unknown":0}}"#,
        );
        let log = parse(format!("\u{feff}{START}\r\n\n{CHANGE}\n{end}").as_bytes());
        assert_eq!(log.left_out, []);
        let [start, change, end] = &log.records[..] else {
            panic!("{log:?}")
        };
        assert_eq!((start.time, &start.origin.tenant), (500, &None));
        assert!(matches!(start.fact, Fact::Start { assigned: None, .. }));
        assert_eq!((change.time, change.origin.tenant.as_deref()), (12_300, Some("yard")));
        let red = State::new(Activity::Active, Some("red".into()));
        assert_eq!(
            change.fact,
            Fact::Held {
                station: "till".into(),
                state: State::new(Activity::Unknown, None),
                lasted: 2000,
                next: Some(red),
                is_handover: false,
                assigned: Assigned::Unstated,
            }
        );
        assert!(matches!(
            end.fact,
            Fact::Held {
                lasted: 3000,
                next: None,
                ..
            }
        ));
    }

    /// Each kind of line that is no record, with the number of records that are read around it.
    #[test]
    fn other_lines_are_left_out_and_counted() {
        let torn = &START[..40];
        let table = [
            ("".to_owned(), 0, ""),
            (format!("{START}\n{torn}"), 1, "2: 1 incomplete: its writer was stopped"),
            (format!("{START}\n{START}"), 2, ""),
            // A restarted writer appends, with and without a line of its own.
            (
                format!("{START}\n{torn}\n{START}\n"),
                2,
                "2: 1 incomplete: its writer was stopped",
            ),
            (
                format!("{START}\n{torn}{START}\n{torn}"),
                2,
                "2: 2 incomplete: its writer was stopped",
            ),
            (format!("{START}\n\0\0\0\0{START}\n"), 2, ""),
            (
                format!("{START}\n0:00:01 active\n{START}\n0:00:02 idle"),
                2,
                "2: 1 not JSON: `0:00:01 active`, 4: 1 not JSON: `0:00:02 idle`",
            ),
            (
                START.replace("/1", "/9"),
                0,
                "1: 1 of the schema `shopfloor-activity/9`: use the version of shopfloor that wrote it",
            ),
            (
                START.replace("start", "weather"),
                0,
                "1: 1 of a kind that this version does not know",
            ),
            (
                START.replace("\"station\":\"till\",", ""),
                0,
                "1: 1 missing field `station`",
            ),
            (
                CHANGE.replace("unknown\",", "asleep\","),
                0,
                "1: 1 unknown variant `asleep`, expected one of `absent`, `idle`, `active`, `unknown`",
            ),
        ];
        for (text, records, expected) in table {
            let log = parse(text.as_bytes());
            let left_out = log.left_out.iter();
            let left_out = left_out.map(|left| format!("{}: {} {}", left.line, left.count, left.reason));
            assert_eq!(left_out.collect::<Vec<_>>().join(", "), expected, "{text}");
            assert_eq!(log.records.len(), records, "{text}");
        }
    }

    #[test]
    fn what_is_no_log_gives_no_records() {
        for text in [&b"\xff\xfe{\0\n"[..], b"[1]", b"7", b"{\"stations\": []}"] {
            let log = parse(text);
            assert_eq!((log.records.len(), log.left_out.len()), (0, 1), "{text:?}");
        }
    }
}
