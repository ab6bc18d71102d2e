//! Places the records of a section on the clock.
//!
//! Durations are of running time, which no step of a clock changes. So a section in which the clock was stepped is placed as
//! a whole: by the time of day that held longest. Otherwise a step back would count seconds twice, and one ahead would
//! invent some.

use super::super::record::{Millis, Record};
use super::STEP;

/// When the records of a section happened.
#[derive(Debug, PartialEq)]
pub struct Placement {
    /// The time of day of each record; if `is_clock` is false, the running time.
    pub at: Vec<Millis>,
    /// Whether there is any time of day.
    pub is_clock: bool,
    /// The steps of the clock: the time of day (after correction), and by how much the clock was stepped.
    pub steps: Vec<(Millis, Millis)>,
}

/// Records between two steps of the clock.
struct Plateau {
    first: usize,
    last: usize,
    /// How long it holds, in running time.
    length: Millis,
}

/// Places records.
pub fn place(records: &[Record]) -> Placement {
    let Some(offsets) = offsets(records) else {
        return Placement {
            at: records.iter().map(|record| record.time).collect(),
            is_clock: false,
            steps: Vec::new(),
        };
    };
    let plateaus = plateaus(records, &offsets);
    let longest = plateaus
        .iter()
        .max_by_key(|plateau| plateau.length)
        .expect("there is a record");
    let at: Vec<Millis> = records
        .iter()
        .enumerate()
        .map(|(index, record)| record.time + offsets[index.clamp(longest.first, longest.last)])
        .collect();
    let steps = plateaus.windows(2).map(|pair| {
        let (before, after) = (pair[0].last, pair[1].first);
        (at[after], offsets[after] - offsets[before])
    });
    Placement {
        steps: steps.collect(),
        is_clock: true,
        at,
    }
}

/// The time of day at running time 0. A step of a clock is reported for the moment at which it happened, which is neither time.
fn offset(record: &Record) -> Option<Millis> {
    record
        .utc
        .filter(|_| record.is_observation())
        .map(|utc| utc - record.time)
}

/// The time of day at running time 0, by each record; that of the nearest record where one has none.
fn offsets(records: &[Record]) -> Option<Vec<Millis>> {
    let own = || records.iter().map(offset);
    let mut latest = own().flatten().next()?;
    let filled = own().map(|offset| {
        latest = offset.unwrap_or(latest);
        latest
    });
    Some(filled.collect())
}

fn plateaus(records: &[Record], offsets: &[Millis]) -> Vec<Plateau> {
    let mut plateaus: Vec<Plateau> = Vec::new();
    for index in 0..records.len() {
        match plateaus.last_mut() {
            Some(plateau) if (offsets[index] - offsets[plateau.last]).abs() <= STEP => {
                plateau.last = index;
                plateau.length = records[index].time - records[plateau.first].time;
            }
            _ => plateaus.push(Plateau {
                first: index,
                last: index,
                length: 0,
            }),
        }
    }
    plateaus
}

#[cfg(test)]
mod tests {
    use super::super::super::record::{Fact, Origin};
    use super::*;

    /// Records as `SECONDS@TIME-OF-DAY`, `SECONDS@` without one.
    fn check(text: &str, expected: &[Millis], steps: &[(Millis, Millis)]) {
        let records: Vec<Record> = text
            .split_whitespace()
            .map(|text| {
                let (time, utc) = text.split_once('@').unwrap();
                Record {
                    origin: Origin::default(),
                    sequence: None,
                    time: time.parse::<Millis>().unwrap() * 1000,
                    utc: utc.parse::<Millis>().ok().map(|utc| utc * 1000),
                    fact: Fact::Start {
                        station: "till".into(),
                        assigned: None,
                    },
                }
            })
            .collect();
        let placement = place(&records);
        let seconds = |time: &Millis| time / 1000;
        assert_eq!(placement.at.iter().map(seconds).collect::<Vec<_>>(), expected, "{text}");
        let got = placement.steps.iter().map(|(at, step)| (at / 1000, step / 1000));
        assert_eq!(got.collect::<Vec<_>>(), steps, "{text}");
    }

    #[test]
    fn steps_of_the_clock_change_no_duration() {
        check("0@ 5@ 9@", &[0, 5, 9], &[]);
        check("0@100 5@105 9@109", &[100, 105, 109], &[]);
        // Some without a time of day.
        check("0@ 5@105 7@ 9@109", &[100, 105, 107, 109], &[]);
        // A clock that runs a little fast is followed.
        check("0@100 1000@1101 2000@2102", &[100, 1101, 2102], &[]);
        // An hour back, and ahead: what held longest counts.
        check(
            "0@10000 5@10005 7@6407 60@6460",
            &[6400, 6405, 6407, 6460],
            &[(6407, -3600)],
        );
        check("0@100 50@150 55@3755 60@3760", &[100, 150, 155, 160], &[(155, 3600)]);
        // From 1970 until the network's time arrives.
        check(
            "0@0 30@30 31@90031 99@90099",
            &[90000, 90030, 90031, 90099],
            &[(90031, 90000)],
        );
    }
}
