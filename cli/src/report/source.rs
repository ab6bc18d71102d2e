//! The files that logs are read from: plain or gzip, and the parts of a rotated log in their order.

use std::cmp::Reverse;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;

use super::log::{self, Log};

/// A file with a log or a part of one.
#[derive(Debug)]
pub struct Part {
    /// The file.
    pub path: PathBuf,
    /// The log that it is a part of: the path without what rotation appended.
    pub log: PathBuf,
    /// What it contains.
    pub content: Log,
}

/// Reads logs, the parts of each in the order in which they were written, whatever their order in `paths`. A file that is
/// named twice is read once.
///
/// # Errors
/// A file that cannot be read, one that has lines but not one record, or no record in any.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut seen = Vec::new();
    for path in paths {
        let same = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        if !seen.contains(&same) {
            parts.push(part(path)?);
            seen.push(same);
        }
    }
    if parts.iter().all(|part| part.content.records.is_empty()) {
        let names = paths.iter().map(|path| path.display().to_string());
        bail!("no activity in {}; {REMEDY}", names.collect::<Vec<_>>().join(", "));
    }
    parts.sort_by_cached_key(|part| rotation(&part.path));
    Ok(parts)
}

/// What to do about a file that is not a log.
const REMEDY: &str = "give logs that `shopfloor play --events` or activityzone's events-location wrote";

fn part(path: &Path) -> Result<Part> {
    let shown = path.display();
    let text = content(path).with_context(|| format!("cannot read {shown}; {REMEDY}"))?;
    let content = log::parse(&text);
    if let ([], [wrong, ..]) = (&content.records[..], &content.left_out[..]) {
        bail!(
            "{shown}: no activity in it; line {} is {}; {REMEDY}",
            wrong.line,
            wrong.reason
        );
    }
    Ok(Part {
        path: path.to_owned(),
        log: rotation(path).0,
        content,
    })
}

fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    const GZIP: &[u8] = b"\x1f\x8b";
    let bytes = std::fs::read(path)?;
    if !bytes.starts_with(GZIP) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text)?;
    Ok(text)
}

/// The place of a part among those of its log: by date, then by number, the highest first; the file in use last.
type Age = (bool, String, Reverse<u64>);

/// The log that a file is a part of, and its place there, by the names that logrotate and dated names give:
/// `log.2`, `log.2.gz`, `log-20261126`, `log-2026-11-26-060000.jsonl`.
fn rotation(path: &Path) -> (PathBuf, Age) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let (name, number) = match name.rsplit_once('.') {
        Some((log, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            (log, number.parse().unwrap_or(u64::MAX))
        }
        _ => (name, 0),
    };
    // The date is at the end, or before the ending.
    let (log, date) = match (dated(name), name.rsplit_once('.')) {
        (Some((log, date)), _) => (log.to_owned(), date),
        (None, Some((stem, ending))) => match dated(stem) {
            Some((log, date)) => (format!("{log}.{ending}"), date),
            None => (name.to_owned(), ""),
        },
        (None, None) => (name.to_owned(), ""),
    };
    let is_current = number == 0 && date.is_empty();
    (path.with_file_name(log), (is_current, date.to_owned(), Reverse(number)))
}

/// A name and the date behind it.
fn dated(name: &str) -> Option<(&str, &str)> {
    let separators = name
        .char_indices()
        .filter(|(at, c)| *at > 0 && matches!(c, '-' | '_' | '.'));
    let mut parts = separators.map(|(at, _)| (&name[..at], &name[at + 1..]));
    parts.find(|(_, date)| is_date(date))
}

/// Whether a text is a date, with or without a time behind it.
fn is_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 8
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'T' | b':'))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn rotated_names_are_parts_of_one_log_in_the_order_of_writing() {
        let table = [
            (
                "a/log.jsonl",
                &["a/log.jsonl.2.gz", "a/log.jsonl.10", "a/log.jsonl", "a/log.jsonl.1"][..],
                &[1, 0, 3, 2][..],
            ),
            ("log", &["log", "log-20261126", "log-20261125.gz"], &[2, 1, 0]),
            (
                "log.jsonl",
                &["log-2026-11-26-060000.jsonl", "log-2026-11-25-220000.jsonl"],
                &[1, 0],
            ),
            ("log.jsonl", &["log.jsonl-20261126", "log.jsonl-20261126.1"], &[1, 0]),
            // A number or a date that is the whole name is the name, and a short number belongs to it.
            ("20261126.jsonl", &["20261126.jsonl"], &[0]),
            ("camera-2.jsonl", &["camera-2.jsonl"], &[0]),
        ];
        for (log, names, order) in table {
            let mut parts: Vec<(PathBuf, Age, usize)> = (names.iter().enumerate())
                .map(|(index, name)| (rotation(Path::new(name)), index))
                .map(|((log, age), index)| (log, age, index))
                .collect();
            for (got, _, index) in &parts {
                assert_eq!(got, Path::new(log), "{}", names[*index]);
            }
            parts.sort();
            assert_eq!(parts.iter().map(|part| part.2).collect::<Vec<_>>(), order, "{names:?}");
        }
    }

    #[test]
    fn files_are_read_once_packed_or_not() {
        const START: &str = "{\"schema\":\"shopfloor-activity/1\",\"kind\":\"start\",\"time\":0.5,\"station\":\"till\",\"worker\":null}\n";
        let folder = tempfile::TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("log"), "").unwrap();
        fs::write(path("log.1"), START).unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(START.repeat(2).as_bytes()).unwrap();
        fs::write(path("log.2.gz"), packed.finish().unwrap()).unwrap();
        let names = ["log", "log.1", "log.2.gz", "./log.1"].map(path);
        let parts = read(&names).unwrap();
        let counts = parts.iter().map(|part| part.content.records.len());
        assert_eq!(counts.collect::<Vec<_>>(), [2, 1, 0]);

        fs::write(path("other"), "{\"stations\": []}").unwrap();
        for (names, expected) in [
            (&["log"][..], "no activity in"),
            (&["log.1", "other"], "line 1 is expected the schema"),
            (&["log.1", "gone"], "cannot read"),
        ] {
            let names: Vec<PathBuf> = names.iter().map(|name| path(name)).collect();
            let error = format!("{:#}", read(&names).unwrap_err());
            assert!(error.contains(expected) && error.contains(REMEDY), "{error}");
        }
    }
}
