//! From the records of a log to timelines: a row of spans for each station and for each worker.
//!
//! A station's row follows its records. A worker's row is put together from the stations: those assigned to the worker
//! give all states, the others only that the worker was active there. Where several stations report different states
//! for the same moment, active comes before idle, idle before absent, and each of them before unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use people::event::{Event, EventKind};
use people::{Activity, VestName};

use super::log::Log;

/// The name of people without a vest who are active at a station.
pub const VISITOR: &str = "visitor";

/// A stream from its first record to its last one. A stream whose time went back, as after a seek, begins anew.
#[derive(Debug, Default, PartialEq)]
pub struct Stream {
    /// The tenant's name, numbered from the second beginning on; empty where the log names none.
    pub name: String,
    /// When the first station begins to be watched.
    pub from: Duration,
    /// The latest time in the log.
    pub to: Duration,
    /// Some station's end is not in the log; its last state is taken to last until `to`.
    pub unfinished: bool,
    /// In the log's order.
    pub stations: Vec<Row>,
    /// In the order in which the log first names them.
    pub workers: Vec<Row>,
}

/// The states of one station or worker: spans in order that do not overlap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The station's or worker's name.
    pub name: String,
    /// The states; between them nothing is known.
    pub spans: Vec<Span>,
}

/// A state and its duration.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its beginning, in running time.
    pub from: Duration,
    /// Its end, later than that.
    pub to: Duration,
    /// The state.
    pub state: Activity,
    /// At a station: the workers the state is of. Of a worker: the stations where they were active.
    pub names: Vec<String>,
}

impl Row {
    /// How long the state lasted, all its spans together.
    pub fn total(&self, state: Activity) -> Duration {
        let spans = self.spans.iter().filter(|span| span.state == state);
        spans.map(|span| span.to - span.from).sum()
    }

    /// A span that continues the last one in all but time makes it longer.
    fn push(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if (last.to, last.state, &last.names) == (span.from, span.state, &span.names) => {
                last.to = span.to;
            }
            _ => self.spans.push(span),
        }
    }
}

/// The streams of a log, in the order in which they begin.
pub fn streams(log: &Log) -> Vec<Stream> {
    let mut streams: Vec<StreamBuilder> = Vec::new();
    let mut current: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let mut count: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for record in &log.records {
        if matches!(record.event.kind, EventKind::Heartbeat { .. }) {
            continue;
        }
        let (tenant, event) = (record.stream.as_deref(), &record.event);
        let running = current.get(&tenant).copied();
        // Only the state `unknown` is reported late; a station begins at the latest frame.
        let index = running.filter(|index| event.kind != EventKind::Start || event.time >= streams[*index].to);
        let index = index.unwrap_or_else(|| {
            let number = count.entry(tenant).or_default();
            *number += 1;
            streams.push(StreamBuilder::new(tenant.unwrap_or_default(), *number));
            streams.len() - 1
        });
        current.insert(tenant, index);
        streams[index].record(event);
    }
    streams.into_iter().map(StreamBuilder::finish).collect()
}

/// A stream while its records are read.
struct StreamBuilder {
    name: String,
    from: Option<Duration>,
    to: Duration,
    stations: Vec<Station>,
}

#[derive(Default)]
struct Station {
    row: Row,
    /// The worker it is assigned to, if any.
    assigned: Option<String>,
    /// The present state, since when, and the worker.
    open: Option<(Activity, Duration, Option<String>)>,
    /// The spans of workers, by their names.
    claims: Vec<(String, Span)>,
}

impl StreamBuilder {
    fn new(tenant: &str, number: usize) -> Self {
        Self {
            name: match number {
                1 => tenant.to_owned(),
                _ => format!("{tenant} ({number})").trim_start().to_owned(),
            },
            from: None,
            to: Duration::ZERO,
            stations: Vec::new(),
        }
    }

    fn record(&mut self, event: &Event) {
        self.to = self.to.max(event.time);
        let known = self
            .stations
            .iter()
            .position(|station| *station.row.name == *event.station);
        let index = known.unwrap_or_else(|| {
            self.stations.push(Station::default());
            self.stations.len() - 1
        });
        let station = &mut self.stations[index];
        station.row.name = event.station.to_string();
        let begins = station.record(event);
        self.from = Some(self.from.map_or(begins, |from| from.min(begins)));
    }

    fn finish(mut self) -> Stream {
        let unfinished = self.stations.iter().any(|station| station.open.is_some());
        for station in &mut self.stations {
            station.close(self.to);
        }
        Stream {
            name: self.name,
            from: self.from.unwrap_or_default(),
            to: self.to,
            unfinished,
            workers: workers(&self.stations),
            stations: self.stations.into_iter().map(|station| station.row).collect(),
        }
    }
}

impl Station {
    /// Returns the earliest time that the event covers.
    fn record(&mut self, event: &Event) -> Duration {
        let name = |worker: &Option<VestName>| worker.as_deref().map(str::to_owned);
        let (state, lasted, worker, next) = match &event.kind {
            EventKind::Start => {
                self.close(event.time);
                self.assigned = name(&event.worker);
                self.open = Some((Activity::Absent, event.time, None));
                return event.time;
            }
            EventKind::Change {
                state,
                previous,
                lasted,
                ..
            } => (*previous, *lasted, &event.worker, Some(*state)),
            EventKind::Handover { from, lasted } => (Activity::Active, *lasted, from, Some(Activity::Active)),
            EventKind::Heartbeat { .. } => return event.time,
            EventKind::End { state, lasted, .. } => (*state, *lasted, &event.worker, None),
        };
        // A log without its first lines still has how long the state has lasted, and the worker.
        let began = || (event.time.saturating_sub(lasted), name(worker));
        let open = self.open.take().map(|(_, since, worker)| (since, worker));
        let (since, worker) = open.unwrap_or_else(began);
        self.open = Some((state, since, worker));
        let until = self.close(event.time);
        self.open = next.map(|state| (state, until, name(&event.worker)));
        since
    }

    /// Ends the present state and returns its end.
    fn close(&mut self, time: Duration) -> Duration {
        let Some((state, from, worker)) = self.open.take() else {
            return time;
        };
        if time <= from {
            return from;
        }
        let names: Vec<String> = match (&self.assigned, state) {
            (_, Activity::Unknown) => Vec::new(),
            (Some(assigned), _) => vec![assigned.clone()],
            (None, Activity::Active) => vec![worker.unwrap_or_else(|| VISITOR.to_owned())],
            (None, Activity::Idle | Activity::Absent) => Vec::new(),
        };
        let span = Span {
            from,
            to: time,
            state,
            names,
        };
        for name in &span.names {
            let names = Vec::from_iter((state == Activity::Active).then(|| self.row.name.clone()));
            self.claims.push((name.clone(), Span { names, ..span.clone() }));
        }
        self.row.push(span);
        time
    }
}

/// The rows of the workers, from all stations together.
fn workers(stations: &[Station]) -> Vec<Row> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in stations.iter().flat_map(|station| &station.claims) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    // Without inference nothing is known about any worker.
    let unknown = || {
        let spans = stations.iter().flat_map(|station| &station.row.spans);
        spans.filter(|span| span.state == Activity::Unknown)
    };
    let row = |name: &str| {
        let claims = stations.iter().flat_map(|station| &station.claims);
        let claims = claims.filter(|(whose, _)| whose == name).map(|(_, span)| span);
        Row {
            name: name.to_owned(),
            spans: merge(&claims.chain(unknown()).collect::<Vec<_>>()),
        }
    };
    names.into_iter().map(row).collect()
}

/// If two stations report different states for a worker at the same time, the one of greater precedence counts.
fn precedence(state: Activity) -> u8 {
    match state {
        Activity::Unknown => 0,
        Activity::Absent => 1,
        Activity::Idle => 2,
        Activity::Active => 3,
    }
}

/// Merges spans that may overlap into those of one row.
fn merge(spans: &[&Span]) -> Vec<Span> {
    let mut edges: Vec<(Duration, bool, usize)> = spans
        .iter()
        .enumerate()
        .flat_map(|(index, span)| [(span.from, true, index), (span.to, false, index)])
        .collect();
    edges.sort_unstable();
    let mut row = Row::default();
    let mut open = BTreeSet::new();
    let mut since = Duration::ZERO;
    for (time, begins, index) in edges {
        let states = open.iter().map(|index: &usize| spans[*index].state);
        let state = states.max_by_key(|state| precedence(*state));
        if let Some(state) = state.filter(|_| since < time) {
            let chosen = open
                .iter()
                .map(|index| spans[*index])
                .filter(|span| span.state == state);
            let names: BTreeSet<_> = chosen.flat_map(|span| &span.names).cloned().collect();
            row.push(Span {
                from: since,
                to: time,
                state,
                names: names.into_iter().collect(),
            });
        }
        since = time;
        if begins {
            open.insert(index);
        } else {
            open.remove(&index);
        }
    }
    row.spans
}

#[cfg(test)]
mod tests;
