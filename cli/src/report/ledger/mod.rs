//! The ledger: all logs together, as spans of stations on one time axis, each moment once.
//!
//! Sections with a time of day share one ledger, whatever log, run or camera they are of. A section without one has a ledger
//! of its own, by running time, which cannot be compared with that of others.

mod cameras;
mod placement;
mod sections;
mod stations;

use people::event::StepReason;

use super::record::{Fact, Millis};
use super::source::Part;
use super::spans::{Range, Span, holes, merge, union};
use placement::Placement;
use sections::Section;
use stations::{Report, Watch};

/// The name of people without a vest who are active at a station.
pub const VISITOR: &str = "visitor";

/// More than the clocks of cameras and hosts drift between two records, and less than any step that matters.
const STEP: Millis = 1000;

/// Longer than any log.
const ALWAYS: Range = Range {
    from: Millis::MIN / 4,
    to: Millis::MAX / 4,
};

/// All logs together.
#[derive(Debug, Default, PartialEq)]
pub struct Book {
    /// What has times of day; none if no log has any.
    pub clock: Option<Ledger>,
    /// What has none: a ledger a section, in the order of the logs.
    pub running: Vec<Ledger>,
    /// Records that occurred a second time and were left out.
    pub duplicates: usize,
    /// Records with the number of another one of their writer, which were left out.
    pub conflicts: usize,
}

/// Spans of stations on one time axis.
#[derive(Debug, Default, PartialEq)]
pub struct Ledger {
    /// The cameras, in the order of the logs.
    pub cameras: Vec<Camera>,
    /// What a reader must know about it, in the order of time.
    pub notes: Vec<Note>,
}

/// The stations of one tenant, or of one log without tenants.
#[derive(Debug, Default, PartialEq)]
pub struct Camera {
    /// Its name, which no other one has.
    pub name: String,
    /// When it was recorded: from the first record to the last one of each section.
    pub recorded: Vec<Range>,
    /// A row for each station and assignment.
    pub rows: Vec<Row>,
    /// Workers who took over from others at a station that stayed active.
    pub handovers: Vec<Handover>,
}

/// A station for as long as it was assigned to one worker, or to anyone.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// The station's name.
    pub station: String,
    /// The worker it is assigned to; none for anyone.
    pub assigned: Option<String>,
    /// Its states, in order and without overlaps.
    pub spans: Vec<Span>,
    /// When it should have been recorded and was not: lines are missing, or the camera was not recorded. The first one begins,
    /// and the last one ends, with all time.
    pub unrecorded: Vec<Range>,
}

/// A worker took over while a station stayed active.
#[derive(Clone, Debug, PartialEq)]
pub struct Handover {
    /// When.
    pub at: Millis,
    /// The station.
    pub station: String,
    /// Who worked there until then.
    pub from: String,
    /// Who works there from then on.
    pub to: String,
    /// How long the previous one had been working.
    pub lasted: Millis,
}

/// Something that a reader must know.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The camera.
    pub camera: String,
    /// When it was; from and to may be equal.
    pub from: Millis,
    /// Its end.
    pub to: Millis,
    /// What it was.
    pub kind: NoteKind,
}

/// What a note is about.
#[derive(Clone, Debug, PartialEq)]
pub enum NoteKind {
    /// The records end without totals: the writer was killed, or goes on.
    Unfinished,
    /// Lines with these numbers are missing.
    Missing {
        /// The first number.
        first: u64,
        /// How many.
        count: u64,
    },
    /// The time of day stepped by so much, which changes no sum.
    Step(Millis),
    /// The writer reported an oddity of its time.
    Odd {
        /// What was odd.
        reason: StepReason,
        /// By how much.
        step: Millis,
    },
    /// Two runs recorded the camera at once; each moment counts once.
    Overlap,
    /// The lines that name the stations' workers are missing: starts, heartbeats and totals.
    Unassigned,
}

impl Ledger {
    /// From the first record to the last one.
    pub fn range(&self) -> Option<Range> {
        let recorded = || self.cameras.iter().flat_map(|camera| &camera.recorded);
        let from = recorded().map(|range| range.from).min()?;
        let to = recorded().map(|range| range.to).max()?;
        Range::new(from, to)
    }

    /// How a station is called: with the camera, where there are several.
    pub fn label(&self, camera: &Camera, station: &str) -> String {
        match &self.cameras[..] {
            [_] => station.to_owned(),
            _ => format!("{} / {station}", camera.name),
        }
    }
}

/// A section on its time axis, of a camera.
struct Entry {
    section: Section,
    placement: Placement,
    report: Report,
    camera: String,
}

impl Entry {
    /// From its first to its last moment.
    fn range(&self) -> (Millis, Millis) {
        let records = || self.placement.at.iter().zip(&self.section.records);
        let at = || {
            records()
                .filter(|(_, record)| record.is_observation())
                .map(|(at, _)| *at)
        };
        let watched = || self.report.watches.iter().flat_map(|watch| &watch.watched);
        let from = watched().map(|range| range.from).chain(at()).min();
        let to = at().max();
        (from.unwrap_or_default(), to.unwrap_or_default())
    }
}

/// Joins the parts of logs.
pub fn join(parts: Vec<Part>) -> Book {
    let joined = sections::sections(parts);
    let sections = joined.sections.into_iter().map(|section| {
        let placement = placement::place(&section.records);
        (section, placement)
    });
    let sections: Vec<(Section, Placement)> = sections.collect();
    let names = cameras::names(&sections);
    let entries = sections
        .into_iter()
        .zip(names)
        .map(|((section, placement), camera)| Entry {
            report: stations::report(&section, &placement),
            section,
            placement,
            camera,
        });
    let (clock, running): (Vec<Entry>, Vec<Entry>) = entries.partition(|entry| entry.placement.is_clock);
    Book {
        clock: (!clock.is_empty()).then(|| ledger(clock)),
        running: numbered(running).into_iter().map(|entry| ledger(vec![entry])).collect(),
        duplicates: joined.duplicates,
        conflicts: joined.conflicts,
    }
}

/// Sections by running time are numbered from a camera's second one on.
fn numbered(mut entries: Vec<Entry>) -> Vec<Entry> {
    let names: Vec<String> = entries.iter().map(|entry| entry.camera.clone()).collect();
    for (index, entry) in entries.iter_mut().enumerate() {
        let number = names[..=index].iter().filter(|name| **name == names[index]).count();
        if number > 1 {
            entry.camera = format!("{} ({number})", names[index]);
        }
    }
    entries
}

fn ledger(entries: Vec<Entry>) -> Ledger {
    let mut names: Vec<&str> = Vec::new();
    for entry in &entries {
        if !names.contains(&entry.camera.as_str()) {
            names.push(&entry.camera);
        }
    }
    let mut ledger = Ledger::default();
    for name in names {
        let mut entries: Vec<&Entry> = entries.iter().filter(|entry| entry.camera == name).collect();
        entries.sort_by_key(|entry| entry.range());
        let (camera, notes) = camera(name, &entries);
        ledger.cameras.push(camera);
        ledger.notes.extend(notes);
    }
    ledger.notes.sort_by_key(|note| (note.from, note.to));
    ledger
}

/// One camera from its sections, which are in the order of time.
fn camera(name: &str, entries: &[&Entry]) -> (Camera, Vec<Note>) {
    let ranges = entries.iter().map(|entry| entry.range());
    let recorded = union(ranges.filter_map(|(from, to)| Range::new(from, to)));
    let mut notes: Vec<Note> = entries.iter().flat_map(|entry| notes(name, entry)).collect();
    notes.extend(overlaps(name, entries));
    let mut rows: Vec<(Row, Vec<Range>)> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        for watch in &entry.report.watches {
            let assigned = assigned(watch, entries, index).map(str::to_owned);
            let same = |(row, _): &&mut (Row, Vec<Range>)| *row.station == *watch.station && row.assigned == assigned;
            let spans = spans(watch, assigned.as_deref());
            match rows.iter_mut().find(same) {
                Some((row, watched)) => {
                    row.spans.extend(spans);
                    watched.extend(&watch.watched);
                }
                None => {
                    let row = Row {
                        station: watch.station.to_string(),
                        assigned,
                        spans,
                        unrecorded: Vec::new(),
                    };
                    rows.push((row, watch.watched.clone()));
                }
            }
        }
    }
    let gaps = holes(ALWAYS, &recorded);
    let rows = rows.into_iter().map(|(row, watched)| Row {
        unrecorded: unrecorded(&row.spans, &union(watched), &gaps),
        spans: merge(&row.spans),
        ..row
    });
    let camera = Camera {
        name: name.to_owned(),
        rows: rows.collect(),
        recorded,
        handovers: entries
            .iter()
            .flat_map(|entry| entry.report.handovers.clone())
            .collect(),
    };
    (camera, notes)
}

/// Whom a station is assigned to. Where the section does not state it, that of the section before it counts, or the next one's.
fn assigned<'a>(watch: &'a Watch, entries: &[&'a Entry], index: usize) -> Option<&'a str> {
    let known = |entry: &&&'a Entry| {
        let watches = entry.report.watches.iter();
        let watches = watches.filter(|other| other.station == watch.station);
        watches
            .map(|other| &other.assigned)
            .find(|assigned| !assigned.is_unstated())
    };
    let own = Some(&watch.assigned).filter(|assigned| !assigned.is_unstated());
    let before = || entries[..index].iter().rev().find_map(|entry| known(&entry));
    let after = || entries[index..].iter().find_map(|entry| known(&entry));
    own.or_else(before).or_else(after)?.worker().map(|worker| &**worker)
}

/// The spans of a watch, active under the name of the worker whom the station is assigned to.
fn spans(watch: &Watch, assigned: Option<&str>) -> Vec<Span> {
    let mut spans = watch.spans.clone();
    if let Some(assigned) = assigned {
        for span in spans.iter_mut().filter(|span| !span.names.is_empty()) {
            span.names = [assigned.to_owned()].into();
        }
    }
    merge(&spans)
}

/// When a station should have been recorded: while it was watched, and in gaps of its camera before or after that.
fn unrecorded(spans: &[Span], watched: &[Range], gaps: &[Range]) -> Vec<Range> {
    let known = union(spans.iter().map(|span| span.range));
    let missing = watched.iter().flat_map(|range| holes(*range, &known));
    let touches = |gap: &&Range| {
        let mut watched = watched.iter();
        watched.any(|range| range.to >= gap.from - STEP && range.from <= gap.to + STEP)
    };
    let gaps = gaps.iter().filter(touches).copied();
    union(missing.chain(gaps))
}

fn notes(camera: &str, entry: &Entry) -> Vec<Note> {
    let note = |from, to, kind| Note {
        camera: camera.to_owned(),
        from,
        to,
        kind,
    };
    let at = &entry.placement.at;
    let mut notes: Vec<Note> = entry
        .section
        .missing
        .iter()
        .map(|missing| {
            let from = at[missing.before.saturating_sub(1)];
            let kind = NoteKind::Missing {
                first: missing.first,
                count: missing.count,
            };
            note(from, at[missing.before], kind)
        })
        .collect();
    notes.extend(
        entry
            .placement
            .steps
            .iter()
            .map(|(at, step)| note(*at, *at, NoteKind::Step(*step))),
    );
    notes.extend(
        entry
            .section
            .records
            .iter()
            .zip(at)
            .filter_map(|(record, at)| match record.fact {
                Fact::ClockStep { reason, step } => Some(note(*at, *at, NoteKind::Odd { reason, step })),
                _ => None,
            }),
    );
    let (from, to) = entry.range();
    if entry.report.watches.iter().any(|watch| watch.assigned.is_unstated()) {
        notes.push(note(from, from, NoteKind::Unassigned));
    }
    if entry.report.is_unfinished {
        notes.push(note(to, to, NoteKind::Unfinished));
    }
    notes
}

/// Where sections of one camera cover the same time.
fn overlaps(camera: &str, entries: &[&Entry]) -> Vec<Note> {
    let mut latest = Millis::MIN;
    let mut notes = Vec::new();
    for entry in entries {
        let (from, to) = entry.range();
        if from + STEP < latest.min(to) {
            notes.push(Note {
                camera: camera.to_owned(),
                from,
                to: latest.min(to),
                kind: NoteKind::Overlap,
            });
        }
        latest = latest.max(to);
    }
    notes
}

#[cfg(test)]
mod tests;
