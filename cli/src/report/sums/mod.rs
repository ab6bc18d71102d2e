//! What a page states of a stretch of time: sums of workers and stations, handovers, contradictions and gaps.

use std::collections::{BTreeMap, BTreeSet};

use people::Activity;

use super::ledger::{Camera, Handover, Ledger, Note, Row, VISITOR};
use super::record::Millis;
use super::spans::{Range, Span, cut, merge, total};

/// Overlaps up to this long are no contradiction: the clocks of two cameras differ by parts of a second, and a station stays
/// active for the hold time (1 s unless set) after the last hand was seen.
const CONTRADICTION: Millis = 2000;

/// The facts of a stretch of time.
#[derive(Debug, PartialEq)]
pub struct Tally {
    /// The stretch.
    pub range: Range,
    /// The workers by name, visitors last.
    pub workers: Vec<WorkerSums>,
    /// The stations in the order of the logs.
    pub stations: Vec<StationSums>,
    /// In the order of time; stations with their camera where there are several.
    pub handovers: Vec<Handover>,
    /// In the order of time.
    pub contradictions: Vec<Contradiction>,
    /// In the order of time.
    pub gaps: Vec<Gap>,
    /// What a reader must know.
    pub notes: Vec<Note>,
}

/// States in a stretch of time.
#[derive(Debug, Default, PartialEq)]
pub struct Sums {
    /// The states, in order and without overlaps. What they do not cover does not count.
    pub spans: Vec<Span>,
    /// Unbroken times of activity of one worker at one station.
    pub visits: usize,
}

/// A worker's sums.
#[derive(Debug, PartialEq)]
pub struct WorkerSums {
    /// The worker.
    pub name: String,
    /// Whether a station is assigned to the worker. If not, nobody knows who is idle, and the worker counts as absent while
    /// active nowhere.
    pub has_station: bool,
    /// The sums; of visitors, active only.
    pub sums: Sums,
}

/// A station's sums.
#[derive(Debug, PartialEq)]
pub struct StationSums {
    /// The camera.
    pub camera: String,
    /// The station.
    pub station: String,
    /// The worker it is assigned to.
    pub assigned: Option<String>,
    /// The sums; what was not recorded is unknown.
    pub sums: Sums,
    /// How much of the unknown was not recorded at all.
    pub unrecorded: Millis,
    /// Who was active at a station that is assigned to nobody.
    pub shares: Vec<Share>,
}

/// A worker's part in an unassigned station.
#[derive(Debug, PartialEq)]
pub struct Share {
    /// The worker.
    pub worker: String,
    /// How long the worker was active there.
    pub active: Millis,
    /// In how many visits.
    pub visits: usize,
}

/// A worker was active at two places at once.
#[derive(Debug, PartialEq)]
pub struct Contradiction {
    /// The worker.
    pub worker: String,
    /// When.
    pub range: Range,
    /// The stations, of two cameras or more.
    pub places: Vec<String>,
}

/// Nothing is known about stations of a camera.
#[derive(Debug, PartialEq)]
pub struct Gap {
    /// The camera.
    pub camera: String,
    /// When.
    pub range: Range,
    /// The stations.
    pub stations: Vec<String>,
    /// Whether it was recorded that nothing is known; else nothing was recorded.
    pub is_recorded: bool,
}

impl Sums {
    /// How long the state lasted.
    pub fn time(&self, state: Activity) -> Millis {
        total(&self.spans, state)
    }

    /// How long all states lasted.
    pub fn all(&self) -> Millis {
        self.spans.iter().map(|span| span.range.length()).sum()
    }

    /// The share of the time that was observed: not unknown. None without any time.
    pub fn coverage(&self) -> Option<f64> {
        let all = self.all();
        (all > 0).then(|| (all - self.time(Activity::Unknown)) as f64 / all as f64)
    }

    /// The longest unbroken time that is unknown; of equal ones the first.
    pub fn longest_gap(&self) -> Option<Range> {
        let unknown = self.spans.iter().filter(|span| span.state == Activity::Unknown);
        let ranges = unknown.map(|span| span.range);
        ranges.min_by_key(|range| (-range.length(), range.from))
    }
}

/// A station's row, cut to a range.
struct Cut<'a> {
    row: &'a Row,
    label: String,
    spans: Vec<Span>,
    unrecorded: Vec<Range>,
}

/// The facts of a stretch of time.
pub fn tally(ledger: &Ledger, range: Range) -> Tally {
    let cameras: Vec<(&Camera, Vec<Cut>)> = ledger
        .cameras
        .iter()
        .map(|camera| (camera, cut_rows(ledger, camera, range)))
        .collect();
    let stations = cameras
        .iter()
        .flat_map(|(camera, rows)| rows.iter().map(|row| station(camera, row)));
    let handovers = ledger.cameras.iter().flat_map(|camera| {
        let handovers = camera
            .handovers
            .iter()
            .filter(|handover| (range.from..range.to).contains(&handover.at));
        handovers.map(|handover| Handover {
            station: ledger.label(camera, &handover.station),
            ..handover.clone()
        })
    });
    let mut handovers: Vec<Handover> = handovers.collect();
    handovers.sort_by_key(|handover| handover.at);
    let notes = ledger
        .notes
        .iter()
        .filter(|note| note.from < range.to && note.to >= range.from);
    Tally {
        range,
        workers: workers(&cameras),
        stations: stations.collect(),
        handovers,
        contradictions: contradictions(&cameras),
        gaps: gaps(&cameras),
        notes: notes.cloned().collect(),
    }
}

/// The stations of a camera in a range. One that first occurs later is not in it.
fn cut_rows<'a>(ledger: &Ledger, camera: &'a Camera, range: Range) -> Vec<Cut<'a>> {
    let first = camera.recorded.first();
    let has_begun = first.is_some_and(|first| first.from < range.to);
    let rows = camera.rows.iter().filter(|_| has_begun).map(|row| {
        let unrecorded: Vec<Range> = row.unrecorded.iter().filter_map(|gap| gap.overlap(range)).collect();
        Cut {
            row,
            label: ledger.label(camera, &row.station),
            spans: cut(&row.spans, range),
            unrecorded,
        }
    });
    let is_watched = |row: &Cut| !row.spans.is_empty() || !row.unrecorded.is_empty();
    rows.filter(is_watched).collect()
}

fn unknown(range: Range) -> Span {
    Span {
        range,
        state: Activity::Unknown,
        names: BTreeSet::new(),
    }
}

fn station(camera: &Camera, cut: &Cut) -> StationSums {
    let missing: Vec<Span> = cut.unrecorded.iter().copied().map(unknown).collect();
    let active = || cut.spans.iter().filter(|span| span.state == Activity::Active);
    let mut shares: Vec<Share> = Vec::new();
    let of_anyone = active().filter(|_| cut.row.assigned.is_none());
    for (worker, span) in of_anyone.flat_map(|span| span.names.iter().map(move |name| (name, span))) {
        let known = shares.iter_mut().find(|share| share.worker == *worker);
        match known {
            Some(share) => {
                share.active += span.range.length();
                share.visits += 1;
            }
            None => shares.push(Share {
                worker: worker.clone(),
                active: span.range.length(),
                visits: 1,
            }),
        }
    }
    StationSums {
        camera: camera.name.clone(),
        station: cut.row.station.clone(),
        assigned: cut.row.assigned.clone(),
        sums: Sums {
            spans: merge(cut.spans.iter().chain(&missing)),
            visits: active().count(),
        },
        unrecorded: cut.unrecorded.iter().map(|range| range.length()).sum(),
        shares,
    }
}

fn workers(cameras: &[(&Camera, Vec<Cut>)]) -> Vec<WorkerSums> {
    let rows = || cameras.iter().flat_map(|(_, rows)| rows);
    let assigned = rows().filter_map(|cut| cut.row.assigned.as_ref());
    let active = rows().flat_map(|cut| cut.spans.iter().flat_map(|span| &span.names));
    let mut names: Vec<&String> = assigned.chain(active).collect();
    names.sort_by_key(|name| (*name == VISITOR, *name));
    names.dedup();
    names.into_iter().map(|name| worker(name, rows().collect())).collect()
}

/// The sums of a worker from all stations. Those assigned to the worker give all states, others only that the worker was
/// active there, unless no station is assigned to the worker.
fn worker(name: &str, rows: Vec<&Cut>) -> WorkerSums {
    let is_theirs = |cut: &Cut| cut.row.assigned.as_deref() == Some(name);
    let has_station = rows.iter().any(|cut| is_theirs(cut));
    let mut claims: Vec<Span> = Vec::new();
    let mut visits = 0;
    for cut in rows {
        let mut was_here = false;
        for span in &cut.spans {
            if span.state == Activity::Active && span.names.contains(name) {
                visits += 1;
                was_here = true;
                claims.push(Span {
                    names: [cut.label.clone()].into(),
                    ..span.clone()
                });
            }
        }
        let is_watched_here = is_theirs(cut) || was_here && !has_station && name != VISITOR;
        if is_watched_here {
            claims.extend(cut.unrecorded.iter().copied().map(unknown));
            claims.extend(cut.spans.iter().filter_map(|span| elsewhere(span, is_theirs(cut))));
        }
    }
    WorkerSums {
        name: name.to_owned(),
        has_station,
        sums: Sums {
            spans: merge(&claims),
            visits,
        },
    }
}

/// What a station's state says about a worker who is not active there.
fn elsewhere(span: &Span, is_theirs: bool) -> Option<Span> {
    let state = match span.state {
        Activity::Active if is_theirs => return None,
        Activity::Idle if is_theirs => Activity::Idle,
        Activity::Active | Activity::Idle | Activity::Absent => Activity::Absent,
        Activity::Unknown => Activity::Unknown,
    };
    Some(Span {
        state,
        names: BTreeSet::new(),
        ..span.clone()
    })
}

/// When workers were active at stations of two cameras at once.
fn contradictions(cameras: &[(&Camera, Vec<Cut>)]) -> Vec<Contradiction> {
    let mut claims: BTreeMap<&String, Vec<Span>> = BTreeMap::new();
    let mut camera_of: BTreeMap<&String, usize> = BTreeMap::new();
    for (index, (_, rows)) in cameras.iter().enumerate() {
        for cut in rows {
            camera_of.insert(&cut.label, index);
            let active = cut.spans.iter().filter(|span| span.state == Activity::Active);
            for (name, span) in active.flat_map(|span| span.names.iter().map(move |name| (name, span))) {
                if name != VISITOR {
                    claims.entry(name).or_default().push(Span {
                        names: [cut.label.clone()].into(),
                        ..span.clone()
                    });
                }
            }
        }
    }
    let mut found = Vec::new();
    for (worker, claims) in claims {
        let at_once = merge(&claims).into_iter().filter(|span| {
            let cameras: BTreeSet<usize> = span.names.iter().map(|label| camera_of[label]).collect();
            cameras.len() > 1 && span.range.length() > CONTRADICTION
        });
        found.extend(at_once.map(|span| Contradiction {
            worker: worker.clone(),
            range: span.range,
            places: span.names.into_iter().collect(),
        }));
    }
    found.sort_by_key(|contradiction| contradiction.range);
    found
}

fn gaps(cameras: &[(&Camera, Vec<Cut>)]) -> Vec<Gap> {
    let mut found: BTreeMap<(Range, usize, bool), Vec<String>> = BTreeMap::new();
    for (index, (_, rows)) in cameras.iter().enumerate() {
        for cut in rows {
            let unknown = cut.spans.iter().filter(|span| span.state == Activity::Unknown);
            let recorded = unknown.map(|span| (span.range, index, true));
            let unrecorded = cut.unrecorded.iter().map(|range| (*range, index, false));
            for key in recorded.chain(unrecorded) {
                let stations = found.entry(key).or_default();
                if !stations.contains(&cut.row.station) {
                    stations.push(cut.row.station.clone());
                }
            }
        }
    }
    let gap = |((range, index, is_recorded), stations): ((Range, usize, bool), Vec<String>)| Gap {
        camera: cameras[index].0.name.clone(),
        range,
        stations,
        is_recorded,
    };
    found.into_iter().map(gap).collect()
}

#[cfg(test)]
mod tests;
