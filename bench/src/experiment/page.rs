//! The result's page and its table of all values.

use std::fmt::Write;

use super::cell::{Outcome, Percentiles};
use super::gates;
use super::mode::{Mode, Row, Side};
use super::results::Results;
use crate::machine::Machine;
use crate::report::{Gate, Table, markdown, number};

/// What a page is about.
pub struct About<'a> {
    /// The name of its files.
    pub name: &'a str,
    /// The models, in words.
    pub models: &'a str,
    /// How it was measured, a paragraph.
    pub method: &'a str,
    /// The command that measures it.
    pub command: &'a str,
}

/// The page in Markdown.
pub fn page(results: &Results, gates: &[Gate], about: &About<'_>, machine: &Machine) -> String {
    let name = about.name;
    let mut page = format!(
        "# The article's table\n\n{}\n\nModels: {}.\n\n## Gates\n\n{}",
        about.method,
        about.models,
        markdown::table(&markdown::gates(gates, &Default::default()))
    );
    let missing = results.missing();
    if !missing.is_empty() {
        page.push_str("\n## Without a value\n\n");
        for line in missing {
            let _ = writeln!(page, "- {}", escaped(&line));
        }
    }
    let beside = results.has(Side::Python).then(|| {
        let title = "Of Python's: frames a second (median of the rounds' ratios) / CPU outside models and decoder";
        (title, of_python(results))
    });
    let sections = [
        ("Application frames a second", frames(results)),
        ("Latency, ms: p50 / p95 / p99", latency(results)),
        (
            "CPU-ms a frame: all / outside the models / outside models and decoder",
            cpu(results),
        ),
        ("Shares: inferred frames / models of the CPU time", shares(results)),
        ("One application: where the time of a frame goes", stages(results)),
    ];
    for (title, table) in beside.into_iter().chain(sections) {
        let _ = write!(page, "\n## {title}\n\n{}", markdown::table(&table));
    }
    let _ = write!(
        page,
        "\nDecoder alone, CPU-ms a frame: {}.\n\n![Frames a second]({name}-fps.svg)\n\n![Relative to the base case]({name}-figure8.svg)\n\n\
         ![Async over threads]({name}-figure9.svg)\n\n## Machine\n\n{}",
        decoders(results),
        markdown::table(&markdown::facts(machine, about.command))
    );
    page
}

/// A message in one line of a page.
fn escaped(text: &str) -> String {
    text.replace('\n', " ").replace('<', "&lt;")
}

/// Every value of every round: `row,tenants,round,quantity,value`.
pub fn csv(results: &Results) -> String {
    let mut text = String::from("row,tenants,round,quantity,value\n");
    let mut rows = |row: &str, tenants: usize, outcomes: &[Outcome]| {
        for (round, outcome) in outcomes.iter().enumerate() {
            for (quantity, value) in quantities(outcome) {
                if !value.is_nan() {
                    let _ = writeln!(text, "\"{row}\",{tenants},{},\"{quantity}\",{value}", round + 1);
                }
            }
        }
    };
    for ((row, tenants), rounds) in &results.cells {
        rows(&row.name(), *tenants, &rounds.outcomes);
    }
    for (side, rounds) in &results.decoders {
        rows(&format!("decoder alone, {side:?}"), 1, &rounds.outcomes);
    }
    text
}

fn quantities(outcome: &Outcome) -> Vec<(String, f64)> {
    let mut all = vec![
        ("frames a second".to_owned(), outcome.fps()),
        ("frames a second of the slowest".to_owned(), outcome.slowest()),
        ("latency p50 ms".to_owned(), outcome.latency(|times| times.p50)),
        ("latency p95 ms".to_owned(), outcome.latency(|times| times.p95)),
        ("latency p99 ms".to_owned(), outcome.latency(|times| times.p99)),
        ("inferred share".to_owned(), outcome.inferred()),
        ("CPU-ms a frame".to_owned(), outcome.cpu()),
        (
            "CPU-ms a frame outside the models".to_owned(),
            outcome.cpu_outside_model(),
        ),
        ("models' share of the CPU time".to_owned(), outcome.model_share()),
        (
            "machine busy share".to_owned(),
            outcome.machine_busy.unwrap_or(f64::NAN),
        ),
        ("start s".to_owned(), outcome.start.unwrap_or(f64::NAN)),
        ("GPU busy share".to_owned(), outcome.gpu_busy.unwrap_or(f64::NAN)),
    ];
    if outcome.memory > 0 {
        all.push(("memory MB".to_owned(), outcome.memory as f64 / 1e6));
    }
    let threads = outcome.threads.iter();
    all.extend(threads.map(|(name, time)| (format!("thread {name} CPU-ms a frame"), time * 1e3 / outcome.frames())));
    let stages = outcome.stages.iter();
    all.extend(stages.map(|(name, time)| (format!("{name} ms"), *time)));
    all
}

/// A table with a row for each row of the experiment and a column for each number of applications.
fn grid(results: &Results, cell: impl Fn(Row, usize) -> String) -> Table {
    grid_of(results, &results.rows, cell)
}

fn grid_of(results: &Results, rows: &[Row], cell: impl Fn(Row, usize) -> String) -> Table {
    let columns = results.tenants.iter().map(|tenants| format!("{tenants} at once"));
    let row = |row: &Row| {
        let cells = results.tenants.iter().map(|tenants| cell(*row, *tenants));
        std::iter::once(row.name()).chain(cells).collect()
    };
    Table {
        header: std::iter::once(String::new()).chain(columns).collect(),
        rows: rows.iter().map(row).collect(),
    }
}

/// What the gates compare, by cell.
fn of_python(results: &Results) -> Table {
    let ours = results.rows.iter().filter(|row| row.side == Side::Ours);
    let ours: Vec<_> = ours.copied().collect();
    grid_of(results, &ours, |row, tenants| {
        let (frames, outside) = gates::of_python(results, row.mode, tenants);
        joined([frames, outside])
    })
}

/// The table of frames a second, for a terminal.
pub fn frames_text(results: &Results) -> String {
    markdown::table(&frames(results))
}

/// Each application's frames a second, and their sum.
fn frames(results: &Results) -> Table {
    grid(results, |row, tenants| {
        let all = results.fps(row, tenants);
        match tenants {
            1 => number(all),
            _ => format!("{} ({} in all)", number(all / tenants as f64), number(all)),
        }
    })
}

fn latency(results: &Results) -> Table {
    let which: [fn(&Percentiles) -> Option<f64>; 3] = [|times| times.p50, |times| times.p95, |times| times.p99];
    grid(results, |row, tenants| {
        joined(which.map(|which| results.median(row, tenants, |outcome| outcome.latency(which))))
    })
}

fn cpu(results: &Results) -> Table {
    grid(results, |row, tenants| {
        joined([
            results.median(row, tenants, Outcome::cpu),
            results.median(row, tenants, Outcome::cpu_outside_model),
            results.cpu_outside(row, tenants),
        ])
    })
}

fn shares(results: &Results) -> Table {
    grid(results, |row, tenants| {
        let percent = |value: fn(&Outcome) -> f64| match results.median(row, tenants, value) {
            value if value.is_nan() => "–".to_owned(),
            value => format!("{:.1} %", value * 100.0),
        };
        format!("{} / {}", percent(Outcome::inferred), percent(Outcome::model_share))
    })
}

/// What the threads of one application and the stages of its frames take, of our rows.
fn stages(results: &Results) -> Table {
    let ours: Vec<_> = results.rows.iter().filter(|row| row.side == Side::Ours).collect();
    let outcome = |row: &Row| results.cells.get(&(*row, 1)).and_then(|rounds| rounds.outcomes.last());
    let cell = |row: &&Row| {
        let Some(outcome) = outcome(row) else {
            return vec![row.name(), "–".into(), "–".into()];
        };
        let threads = outcome
            .threads
            .iter()
            .map(|(name, time)| (name, time * 1e3 / outcome.frames()));
        let threads = threads.filter(|(_, time)| *time >= 0.05);
        let threads: Vec<_> = threads.map(|(name, time)| format!("{name} {}", number(time))).collect();
        let stages = outcome.stages.iter().filter(|(_, time)| *time >= 0.005);
        let stages: Vec<_> = stages.map(|(name, time)| format!("{name} {}", number(*time))).collect();
        vec![row.name(), threads.join(", "), stages.join(", ")]
    };
    Table {
        header: [
            "",
            "CPU-ms a frame by thread (last round)",
            "ms a frame by stage (`stats`, last round)",
        ]
        .map(str::to_owned)
        .into(),
        rows: ours.iter().map(cell).collect(),
    }
}

fn decoders(results: &Results) -> String {
    let sides = results.decoders.keys();
    let texts: Vec<_> = sides
        .map(|side| {
            format!(
                "{} {}",
                if *side == Side::Ours { "ours" } else { "Python's" },
                number(results.decoder(*side))
            )
        })
        .collect();
    texts.join(", ")
}

fn joined<const N: usize>(values: [f64; N]) -> String {
    values.map(number).join(" / ")
}

/// How it was measured.
pub fn method(seconds: f64, rounds: usize, has_python: bool, server: Option<&str>, window: bool) -> String {
    let python = match has_python {
        true => {
            " Python is `bench/article_app`, each application a process, its Triton a `tritonserver` beside it, which is started \
             for the cell; the server's CPU time counts as the models'."
        }
        false => "",
    };
    let server = match server {
        Some(server) => format!("the Triton at {server}"),
        None => "Triton in the process".to_owned(),
    };
    let sink = if window {
        "shown in a window"
    } else {
        "not encoded, not shown"
    };
    format!(
        "Applications side by side in one process: decode, pose, vest, track, activity, drawn frame ({sink}), as fast as it goes, every \
         frame inferred; the video is repeated. \"Base case\" runs the models without Triton, by ONNX Runtime in the process, a \
         thread for each instance of a model and queues between; the others by {server}: \"threads\" have one request at a time for each model, \
         \"async\" as many as the scheduler finds useful. {seconds:.0} s a cell in {rounds} rounds in turn, each in a process of its own \
         after a warm-up; a value is the median of the rounds, and what gates compare is the median of the rounds' ratios. Latency is the time from a decoded frame's leaving the decoder until \
         it is drawn and at the sink, that of the slowest application; with frames coming as fast as they are taken it is mostly the wait \
         for a turn.{python}"
    )
}

/// The modes in the order of the article's table.
pub fn rows(modes: &[Mode], has_python: bool) -> Vec<Row> {
    let sides = [Some(Side::Ours), has_python.then_some(Side::Python)];
    let rows = sides.into_iter().flatten().flat_map(|side| {
        let chosen = Mode::ALL.into_iter().filter(|mode| modes.contains(mode));
        chosen.map(move |mode| Row { side, mode })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::super::gates::gates;
    use super::super::results::tests::results;
    use super::*;

    const ABOUT: About<'static> = About {
        name: "article",
        models: "the shipped ones",
        method: "as it is done",
        command: "shopfloor bench",
    };

    fn machine() -> Machine {
        Machine {
            facts: vec![("commit", "abc".into())],
        }
    }

    #[test]
    fn a_page_has_every_table_and_names_what_is_missing() {
        let mut results = results();
        let row = Row {
            side: Side::Ours,
            mode: Mode::EnsembleAsync,
        };
        results.cells.remove(&(row, 4));
        let page = page(&results, &gates(&results, "person_pose"), &ABOUT, &machine());
        for text in [
            "| base case: no Triton | 10.0 | 5.00 (10.0 in all) | 2.50 (10.0 in all) |",
            "| Python: decoupled, async | 8.00 |",
            "| ensemble, async | 10.0 | 5.00 (10.0 in all) | – (– in all) |",
            "- ensemble, async, 4 at once: not run",
            "| ensemble, async | 93.0 / 3.00 / 1.00 |",
            "100 / 150 / 200",
            "ours 2.00, Python's 2.00",
            "| commit | abc |",
            "not measured",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }

    #[test]
    fn the_table_has_every_value() {
        let csv = csv(&results());
        assert!(csv.starts_with("row,tenants,round,quantity,value\n"));
        assert!(
            csv.contains("\"ensemble, async\",4,1,\"frames a second\",10\n"),
            "{csv}"
        );
        assert!(
            csv.contains("\"decoder alone, Python\",1,1,\"CPU-ms a frame\",2\n"),
            "{csv}"
        );
        assert!(!csv.contains("NaN"));
    }

    #[test]
    fn rows_are_in_the_articles_order_whatever_was_asked_for() {
        let modes = [Mode::EnsembleAsync, Mode::Runner];
        let names: Vec<_> = rows(&modes, true).into_iter().map(Row::name).collect();
        let expected = ["base case: no Triton", "ensemble, async"];
        let python = expected.map(|name| format!("Python: {name}"));
        assert_eq!(names, [expected.map(str::to_owned), python].concat());
    }
}
