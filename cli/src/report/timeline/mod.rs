//! From the lines of a log to what was going on when: a row of spans for each station and for each worker.
//!
//! A station's row is what the log says of it. A worker's row is put together from the stations: those that are assigned
//! to the worker tell all states, the others only that the worker was active there. Where several speak about the same
//! moment, active comes before idle, idle before absent, and any of them before the lack of inference.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::log::{Line, Log, State, What};

/// Who is active at a station and wears no vest.
pub const VISITOR: &str = "visitor";

/// A stream from its first line to its last one. A stream that went back in time, as after a seek, begins anew.
#[derive(Debug, Default, PartialEq)]
pub struct Stream {
    /// The tenant's name, numbered from the second beginning on; empty where the log names none.
    pub name: String,
    /// When the first station begins to be watched.
    pub from: Duration,
    /// The latest time that the log knows of.
    pub to: Duration,
    /// Some station's end is not in the log; its last state is taken to last until `to`.
    pub unfinished: bool,
    /// In the log's order.
    pub stations: Vec<Row>,
    /// In the order in which the log first names them.
    pub workers: Vec<Row>,
}

/// What is known of one station or worker: spans in order that do not overlap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The station's or worker's name.
    pub name: String,
    /// Nothing is known between them.
    pub spans: Vec<Span>,
}

/// A state that lasted.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its beginning, in running time.
    pub from: Duration,
    /// Its end, later than that.
    pub to: Duration,
    /// The state.
    pub state: State,
    /// At a station: who was active, or whom the state is about. Of a worker: the stations where they were active.
    pub names: Vec<String>,
}

impl Row {
    /// How long the state lasted, all its spans together.
    pub fn total(&self, state: State) -> Duration {
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
    let mut runs: Vec<Run> = Vec::new();
    let mut current: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let mut count: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for line in &log.lines {
        let tenant = line.stream.as_deref();
        let running = current.get(&tenant).copied();
        // Only the state `unknown` is told late; a station begins at the latest frame.
        let index = running.filter(|index| line.what != What::Start || line.time >= runs[*index].to);
        let index = index.unwrap_or_else(|| {
            let number = count.entry(tenant).or_default();
            *number += 1;
            runs.push(Run::new(tenant.unwrap_or_default(), *number));
            runs.len() - 1
        });
        current.insert(tenant, index);
        runs[index].take(line);
    }
    runs.into_iter().map(Run::finish).collect()
}

/// A stream while its lines are read.
struct Run {
    name: String,
    from: Option<Duration>,
    to: Duration,
    stations: Vec<Station>,
}

#[derive(Default)]
struct Station {
    row: Row,
    /// Whose hands count, where not everybody's do.
    assigned: Option<String>,
    /// The state that lasts, since when, and who works.
    open: Option<(State, Duration, Option<String>)>,
    /// What it says about workers, by their names.
    claims: Vec<(String, Span)>,
}

impl Run {
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

    fn take(&mut self, line: &Line) {
        self.to = self.to.max(line.time);
        let known = self
            .stations
            .iter()
            .position(|station| station.row.name == line.station);
        let index = known.unwrap_or_else(|| {
            self.stations.push(Station::default());
            self.stations.len() - 1
        });
        let station = &mut self.stations[index];
        station.row.name.clone_from(&line.station);
        let begins = station.take(line);
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
    /// Returns the earliest time that the line tells about.
    fn take(&mut self, line: &Line) -> Duration {
        let (state, lasted, worker, next) = match &line.what {
            What::Start => {
                self.close(line.time);
                self.assigned.clone_from(&line.worker);
                self.open = Some((State::Absent, line.time, None));
                return line.time;
            }
            What::Other => return line.time,
            What::Change {
                state,
                previous,
                lasted,
            } => (*previous, *lasted, &line.worker, Some(*state)),
            What::Handover { from, lasted } => (State::Active, *lasted, from, Some(State::Active)),
            What::Totals { state, lasted } => (*state, *lasted, &line.worker, None),
        };
        // A log that somebody cut off at its front still says how long the state has lasted, and whose it was.
        let began = || (line.time.saturating_sub(lasted), worker.clone());
        let open = self.open.take().map(|(_, since, worker)| (since, worker));
        let (since, worker) = open.unwrap_or_else(began);
        self.open = Some((state, since, worker));
        let until = self.close(line.time);
        self.open = next.map(|state| (state, until, line.worker.clone()));
        since
    }

    /// Ends the state that lasts, and returns when that is.
    fn close(&mut self, time: Duration) -> Duration {
        let Some((state, from, worker)) = self.open.take() else {
            return time;
        };
        if time <= from {
            return from;
        }
        let names: Vec<String> = match (&self.assigned, state) {
            (_, State::Unknown) => Vec::new(),
            (Some(assigned), _) => vec![assigned.clone()],
            (None, State::Active) => vec![worker.unwrap_or_else(|| VISITOR.to_owned())],
            (None, State::Idle | State::Absent) => Vec::new(),
        };
        let span = Span {
            from,
            to: time,
            state,
            names,
        };
        for name in &span.names {
            let names = Vec::from_iter((state == State::Active).then(|| self.row.name.clone()));
            self.claims.push((name.clone(), Span { names, ..span.clone() }));
        }
        self.row.push(span);
        time
    }
}

/// What the stations together say about each worker.
fn workers(stations: &[Station]) -> Vec<Row> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in stations.iter().flat_map(|station| &station.claims) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    // Nobody's, so everybody's.
    let unknown = || {
        let spans = stations.iter().flat_map(|station| &station.row.spans);
        spans.filter(|span| span.state == State::Unknown)
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

/// Spans that may overlap become a row's.
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
        let state = open.iter().map(|index: &usize| spans[*index].state).max();
        if let Some(state) = state.filter(|_| since < time) {
            let told = open
                .iter()
                .map(|index| spans[*index])
                .filter(|span| span.state == state);
            let names: BTreeSet<_> = told.flat_map(|span| &span.names).cloned().collect();
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
