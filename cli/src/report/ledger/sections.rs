//! From the parts of logs to sections: records of one writer in their order, each once, with the lines that are missing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::record::{Fact, Millis, Origin, Record};
use super::super::source::Part;
use super::STEP;

/// Records of one writer from the start of a stream on, in their order.
#[derive(Debug)]
pub struct Section {
    /// The log that has them.
    pub log: PathBuf,
    /// Their writer.
    pub origin: Origin,
    /// The records, at least one.
    pub records: Vec<Record>,
    /// Where lines are missing, in order.
    pub missing: Vec<Missing>,
}

/// Lines that the numbers of a writer's lines show to be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The index of the first record after them.
    pub before: usize,
    /// Their first number.
    pub first: u64,
    /// How many they are.
    pub count: u64,
}

/// All sections, in the order in which their writers occur first, and what was left out.
#[derive(Debug, Default)]
pub struct Sections {
    /// The sections.
    pub sections: Vec<Section>,
    /// Records that occur a second time.
    pub duplicates: usize,
    /// Records with the number of another one of their writer.
    pub conflicts: usize,
}

/// The records of one writer while they are collected.
#[derive(Default)]
struct Writer {
    log: PathBuf,
    origin: Origin,
    numbered: BTreeMap<u64, Record>,
    /// Those without a number, in the order of the log.
    unnumbered: Vec<Record>,
}

/// Joins the parts of logs.
pub fn sections(parts: Vec<Part>) -> Sections {
    let mut writers: Vec<Writer> = Vec::new();
    let mut index: BTreeMap<(Option<PathBuf>, Origin), usize> = BTreeMap::new();
    let mut joined = Sections::default();
    for part in parts {
        for record in part.content.records {
            let is_numbered = record.origin.run.is_some() && record.sequence.is_some();
            // Without the id of a run, only the file tells writers apart.
            let log = Some(part.log.clone()).filter(|_| !is_numbered);
            let at = *index.entry((log, record.origin.clone())).or_insert_with(|| {
                writers.push(Writer::new(&part.log, &record.origin));
                writers.len() - 1
            });
            match record.sequence.filter(|_| is_numbered) {
                None => writers[at].unnumbered.push(record),
                Some(number) => match writers[at].numbered.entry(number) {
                    Entry::Vacant(place) => drop(place.insert(record)),
                    Entry::Occupied(known) if *known.get() == record => joined.duplicates += 1,
                    Entry::Occupied(_) => joined.conflicts += 1,
                },
            }
        }
    }
    joined.sections = writers.into_iter().flat_map(Writer::sections).collect();
    joined
}

impl Writer {
    fn new(log: &Path, origin: &Origin) -> Self {
        Self {
            log: log.to_owned(),
            origin: origin.clone(),
            ..Self::default()
        }
    }

    /// A section for each start of a stream.
    fn sections(self) -> Vec<Section> {
        let missing = missing(self.numbered.keys().copied());
        let records: Vec<Record> = self.numbered.into_values().chain(self.unnumbered).collect();
        let mut cuts = cuts(&records);
        cuts.push(records.len());
        let mut records = records.into_iter();
        let mut from = 0;
        let mut sections = Vec::new();
        for to in cuts {
            let missing = missing.iter().filter(|missing| (from..to).contains(&missing.before));
            let missing = missing.map(|missing| Missing {
                before: missing.before - from,
                ..*missing
            });
            sections.push(Section {
                log: self.log.clone(),
                origin: self.origin.clone(),
                missing: missing.collect(),
                records: records.by_ref().take(to - from).collect(),
            });
            from = to;
        }
        sections
    }
}

/// Where numbers that should have no holes have some.
fn missing(numbers: impl Iterator<Item = u64>) -> Vec<Missing> {
    let mut expected = 0;
    let mut missing = Vec::new();
    for (before, number) in numbers.enumerate() {
        if number > expected {
            let count = number - expected;
            missing.push(Missing {
                before,
                first: expected,
                count,
            });
        }
        expected = number.saturating_add(1);
    }
    missing
}

/// The indices at which a stream begins anew: stations start at an earlier running time than the stream has reached, or,
/// while none is watched, at a running time that is another time of day than before.
fn cuts(records: &[Record]) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut latest = Millis::MIN;
    let mut offset = None;
    let mut open: BTreeSet<&Arc<str>> = BTreeSet::new();
    for (index, record) in records.iter().enumerate() {
        let new_offset = record.utc.map(|utc| utc - record.time);
        if let Fact::Start { .. } = record.fact {
            let is_other_day =
                (offset.zip(new_offset)).is_some_and(|(old, new): (Millis, Millis)| (old - new).abs() > STEP);
            if index > 0 && (record.time < latest || is_other_day && open.is_empty()) {
                cuts.push(index);
                latest = Millis::MIN;
                open.clear();
            }
        }
        match &record.fact {
            Fact::Start { station, .. }
            | Fact::Held {
                station, next: Some(_), ..
            } => drop(open.insert(station)),
            Fact::Held {
                station, next: None, ..
            } => drop(open.remove(station)),
            Fact::ClockStep { .. } => continue,
        }
        latest = latest.max(record.time);
        offset = new_offset.or(offset);
    }
    cuts
}
