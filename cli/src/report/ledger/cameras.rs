//! Which camera a section is of, and what that camera is called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::record::Millis;
use super::placement::Placement;
use super::sections::Section;

/// What makes sections those of one camera.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    /// A tenant is called the same in all logs.
    Tenant(&'a str),
    /// A log without tenants; the stream's id, if streams with several were recorded at once.
    Log(&'a Path, Option<&'a str>),
}

/// The name of each section's camera.
pub fn names(sections: &[(Section, Placement)]) -> Vec<String> {
    let shared = shared_logs(sections);
    let keys: Vec<Key> = sections.iter().map(|(section, _)| key(section, &shared)).collect();
    let mut distinct: Vec<&Key> = Vec::new();
    for key in &keys {
        if !distinct.contains(&key) {
            distinct.push(key);
        }
    }
    let names = unique(&distinct);
    let name = |key: &Key| {
        let at = distinct.iter().position(|known| *known == key);
        names[at.expect("each key is known")].clone()
    };
    keys.iter().map(name).collect()
}

fn key<'a>(section: &'a Section, shared: &BTreeSet<&Path>) -> Key<'a> {
    match &section.origin.tenant {
        Some(tenant) => Key::Tenant(tenant),
        None => {
            let is_shared = shared.contains(section.log.as_path());
            Key::Log(&section.log, section.origin.stream_id.as_deref().filter(|_| is_shared))
        }
    }
}

/// The logs without tenants in which streams with several ids were recorded at once.
fn shared_logs(sections: &[(Section, Placement)]) -> BTreeSet<&Path> {
    let mut logs: BTreeMap<&Path, Vec<(&Section, &Placement)>> = BTreeMap::new();
    for (section, placement) in sections.iter().filter(|(section, _)| section.origin.tenant.is_none()) {
        logs.entry(&section.log).or_default().push((section, placement));
    }
    let is_shared = |sections: &[(&Section, &Placement)]| {
        let pairs = sections
            .iter()
            .flat_map(|one| sections.iter().map(move |other| (one, other)));
        let mut others = pairs.filter(|(one, other)| one.0.origin.stream_id != other.0.origin.stream_id);
        others.any(|(one, other)| at_once(one.1, other.1))
    };
    let shared = logs.into_iter().filter(|(_, sections)| is_shared(sections));
    shared.map(|(log, _)| log).collect()
}

/// Whether both cover some time.
fn at_once(one: &Placement, other: &Placement) -> bool {
    let range = |placement: &Placement| -> Option<(Millis, Millis)> {
        let at = || placement.at.iter().copied();
        at().min().zip(at().max())
    };
    let Some(((from, to), (other_from, other_to))) = range(one).zip(range(other)) else {
        return false;
    };
    one.is_clock && other.is_clock && from.max(other_from) < to.min(other_to)
}

/// A name for each key: as short as it can be, and no two the same.
fn unique(keys: &[&Key]) -> Vec<String> {
    let short = |key: &&Key| match key {
        Key::Tenant(name) => (*name).to_owned(),
        Key::Log(log, _) => log.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let long = |key: &&Key| match key {
        Key::Tenant(name) => (*name).to_owned(),
        Key::Log(log, _) => log.with_extension("").display().to_string(),
    };
    let is_ambiguous = |name: &str, of: &Key| {
        let others = keys.iter().filter(|key| short(key) == name);
        others.filter(|key| !is_same_log(key, of)).count() > 0
    };
    let mut names: Vec<String> = Vec::new();
    for key in keys {
        let name = Some(short(key)).filter(|name| !is_ambiguous(name, key));
        let name = name.unwrap_or_else(|| long(key));
        let mut numbered = name.clone();
        let mut number = 1;
        while names.contains(&numbered) {
            number += 1;
            numbered = format!("{name} ({number})");
        }
        names.push(numbered);
    }
    names
}

fn is_same_log(one: &Key, other: &Key) -> bool {
    match (one, other) {
        (Key::Log(one, _), Key::Log(other, _)) => one == other,
        _ => one == other,
    }
}
