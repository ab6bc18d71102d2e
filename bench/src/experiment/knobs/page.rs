//! The page and the table of the knobs.

use std::fmt::Write;

use super::table::{BASELINE, KNOBS, Knob, NOT_RUN, SERVER, Way};
use super::{Measured, Options};
use crate::experiment::cell::Outcome;
use crate::experiment::command;
use crate::experiment::mode::Mode;
use crate::experiment::results::ratio;
use crate::machine::Machine;
use crate::report::{Table, markdown, number};

/// The page in Markdown.
pub fn page(options: &Options, measured: &[Measured], machine: &Machine) -> String {
    let mut page = format!(
        "# What each knob of Triton does\n\n{} applications at once ({}, the shipped models), one knob turned at a time, {:.0} s each \
         in {} rounds in turn with the others; medians. The first column of figures is relative to the shipped configuration with \
         Triton in the same place, in the same round. \"Start\" is the time from the process's start until every application has drawn a frame.\n\n{}",
        options.tenants,
        Mode::DecoupledAsync.name(),
        options.seconds,
        options.rounds,
        markdown::table(&table(measured))
    );
    let failed = KNOBS
        .iter()
        .zip(measured)
        .filter_map(|(knob, measured)| Some((knob.name, measured.rounds.failure.as_ref()?)));
    let failed: Vec<_> = failed.collect();
    if !failed.is_empty() {
        page.push_str("\n## Failed\n\n");
        for (name, why) in failed {
            let _ = writeln!(page, "- {name}: {}", why.replace('\n', " "));
        }
    }
    page.push_str("\n## Not run\n\n");
    for (name, why) in NOT_RUN {
        let _ = writeln!(page, "- {name}: {why}.");
    }
    let _ = write!(
        page,
        "\n## Machine\n\n{}",
        markdown::table(&markdown::facts(machine, &command("scripts/knobs")))
    );
    page
}

fn table(measured: &[Measured]) -> Table {
    let header = [
        "knob",
        "frames a second, relative",
        "frames a second",
        "the first application's",
        "p95 ms",
        "CPU-ms a frame",
        "memory MB",
        "start s",
    ];
    let base = |knob: &Knob| {
        let name = match knob.way {
            Way::OneProcess | Way::Isolated => BASELINE,
            Way::Server(_) | Way::SharedServer => SERVER,
        };
        let found = KNOBS
            .iter()
            .position(|knob| knob.name == name)
            .and_then(|index| measured.get(index));
        found.map_or(&[][..], |measured| measured.rounds.measured())
    };
    let row = |(knob, measured): (&Knob, &Measured)| {
        let first = |outcome: &Outcome| outcome.tenants.first().map_or(f64::NAN, |tenant| tenant.fps);
        let values = [
            ratio([measured.rounds.measured(), base(knob)], Outcome::fps),
            measured.median(Outcome::fps),
            measured.median(first),
            measured.median(|outcome| outcome.latency(|times| times.p95)),
            measured.median(Outcome::cpu),
            measured.median(|outcome| outcome.memory as f64 / 1e6),
            measured.median(|outcome| outcome.start.unwrap_or(f64::NAN)),
        ];
        std::iter::once(knob.name.to_owned())
            .chain(values.map(number))
            .collect()
    };
    Table {
        header: header.map(str::to_owned).into(),
        rows: KNOBS.iter().zip(measured).map(row).collect(),
    }
}

/// The values of every round.
pub fn csv(measured: &[Measured]) -> String {
    let mut text = String::from("knob,round,frames a second,p95 ms,CPU-ms a frame\n");
    for (knob, measured) in KNOBS.iter().zip(measured) {
        for (round, outcome) in measured.rounds.outcomes.iter().enumerate() {
            let p95 = outcome.latency(|times| times.p95);
            let _ = writeln!(
                text,
                "\"{}\",{},{},{p95},{}",
                knob.name,
                round + 1,
                outcome.fps(),
                outcome.cpu()
            );
        }
    }
    text
}
