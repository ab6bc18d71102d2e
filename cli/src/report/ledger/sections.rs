//! From the parts of logs to sections: records of one writer in their order, each once, with the lines that are missing.

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
    /// By number; several only if each stream has numbers of its own.
    numbered: BTreeMap<u64, Vec<Record>>,
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
            // Without the id of a run, only the file tells writers apart. A run goes on when another stream begins.
            let (log, origin) = if is_numbered {
                let stream_id = None;
                (
                    None,
                    Origin {
                        stream_id,
                        ..record.origin.clone()
                    },
                )
            } else {
                (Some(part.log.clone()), record.origin.clone())
            };
            let at = *index.entry((log, origin)).or_insert_with(|| {
                writers.push(Writer {
                    log: part.log.clone(),
                    ..Writer::default()
                });
                writers.len() - 1
            });
            match record.sequence.filter(|_| is_numbered) {
                None => writers[at].unnumbered.push(record),
                Some(number) => {
                    let known = writers[at].numbered.entry(number).or_default();
                    if known.contains(&record) {
                        joined.duplicates += 1;
                    } else if known.iter().any(|other| other.origin == record.origin) {
                        joined.conflicts += 1;
                    } else {
                        known.push(record);
                    }
                }
            }
        }
    }
    joined.sections = writers.into_iter().flat_map(Writer::sections).collect();
    joined
}

impl Writer {
    /// A section for each start of a stream.
    fn sections(self) -> Vec<Section> {
        let is_by_stream = self.numbered.values().any(|records| records.len() > 1);
        let mut numbered: BTreeMap<Option<Arc<str>>, Vec<(u64, Record)>> = BTreeMap::new();
        for (number, record) in self
            .numbered
            .into_iter()
            .flat_map(|(number, records)| records.into_iter().map(move |record| (number, record)))
        {
            let stream = record.origin.stream_id.clone().filter(|_| is_by_stream);
            numbered.entry(stream).or_default().push((number, record));
        }
        let mut sections = split(&self.log, &[], self.unnumbered);
        for records in numbered.into_values() {
            let missing = missing(records.iter().map(|(number, _)| *number));
            sections.extend(split(
                &self.log,
                &missing,
                records.into_iter().map(|(_, record)| record).collect(),
            ));
        }
        sections
    }
}

/// Records of a writer as a section for each start of a stream.
fn split(log: &Path, missing: &[Missing], records: Vec<Record>) -> Vec<Section> {
    let mut ends = cuts(&records);
    ends.push(records.len());
    let mut records = records.into_iter();
    let mut from = 0;
    let mut sections = Vec::new();
    for to in ends {
        let missing = missing.iter().filter(|missing| (from..to).contains(&missing.before));
        let missing = missing.map(|missing| Missing {
            before: missing.before - from,
            ..*missing
        });
        let missing = missing.collect();
        let records: Vec<Record> = records.by_ref().take(to - from).collect();
        sections.extend(records.first().map(|first| first.origin.clone()).map(|origin| Section {
            log: log.to_owned(),
            origin,
            records,
            missing,
        }));
        from = to;
    }
    sections
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

/// The indices at which a stream begins anew: it is another one, or stations start at an earlier running time than the stream has reached, or,
/// while none is watched, at a running time that is another time of day than before.
fn cuts(records: &[Record]) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut latest = Millis::MIN;
    let mut offset: Option<Millis> = None;
    let mut open: BTreeSet<&Arc<str>> = BTreeSet::new();
    for (index, record) in records.iter().enumerate() {
        let new_offset = record.utc.map(|utc| utc - record.time);
        let is_other_stream = index > 0 && records[index - 1].origin.stream_id != record.origin.stream_id;
        let is_other_day = (offset.zip(new_offset)).is_some_and(|(old, new)| (old - new).abs() > STEP);
        let is_start = index > 0 && matches!(record.fact, Fact::Start { .. });
        if is_other_stream || is_start && (record.time < latest || is_other_day && open.is_empty()) {
            cuts.push(index);
            latest = Millis::MIN;
            open.clear();
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
