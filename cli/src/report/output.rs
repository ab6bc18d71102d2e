//! The numbers of a report for other programs: CSV and JSON.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use people::Activity;
use serde::Serialize;

use super::pages::{Page, Subject};
use super::record::Millis;
use super::spans::{Range, Span};
use super::sums::{Sums, Tally};
use super::zone::rfc3339;

/// The columns of the CSV, in their order, and one row of values.
#[derive(Serialize)]
struct CsvRow<'a> {
    page: &'a str,
    from: String,
    to: String,
    /// `worker`, `station`, or `share`: of a worker in an unassigned station.
    kind: &'static str,
    camera: &'a str,
    station: &'a str,
    worker: &'a str,
    active_s: Option<f64>,
    idle_s: Option<f64>,
    absent_s: Option<f64>,
    unknown_s: Option<f64>,
    unrecorded_s: Option<f64>,
    all_s: Option<f64>,
    coverage: Option<f64>,
    visits: usize,
    longest_gap_s: Option<f64>,
    longest_gap_from: Option<String>,
}

/// The sums of all pages, a row for each worker and station.
///
/// # Errors
/// Those of the serialiser.
pub fn csv(pages: &[Page]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for page in pages {
        for row in rows(page) {
            writer.serialize(row)?;
        }
    }
    let bytes = writer.into_inner().context("the CSV is incomplete")?;
    String::from_utf8(bytes).context("the CSV is not UTF-8")
}

fn rows(page: &Page) -> Vec<CsvRow<'_>> {
    let workers = page.tally.workers.iter().map(|worker| CsvRow {
        worker: &worker.name,
        ..row(page, "worker", &worker.sums)
    });
    let mut rows: Vec<CsvRow> = workers.collect();
    for station in &page.tally.stations {
        rows.push(CsvRow {
            camera: &station.camera,
            station: &station.station,
            worker: station.assigned.as_deref().unwrap_or_default(),
            unrecorded_s: Some(seconds(station.unrecorded)),
            ..row(page, "station", &station.sums)
        });
        rows.extend(station.shares.iter().map(|share| CsvRow {
            camera: &station.camera,
            station: &station.station,
            worker: &share.worker,
            active_s: Some(seconds(share.active)),
            idle_s: None,
            absent_s: None,
            unknown_s: None,
            all_s: None,
            visits: share.visits,
            ..row(page, "share", &Sums::default())
        }));
    }
    rows
}

fn row<'a>(page: &'a Page, kind: &'static str, sums: &Sums) -> CsvRow<'a> {
    let time = |state| Some(seconds(sums.time(state)));
    let gap = sums.longest_gap();
    CsvRow {
        page: name(page),
        from: moment(page, page.tally.range.from),
        to: moment(page, page.tally.range.to),
        kind,
        camera: "",
        station: "",
        worker: "",
        active_s: time(Activity::Active),
        idle_s: time(Activity::Idle),
        absent_s: time(Activity::Absent),
        unknown_s: time(Activity::Unknown),
        unrecorded_s: None,
        all_s: Some(seconds(sums.all())),
        coverage: coverage(sums),
        visits: sums.visits,
        longest_gap_s: gap.map(|gap| seconds(gap.length())),
        longest_gap_from: gap.map(|gap| moment(page, gap.from)),
    }
}

fn name(page: &Page) -> &str {
    match &page.subject {
        Subject::Shift(shift) => &shift.name,
        Subject::Clock => "",
        Subject::Running(name) => name,
    }
}

/// A time of day in UTC, or seconds of running time.
fn moment(page: &Page, at: Millis) -> String {
    match page.subject {
        Subject::Running(_) => seconds(at).to_string(),
        _ => rfc3339(at),
    }
}

fn seconds(time: Millis) -> f64 {
    time as f64 / 1000.0
}

/// To four decimals, rounded down, so that 1 is all.
fn coverage(sums: &Sums) -> Option<f64> {
    sums.coverage().map(|share| (share * 10_000.0).floor() / 10_000.0)
}

/// The schema of the JSON.
const SCHEMA: &str = "shopfloor-report/1";

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    time_zone: &'a str,
    pages: Vec<JsonPage<'a>>,
    left_out: &'a [String],
}

#[derive(Serialize)]
struct JsonPage<'a> {
    /// `shift`, `clock` or `running-time`.
    kind: &'static str,
    name: &'a str,
    from: String,
    to: String,
    workers: Vec<JsonWorker<'a>>,
    stations: Vec<JsonStation<'a>>,
    handovers: Vec<JsonHandover<'a>>,
    contradictions: Vec<JsonContradiction<'a>>,
    gaps: Vec<JsonGap<'a>>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct JsonSums<'a> {
    active_s: f64,
    idle_s: f64,
    absent_s: f64,
    unknown_s: f64,
    all_s: f64,
    coverage: Option<f64>,
    visits: usize,
    longest_gap: Option<JsonRange>,
    spans: Vec<JsonSpan<'a>>,
}

/// Seconds since the page's `from`.
#[derive(Serialize)]
struct JsonRange {
    from_s: f64,
    to_s: f64,
}

#[derive(Serialize)]
struct JsonSpan<'a> {
    #[serde(flatten)]
    range: JsonRange,
    state: Activity,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    names: &'a BTreeSet<String>,
}

#[derive(Serialize)]
struct JsonWorker<'a> {
    worker: &'a str,
    has_station: bool,
    #[serde(flatten)]
    sums: JsonSums<'a>,
}

#[derive(Serialize)]
struct JsonStation<'a> {
    camera: &'a str,
    station: &'a str,
    worker: Option<&'a str>,
    unrecorded_s: f64,
    #[serde(flatten)]
    sums: JsonSums<'a>,
    shares: Vec<JsonShare<'a>>,
}

#[derive(Serialize)]
struct JsonShare<'a> {
    worker: &'a str,
    active_s: f64,
    visits: usize,
}

#[derive(Serialize)]
struct JsonHandover<'a> {
    at_s: f64,
    station: &'a str,
    from: &'a str,
    to: &'a str,
    lasted_s: f64,
}

#[derive(Serialize)]
struct JsonContradiction<'a> {
    #[serde(flatten)]
    range: JsonRange,
    worker: &'a str,
    places: &'a [String],
}

#[derive(Serialize)]
struct JsonGap<'a> {
    #[serde(flatten)]
    range: JsonRange,
    camera: &'a str,
    stations: &'a [String],
    /// `unknown` or `unrecorded`.
    reason: &'static str,
}

/// Everything that the pages are made of. `note` puts a note of a page into words.
///
/// # Errors
/// Those of the serialiser.
pub fn json(pages: &[Page], left_out: &[String], zone: &str, notes: impl Fn(&Page) -> Vec<String>) -> Result<String> {
    let report = Report {
        schema: SCHEMA,
        time_zone: zone,
        pages: pages.iter().map(|page| json_page(page, notes(page))).collect(),
        left_out,
    };
    let text = serde_json::to_string(&report).context("the report cannot be written as JSON")?;
    Ok(text + "\n")
}

fn json_page(page: &Page, notes: Vec<String>) -> JsonPage<'_> {
    let tally = &page.tally;
    let workers = tally.workers.iter().map(|worker| JsonWorker {
        worker: &worker.name,
        has_station: worker.has_station,
        sums: json_sums(tally, &worker.sums),
    });
    let stations = tally.stations.iter().map(|station| JsonStation {
        camera: &station.camera,
        station: &station.station,
        worker: station.assigned.as_deref(),
        unrecorded_s: seconds(station.unrecorded),
        sums: json_sums(tally, &station.sums),
        shares: (station.shares.iter())
            .map(|share| JsonShare {
                worker: &share.worker,
                active_s: seconds(share.active),
                visits: share.visits,
            })
            .collect(),
    });
    let handovers = tally.handovers.iter().map(|handover| JsonHandover {
        at_s: seconds(handover.at - tally.range.from),
        station: &handover.station,
        from: &handover.from,
        to: &handover.to,
        lasted_s: seconds(handover.lasted),
    });
    let contradictions = tally.contradictions.iter().map(|contradiction| JsonContradiction {
        range: json_range(tally, contradiction.range),
        worker: &contradiction.worker,
        places: &contradiction.places,
    });
    let gaps = tally.gaps.iter().map(|gap| JsonGap {
        range: json_range(tally, gap.range),
        camera: &gap.camera,
        stations: &gap.stations,
        reason: if gap.is_recorded { "unknown" } else { "unrecorded" },
    });
    JsonPage {
        kind: match page.subject {
            Subject::Shift(_) => "shift",
            Subject::Clock => "clock",
            Subject::Running(_) => "running-time",
        },
        name: name(page),
        from: moment(page, tally.range.from),
        to: moment(page, tally.range.to),
        workers: workers.collect(),
        stations: stations.collect(),
        handovers: handovers.collect(),
        contradictions: contradictions.collect(),
        gaps: gaps.collect(),
        notes,
    }
}

fn json_sums<'a>(tally: &Tally, sums: &'a Sums) -> JsonSums<'a> {
    let span = |span: &'a Span| JsonSpan {
        range: json_range(tally, span.range),
        state: span.state,
        names: &span.names,
    };
    JsonSums {
        active_s: seconds(sums.time(Activity::Active)),
        idle_s: seconds(sums.time(Activity::Idle)),
        absent_s: seconds(sums.time(Activity::Absent)),
        unknown_s: seconds(sums.time(Activity::Unknown)),
        all_s: seconds(sums.all()),
        coverage: coverage(sums),
        visits: sums.visits,
        longest_gap: sums.longest_gap().map(|gap| json_range(tally, gap)),
        spans: sums.spans.iter().map(span).collect(),
    }
}

fn json_range(tally: &Tally, range: Range) -> JsonRange {
    JsonRange {
        from_s: seconds(range.from - tally.range.from),
        to_s: seconds(range.to - tally.range.from),
    }
}
