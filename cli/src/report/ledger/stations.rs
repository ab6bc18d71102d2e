//! From the records of a section to the spans of its stations.
//!
//! Each record states what a station's state was until then, and since when. What no record states is not invented: a state
//! is taken to last on only until the writer's next sign of life, whichever station that is of, and not over missing lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use people::Activity;
use people::event::Assigned;
use people::names;

use super::super::record::{Fact, Millis, State};
use super::super::spans::{Range, Span, merge, push, union};
use super::placement::Placement;
use super::sections::Section;
use super::{Handover, VISITOR};

/// Times and durations are rounded to milliseconds each, so ends and beginnings may miss each other by so much.
const ROUNDING: Millis = 2;

/// What one section reports of one station, for one assignment of it.
#[derive(Debug, PartialEq)]
pub struct Watch {
    /// The station.
    pub station: Arc<str>,
    /// Whom it is assigned to; unstated if the section lacks all records that say so.
    pub assigned: Assigned,
    /// Its states, in order; between them nothing is known.
    pub spans: Vec<Span>,
    /// When it was watched, in order.
    pub watched: Vec<Range>,
}

/// What a section reports.
#[derive(Debug, Default)]
pub struct Report {
    /// The stations, in the order in which they occur.
    pub watches: Vec<Watch>,
    /// Workers who took over from others.
    pub handovers: Vec<Handover>,
    /// Some station's end is not in it.
    pub is_unfinished: bool,
}

/// A station while its records are read.
struct Station {
    assigned: Assigned,
    spans: Vec<Span>,
    begun: Millis,
    /// The end of what is known, on the clock and in running time.
    known: (Millis, Millis),
    /// The state after the record with this index.
    open: Option<(State, usize)>,
}

/// The writer's signs of life.
struct Life {
    /// The latest time on the clock and in running time up to each record.
    latest: Vec<(Millis, Millis)>,
    /// The indices of records before which lines are missing.
    missing: Vec<usize>,
}

impl Life {
    fn new(section: &Section, placement: &Placement) -> Self {
        let mut latest = (Millis::MIN, Millis::MIN);
        let all = placement.at.iter().zip(&section.records).map(|(at, record)| {
            if record.is_observation() {
                latest = (latest.0.max(*at), latest.1.max(record.time));
            }
            latest
        });
        Self {
            latest: all.collect(),
            missing: section.missing.iter().map(|missing| missing.before).collect(),
        }
    }

    /// Until when a state after record `from` is known to last, if the next record of its station is `to`: to the last
    /// record before missing lines, else to the last one.
    fn last_sign(&self, from: usize, to: usize) -> (Millis, Millis) {
        let hole = self.missing.iter().find(|hole| (from + 1..=to).contains(*hole));
        self.latest[hole.copied().unwrap_or(to).max(1) - 1]
    }

    fn are_lines_missing(&self, from: usize, to: usize) -> bool {
        self.missing.iter().any(|hole| (from + 1..=to).contains(hole))
    }
}

/// The stations of a section.
pub fn report(section: &Section, placement: &Placement) -> Report {
    let mut reader = Reader {
        life: Life::new(section, placement),
        stations: BTreeMap::new(),
        order: Vec::new(),
        report: Report::default(),
    };
    for (index, record) in section.records.iter().enumerate() {
        let now = (placement.at[index], record.time);
        match &record.fact {
            Fact::ClockStep { .. } => {}
            Fact::Start { station, assigned } => {
                let started = Station::started(assigned.clone().into(), now, index);
                reader.begin(index, station, started);
            }
            Fact::Held {
                station,
                state,
                lasted,
                next,
                is_handover,
                assigned,
            } => {
                let held = Held {
                    state,
                    since: now.1 - lasted,
                    now,
                    assigned,
                };
                reader.hold(index, station, &held, next.as_ref());
                if *is_handover {
                    let handover = handover(station, state, next.as_ref(), *lasted, now.0);
                    reader.report.handovers.push(handover);
                }
            }
        }
    }
    reader.finish(section.records.len())
}

/// A section while its records are read.
struct Reader {
    life: Life,
    /// The stations that are watched.
    stations: BTreeMap<Arc<str>, Station>,
    /// All stations, in the order in which they occur.
    order: Vec<Arc<str>>,
    report: Report,
}

impl Reader {
    /// The station is watched from the record with this index on.
    fn begin(&mut self, index: usize, name: &Arc<str>, station: Station) {
        if let Some(old) = self.stations.remove(name) {
            self.report.close(name, old, &self.life, index);
        }
        if !self.order.contains(name) {
            self.order.push(name.clone());
        }
        self.stations.insert(name.clone(), station);
    }

    fn hold(&mut self, index: usize, name: &Arc<str>, held: &Held, next: Option<&State>) {
        let watched = self.stations.get(name);
        // Otherwise its start is missing.
        if !watched.is_some_and(|station| station.may_be_assigned(held.assigned)) {
            self.begin(index, name, Station::joined(held));
        }
        if let Some(station) = self.stations.get_mut(name) {
            station.hold(held, &self.life, index);
            station.open = next.cloned().map(|next| (next, index));
        }
        if next.is_none()
            && let Some(ended) = self.stations.remove(name)
        {
            self.report.close(name, ended, &self.life, index);
        }
    }

    fn finish(mut self, end: usize) -> Report {
        self.report.is_unfinished = !self.stations.is_empty();
        for (name, open) in self.stations {
            self.report.close(&name, open, &self.life, end);
        }
        let place = |watch: &Watch| self.order.iter().position(|station| *station == watch.station);
        self.report.watches.sort_by_key(place);
        self.report
    }
}

/// A state that held until now.
struct Held<'a> {
    state: &'a State,
    /// Its beginning in running time.
    since: Millis,
    /// On the clock and in running time.
    now: (Millis, Millis),
    assigned: &'a Assigned,
}

impl Station {
    fn started(assigned: Assigned, now: (Millis, Millis), index: usize) -> Self {
        Self {
            assigned,
            spans: Vec::new(),
            begun: now.0,
            known: now,
            open: Some((State::new(Activity::Absent, None), index)),
        }
    }

    /// A station whose start is not in the section: the first record still has how long its state had lasted.
    fn joined(held: &Held) -> Self {
        let begun = held.now.0 - (held.now.1 - held.since);
        Self {
            assigned: held.assigned.clone(),
            spans: Vec::new(),
            begun,
            known: (begun, held.since),
            open: None,
        }
    }

    /// Whether a record with this assignment is about the station while it is watched. The first records may have the spelling of
    /// the station file, and later ones that of the vest model.
    fn may_be_assigned(&self, assigned: &Assigned) -> bool {
        match (&self.assigned, assigned) {
            (Assigned::Unstated, _) | (_, Assigned::Unstated) => true,
            (Assigned::To(one), Assigned::To(other)) => names::is_same(one, other),
            (one, other) => one == other,
        }
    }

    fn hold(&mut self, held: &Held, life: &Life, index: usize) {
        if !held.assigned.is_unstated() {
            self.assigned = held.assigned.clone();
        }
        if let Some((state, at)) = self.open.take()
            && life.are_lines_missing(at, index)
        {
            self.extend(&state, life.last_sign(at, index));
        }
        let (clock, running) = self.known;
        if held.since > running + ROUNDING {
            let since = held.now.0 - (held.now.1 - held.since);
            self.known = (since.max(clock), held.since);
        }
        self.extend(held.state, held.now);
    }

    /// The state from what is known on, until then.
    fn extend(&mut self, state: &State, until: (Millis, Millis)) {
        if let Some(range) = Range::new(self.known.0, until.0) {
            let name = || state.worker.as_deref().unwrap_or(VISITOR).to_owned();
            let names = (state.activity == Activity::Active).then(name).into_iter().collect();
            push(
                &mut self.spans,
                Span {
                    range,
                    state: state.activity,
                    names,
                },
            );
        }
        self.known = (self.known.0.max(until.0), self.known.1.max(until.1));
    }
}

impl Report {
    /// A station that is no longer watched, or whose next record is the one with this index.
    fn close(&mut self, name: &Arc<str>, mut station: Station, life: &Life, next: usize) {
        if let Some((state, at)) = station.open.take() {
            station.extend(&state, life.last_sign(at, next));
        }
        let Some(range) = Range::new(station.begun, station.known.0) else {
            return;
        };
        let known = |watch: &&mut Watch| watch.station == *name && watch.assigned == station.assigned;
        match self.watches.iter_mut().find(known) {
            Some(watch) => {
                watch.spans = merge(watch.spans.iter().chain(&station.spans));
                watch.watched = union(watch.watched.iter().copied().chain([range]));
            }
            None => self.watches.push(Watch {
                station: name.clone(),
                assigned: station.assigned,
                spans: station.spans,
                watched: vec![range],
            }),
        }
    }
}

fn handover(station: &Arc<str>, from: &State, to: Option<&State>, lasted: Millis, at: Millis) -> Handover {
    let name = |state: Option<&State>| {
        let worker = state.and_then(|state| state.worker.as_deref());
        worker.unwrap_or(VISITOR).to_owned()
    };
    Handover {
        at,
        station: station.to_string(),
        from: name(Some(from)),
        to: name(to),
        lasted,
    }
}
