//! Logs written short, for tests.

use std::collections::HashMap;
use std::path::PathBuf;

use people::event::Assigned;
use people::{Activity, VestName};

use super::log::Log;
use super::record::{Fact, Millis, Origin, Record, State};
use super::source::Part;
use super::spans::Span;

/// A log of lines `RUN#NUMBER TENANT: SECONDS@UTC STATION WORKER WHAT`, of which the first two, and `@UTC`, may be left out.
/// A worker `-` is none. WHAT is `start`, `a>i` for a change, `~a` for a heartbeat, `<red` for a handover from red, and `a.`
/// for the end; the states are `a`ctive, `i`dle, `o` for absent and `u`nknown. `/5` behind it is how long the state lasted,
/// else that is reckoned from the lines before; `=red` behind that is the worker whom the line states as assigned, `=-` none.
pub fn part(log: &str, text: &str) -> Part {
    let mut since = HashMap::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let records = lines.map(|line| record(line, &mut since)).collect();
    Part {
        path: PathBuf::from(log),
        log: PathBuf::from(log),
        content: Log {
            records,
            left_out: Vec::new(),
        },
    }
}

fn record(line: &str, since: &mut HashMap<(Origin, String), Millis>) -> Record {
    let mut words = line.split_whitespace().peekable();
    let mut origin = Origin::default();
    let mut sequence = None;
    if let Some((run, number)) = words.peek().and_then(|word| word.split_once('#')) {
        origin.run = Some(run.into());
        sequence = Some(number.parse().unwrap());
        words.next();
    }
    if let Some(tenant) = words.peek().and_then(|word| word.strip_suffix(':')) {
        origin.tenant = Some(tenant.into());
        words.next();
    }
    let [time, station, worker, what] = words.collect::<Vec<_>>()[..] else {
        panic!("{line}")
    };
    let (time, utc) = divided(time, '@');
    let seconds = |text: &str| (text.parse::<f64>().unwrap() * 1000.0) as Millis;
    let time = seconds(time);
    let (what, assigned) = divided(what, '=');
    let assigned = assigned.map_or(Assigned::Unstated, |assigned| named(assigned).into());
    let (what, lasted) = divided(what, '/');
    let lasted = lasted.map(seconds);
    let begun = since.entry((origin.clone(), station.to_owned())).or_insert(time);
    let lasted = lasted.unwrap_or(time - *begun);
    if !what.starts_with('~') {
        *begun = time;
    }
    let worker = named(worker);
    let state = |letter: &str| State::new(activity(letter), worker.clone());
    let held = |state, next, is_handover| Fact::Held {
        station: station.into(),
        state,
        lasted,
        next,
        is_handover,
        assigned: assigned.clone(),
    };
    let fact = if what == "start" {
        Fact::Start {
            station: station.into(),
            assigned: worker.clone(),
        }
    } else if let Some(from) = what.strip_prefix('<') {
        held(State::new(Activity::Active, named(from)), Some(state("a")), true)
    } else if let Some(present) = what.strip_prefix('~') {
        held(state(present), Some(state(present)), false)
    } else if let Some((previous, next)) = what.split_once('>') {
        held(state(previous), Some(state(next)), false)
    } else {
        held(state(what.trim_end_matches('.')), None, false)
    };
    Record {
        origin,
        sequence,
        time,
        utc: utc.map(seconds),
        fact,
    }
}

/// A word and what is behind its mark.
fn divided(word: &str, mark: char) -> (&str, Option<&str>) {
    word.split_once(mark)
        .map_or((word, None), |(word, rest)| (word, Some(rest)))
}

/// A worker, `-` for none.
fn named(worker: &str) -> Option<VestName> {
    Some(worker).filter(|worker| *worker != "-").map(Into::into)
}

fn activity(letter: &str) -> Activity {
    match letter {
        "a" => Activity::Active,
        "i" => Activity::Idle,
        "o" => Activity::Absent,
        "u" => Activity::Unknown,
        _ => panic!("{letter}"),
    }
}

/// Spans as `0-5:a(red) 5-9:i`.
pub fn written(spans: &[Span]) -> String {
    let span = |span: &Span| {
        let letter = match span.state {
            Activity::Active => "a",
            Activity::Idle => "i",
            Activity::Absent => "o",
            Activity::Unknown => "u",
        };
        let names = span.names.iter().cloned().collect::<Vec<_>>().join("+");
        let names = if names.is_empty() { names } else { format!("({names})") };
        format!(
            "{}-{}:{letter}{names}",
            seconds(span.range.from),
            seconds(span.range.to)
        )
    };
    spans.iter().map(span).collect::<Vec<_>>().join(" ")
}

/// Seconds, without an end of all time.
pub fn seconds(time: Millis) -> String {
    if time.abs() > Millis::MAX / 8 {
        return "*".to_owned();
    }
    (time as f64 / 1000.0).to_string()
}
