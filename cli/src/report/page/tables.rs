//! The tables of a page, and the bars of its timelines.

use maud::{Markup, html};
use people::Activity;

use super::super::ledger::VISITOR;
use super::super::record::Millis;
use super::super::spans::Range;
use super::super::sums::{Share, StationSums, Sums, Tally, WorkerSums};
use super::scale::Scale;
use super::timeline::{self, Bar};

/// At most so many rows in a list; `--json` has all.
const LONGEST: usize = 50;

/// Shorter gaps are in the sums and not in the list.
const SHORTEST_GAP: Millis = 60_000;

const COLUMNS: [&str; 7] = [
    "active",
    "idle",
    "absent",
    "unknown",
    "coverage",
    "visits",
    "longest gap",
];

/// The vests of the models that are included, whose colours are shown.
const VESTS: [&str; 7] = ["red", "orange", "yellow", "green", "blue", "purple", "white"];

fn head(first: &str) -> Markup {
    html! {
        thead { tr { th { (first) } @for column in COLUMNS { th { (column) } } } }
    }
}

/// The sums of the workers.
pub fn workers(tally: &Tally, scale: Scale) -> Markup {
    let has_guest = tally
        .workers
        .iter()
        .any(|worker| !worker.has_station && worker.name != VISITOR);
    html! {
        @if tally.workers.is_empty() { p { "No worker." } } @else {
            table.sums.workers {
                (head("worker"))
                tbody {
                    @for worker in &tally.workers {
                        tr {
                            th scope="row" { (vest(&worker.name)) @if is_guest(worker) { "*" } }
                            (cells(&worker.sums, scale, worker.name != VISITOR))
                        }
                    }
                }
            }
            @if has_guest { p.soft { "* No station is assigned to this worker: idle is not known, and the time active nowhere counts as absent." } }
        }
    }
}

fn is_guest(worker: &WorkerSums) -> bool {
    !worker.has_station && worker.name != VISITOR
}

/// The sums of the stations, with those of each worker at an unassigned one.
pub fn stations(tally: &Tally, scale: Scale, cameras: usize) -> Markup {
    html! {
        table.sums.stations {
            (head("station"))
            tbody {
                @for station in &tally.stations {
                    tr {
                        th scope="row" { (name(station, cameras)) }
                        (cells(&station.sums, scale, true))
                    }
                    @for share in &station.shares { (part(share, scale)) }
                }
            }
        }
    }
}

fn part(share: &Share, scale: Scale) -> Markup {
    html! {
        tr.share {
            th scope="row" { (vest(&share.worker)) }
            td data-label="active" { (scale.duration(share.active)) }
            @for _ in 0..4 { td.none {} }
            td data-label="visits" { (share.visits) }
            td.none {}
        }
    }
}

/// The columns of sums; of visitors only those that mean something.
fn cells(sums: &Sums, scale: Scale, is_known: bool) -> Markup {
    let states = [
        ("active", Activity::Active),
        ("idle", Activity::Idle),
        ("absent", Activity::Absent),
        ("unknown", Activity::Unknown),
    ];
    html! {
        @for (label, state) in states {
            @if is_known || state == Activity::Active { td data-label=(label) { (scale.duration(sums.time(state))) } }
            @else { td.none {} }
        }
        @if is_known { td data-label="coverage" { (coverage(sums)) } } @else { td.none {} }
        td data-label="visits" { (sums.visits) }
        @if let Some(gap) = sums.longest_gap() {
            td data-label="longest gap" { (scale.duration(gap.length())) " " span.at { "at " (scale.time(gap.from)) } }
        } @else { td data-label="longest gap" { "none" } }
    }
}

/// In per cent, rounded down, so that 100 % is all.
fn coverage(sums: &Sums) -> String {
    sums.coverage().map_or("none".to_owned(), |share| {
        format!("{:.1} %", (share * 1000.0).floor() / 10.0)
    })
}

/// A worker with the colour of the vest.
fn vest(name: &str) -> Markup {
    html! {
        @if VESTS.contains(&name) { span class={ "vest " (name) } {} }
        (name)
    }
}

fn name(station: &StationSums, cameras: usize) -> Markup {
    html! {
        @if cameras > 1 { (station.camera) " / " }
        (station.station) " · "
        @match &station.assigned { Some(worker) => (worker), None => "anyone" }
    }
}

fn summary(sums: &Sums, scale: Scale) -> String {
    let states = [Activity::Active, Activity::Idle, Activity::Absent, Activity::Unknown];
    let words = ["active", "idle", "absent", "unknown"];
    let parts = states
        .iter()
        .zip(words)
        .map(|(state, word)| format!("{word} {}", scale.duration(sums.time(*state))));
    parts.collect::<Vec<_>>().join(", ")
}

/// The timelines of workers, then of stations.
pub fn timelines(tally: &Tally, scale: Scale, cameras: usize) -> Markup {
    let workers = tally.workers.iter().map(|worker| Bar {
        name: vest(&worker.name),
        summary: format!("{}: {}", worker.name, summary(&worker.sums, scale)),
        spans: &worker.sums.spans,
        marks: Vec::new(),
        warnings: warnings(tally, &worker.name),
    });
    let stations = tally.stations.iter().map(|station| Bar {
        name: name(station, cameras),
        summary: format!("{}: {}", station.station, summary(&station.sums, scale)),
        spans: &station.sums.spans,
        marks: handovers_at(tally, station, cameras),
        warnings: Vec::new(),
    });
    let (workers, stations): (Vec<Bar>, Vec<Bar>) = (workers.collect(), stations.collect());
    html! {
        @if !workers.is_empty() { (timeline::timelines(scale, &workers)) }
        (timeline::timelines(scale, &stations))
    }
}

fn warnings(tally: &Tally, worker: &str) -> Vec<Range> {
    let contradictions = tally.contradictions.iter();
    let of_worker = contradictions.filter(|contradiction| contradiction.worker == worker);
    of_worker.map(|contradiction| contradiction.range).collect()
}

fn handovers_at(tally: &Tally, station: &StationSums, cameras: usize) -> Vec<Millis> {
    let label = if cameras > 1 {
        format!("{} / {}", station.camera, station.station)
    } else {
        station.station.clone()
    };
    let handovers = tally
        .handovers
        .iter()
        .filter(|handover| handover.station == label && station.assigned.is_none());
    handovers.map(|handover| handover.at).collect()
}

/// What is left out of a list.
fn rest(all: usize, shown: usize) -> Markup {
    html! {
        @if all > shown { p.soft { "and " (all - shown) " more; " code { "--json" } " has all" } }
    }
}

/// When workers were at two places at once.
pub fn contradictions(tally: &Tally, scale: Scale) -> Markup {
    html! {
        table.list.contradictions {
            thead { tr { th { "from" } th { "to" } th { "worker" } th { "active at" } } }
            tbody {
                @for entry in tally.contradictions.iter().take(LONGEST) {
                    tr {
                        td data-label="from" { (scale.time(entry.range.from)) }
                        td data-label="to" { (scale.time(entry.range.to)) " (" (scale.duration(entry.range.length())) ")" }
                        td data-label="worker" { (vest(&entry.worker)) }
                        td.bad data-label="active at" { (entry.places.join(" and ")) }
                    }
                }
            }
        }
        (rest(tally.contradictions.len(), LONGEST))
    }
}

/// Who took over from whom.
pub fn handovers(tally: &Tally, scale: Scale) -> Markup {
    html! {
        table.list.handovers {
            thead { tr { th { "at" } th { "station" } th { "from" } th { "to" } } }
            tbody {
                @for handover in tally.handovers.iter().take(LONGEST) {
                    tr {
                        td data-label="at" { (scale.time(handover.at)) }
                        td data-label="station" { (handover.station) }
                        td data-label="from" { (vest(&handover.from)) ", after " (scale.duration(handover.lasted)) }
                        td data-label="to" { (vest(&handover.to)) }
                    }
                }
            }
        }
        (rest(tally.handovers.len(), LONGEST))
    }
}

/// When nothing is known, and why.
pub fn gaps(tally: &Tally, scale: Scale, cameras: usize) -> Markup {
    let long = tally
        .gaps
        .iter()
        .filter(|gap| gap.range.length() >= SHORTEST_GAP.min(tally.range.length() / 20));
    let mut long: Vec<_> = long.collect();
    let count = long.len();
    long.sort_by_key(|gap| -gap.range.length());
    long.truncate(LONGEST);
    long.sort_by_key(|gap| gap.range);
    let all_of = |camera: &str, stations: &[String]| {
        let mut of_camera: Vec<&String> = tally
            .stations
            .iter()
            .filter(|other| other.camera == camera)
            .map(|other| &other.station)
            .collect();
        of_camera.dedup();
        of_camera.len() > 1 && of_camera.iter().all(|station| stations.contains(station))
    };
    html! {
        @if !long.is_empty() {
            h3 { "Gaps" }
            table.list.gaps {
                thead { tr { th { "from" } th { "to" } th { "where" } th { "why" } } }
                tbody {
                    @for gap in &long {
                        tr {
                            td data-label="from" { (scale.time(gap.range.from)) }
                            td data-label="to" { (scale.time(gap.range.to)) " (" (scale.duration(gap.range.length())) ")" }
                            td data-label="where" {
                                @if cameras > 1 { (gap.camera) ": " }
                                @if all_of(&gap.camera, &gap.stations) { "all stations" } @else { (gap.stations.join(", ")) }
                            }
                            td data-label="why" { @if gap.is_recorded { "nothing observed" } @else { "not recorded" } }
                        }
                    }
                }
            }
            (rest(count, LONGEST))
        }
    }
}
