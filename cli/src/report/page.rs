//! The page: a template, the chart library, a script and the data, all in one file.

use std::time::Duration;

use anyhow::{Context, Result};
use people::{Activity, Totals};
use serde::Serialize;

use super::timeline::{Row, Span, Stream};

const TEMPLATE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
/// Apache ECharts as published; `scripts/make-echarts` fetches it.
const ECHARTS: &str = include_str!("../../assets/echarts/echarts.min.js");

/// The page about the log called `name`.
///
/// # Errors
/// Those of the serialiser.
pub fn page(name: &str, streams: &[Stream], torn: bool) -> Result<String> {
    let data = Data {
        name,
        torn,
        streams: streams.iter().map(StreamData::new).collect(),
    };
    // `<` occurs in strings only, where it could end the script.
    let data = serde_json::to_string(&data)
        .context("the log cannot be written as JSON")?
        .replace('<', "\\u003c");
    let mut page = String::new();
    let mut rest = TEMPLATE;
    for (place, text) in [
        ("/* the data */", data.as_str()),
        ("/* the library */", ECHARTS),
        ("/* the script */", SCRIPT),
    ] {
        let (before, after) = rest
            .split_once(place)
            .context("the template of the page lacks a marker")?;
        page.extend([before, text]);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

/// What `page.js` draws; times are seconds.
#[derive(Serialize)]
struct Data<'a> {
    name: &'a str,
    torn: bool,
    streams: Vec<StreamData<'a>>,
}

#[derive(Serialize)]
struct StreamData<'a> {
    name: &'a str,
    from: f64,
    to: f64,
    unfinished: bool,
    stations: Vec<RowData<'a>>,
    workers: Vec<RowData<'a>>,
}

#[derive(Serialize)]
struct RowData<'a> {
    name: &'a str,
    spans: Vec<SpanData<'a>>,
    totals: Totals,
}

/// From, to, state, and the names: a list, because there may be tens of thousands of them.
#[derive(Serialize)]
struct SpanData<'a>(f64, f64, Activity, &'a [String]);

impl<'a> StreamData<'a> {
    fn new(stream: &'a Stream) -> Self {
        Self {
            name: &stream.name,
            from: seconds(stream.from),
            to: seconds(stream.to),
            unfinished: stream.unfinished,
            stations: stream.stations.iter().map(RowData::new).collect(),
            workers: stream.workers.iter().map(RowData::new).collect(),
        }
    }
}

impl<'a> RowData<'a> {
    fn new(row: &'a Row) -> Self {
        let total = |state| row.total(state);
        Self {
            name: &row.name,
            spans: row.spans.iter().map(SpanData::new).collect(),
            totals: Totals {
                active: total(Activity::Active),
                idle: total(Activity::Idle),
                absent: total(Activity::Absent),
                unknown: total(Activity::Unknown),
            },
        }
    }
}

impl<'a> SpanData<'a> {
    fn new(span: &'a Span) -> Self {
        Self(seconds(span.from), seconds(span.to), span.state, &span.names)
    }
}

/// To the millisecond, as the log has it.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_script() {
        let name = "</script><script>alert(1)</script>.jsonl";
        let page = page(name, &[], false).unwrap();
        assert!(!page.contains("alert(1)</"), "the name is not escaped");
        assert!(page.contains(r"\u003c/script>\u003cscript>alert(1)\u003c/script>.jsonl"));
    }

    #[test]
    fn nothing_is_fetched() {
        for part in [TEMPLATE, SCRIPT] {
            for word in [
                "src=",
                "href=",
                "url(",
                "@import",
                "import(",
                "fetch(",
                "XMLHttpRequest",
            ] {
                assert!(!part.contains(word), "the page has `{word}`");
            }
        }
        assert!(TEMPLATE.contains("Content-Security-Policy\" content=\"default-src 'none';"));
        assert!(
            !ECHARTS.contains("</script"),
            "the library contains the end of a script"
        );
    }
}
