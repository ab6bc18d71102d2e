//! What the experiment has to show.

use super::cell::Outcome;
use super::mode::{Mode, Row, Side};
use super::models;
use super::results::Results;
use crate::report::{Gate, Limit, Unit};

/// Modes with Triton, threads and async of each kind.
const PAIRS: [[Mode; 2]; 2] = [
    [Mode::DecoupledThreads, Mode::DecoupledAsync],
    [Mode::EnsembleThreads, Mode::EnsembleAsync],
];

/// The gates and targets that the choice of models is measured for. A value of which a cell is missing is NaN.
pub fn gates(results: &Results, choice: &str) -> Vec<Gate> {
    let mut gates = Vec::new();
    let has_python = results.has(Side::Python);
    if has_python && choice == models::DEFAULT {
        gates.extend(beside_python(results));
    }
    gates.push(Gate::new(
        "async, of threads: the least of all cells",
        Limit::AtLeast(0.97),
        Unit::Ratio,
        least(PAIRS.iter().flat_map(|[threads, asynchronous]| {
            results
                .tenants
                .iter()
                .map(|tenants| results.ratio([*asynchronous, *threads].map(ours), *tenants, Outcome::fps))
        })),
    ));
    match choice {
        models::DEFAULT => gates.extend([of_base_case(results), model_share(results)]),
        models::SMALL => gates.push(Gate::new(
            "frames a second of the slowest of four applications, in the best mode",
            Limit::AtLeast(5.0),
            Unit::Ratio,
            best(results, 4, Outcome::slowest),
        )),
        models::LIGHT if has_python => gates.extend(gains(results)),
        _ => {}
    }
    gates
}

fn ours(mode: Mode) -> Row {
    Row { side: Side::Ours, mode }
}

fn python(mode: Mode) -> Row {
    Row {
        side: Side::Python,
        mode,
    }
}

/// The least value; NaN if one of them is, since a cell is missing then.
fn least(values: impl IntoIterator<Item = f64>) -> f64 {
    let all: Vec<_> = values.into_iter().collect();
    match all.iter().any(|value| value.is_nan()) || all.is_empty() {
        true => f64::NAN,
        false => all.into_iter().fold(f64::INFINITY, f64::min),
    }
}

fn best(results: &Results, tenants: usize, value: fn(&Outcome) -> f64) -> f64 {
    let values = Mode::ALL.map(|mode| results.median(ours(mode), tenants, value));
    values.into_iter().fold(f64::NAN, f64::max)
}

/// Of Python's, in a cell: frames a second, and CPU time outside decoder and model.
pub fn of_python(results: &Results, mode: Mode, tenants: usize) -> (f64, f64) {
    let rows = [ours(mode), python(mode)];
    let [outside, pythons] = rows.map(|row| results.cpu_outside(row, tenants));
    (results.ratio(rows, tenants, Outcome::fps), outside / pythons)
}

fn beside_python(results: &Results) -> [Gate; 3] {
    let cells = || {
        Mode::ALL
            .into_iter()
            .flat_map(|mode| results.tenants.iter().map(move |tenants| (mode, *tenants)))
    };
    let (ratios, outside): (Vec<_>, Vec<_>) = cells().map(|(mode, tenants)| of_python(results, mode, tenants)).unzip();
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    [
        Gate::new(
            "frames a second, of Python's: the least of all cells",
            Limit::AtLeast(0.97),
            Unit::Ratio,
            least(ratios),
        ),
        Gate::new(
            "frames a second, of Python's: geometric mean of all cells",
            Limit::AtLeast(1.0),
            Unit::Ratio,
            mean,
        ),
        Gate::new(
            "CPU outside decoder and model, of Python's: the most of all cells",
            Limit::AtMost(0.25),
            Unit::Ratio,
            -least(outside.into_iter().map(|ratio| -ratio)),
        ),
    ]
}

/// Only of networks that take most of the time: an ensemble's steps around them are done by the elements in the base case.
fn of_base_case(results: &Results) -> Gate {
    let of_base = |mode| results.ratio([mode, Mode::Runner].map(ours), 1, Outcome::fps);
    Gate::new(
        "Triton, async, of the base case, one application: the less of decoupled and ensemble",
        Limit::AtLeast(0.97),
        Unit::Ratio,
        least([Mode::DecoupledAsync, Mode::EnsembleAsync].map(of_base)),
    )
}

fn model_share(results: &Results) -> Gate {
    let share = |mode| results.median(ours(mode), 4, Outcome::model_share);
    Gate::target(
        "the models' share of the CPU time, four applications: the less of decoupled and ensemble, async",
        Limit::AtLeast(0.9),
        Unit::Share,
        least([Mode::DecoupledAsync, Mode::EnsembleAsync].map(share)),
    )
}

/// The article's own gains over its base case, here over Python's base case.
fn gains(results: &Results) -> [Gate; 3] {
    let gain = |what, tenants, limit| {
        let baseline = results.fps(python(Mode::Runner), tenants);
        let gain = best(results, tenants, Outcome::fps) / baseline;
        Gate::target(what, Limit::AtLeast(limit), Unit::Ratio, gain)
    };
    [
        gain("the best mode, of Python's base case, four applications", 4, 1.72),
        gain("the best mode, of Python's base case, two applications", 2, 1.64),
        gain("the best mode, of Python's base case, one application", 1, 1.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::*;

    fn verdicts(results: &Results, choice: &str) -> Vec<(String, &'static str)> {
        let gates = gates(results, choice);
        gates
            .iter()
            .map(|gate| (gate.unit.show(gate.measured), gate.verdict()))
            .collect()
    }

    #[test]
    fn each_choice_has_its_gates() {
        let results = results();
        let expected = [
            ("1.25", "met"),   // frames a second: 10 of 8
            ("1.25", "met"),   // in the mean
            ("0.06", "met"),   // CPU: (3 − 2) of (20 − 2)
            ("1.00", "met"),   // async of threads
            ("1.00", "met"),   // Triton of the base case
            ("96.8 %", "met"), // 90 of 93
        ];
        let expected = expected.map(|(value, verdict)| (value.to_owned(), verdict));
        assert_eq!(verdicts(&results, models::DEFAULT), expected);
        assert_eq!(verdicts(&results, models::SMALL)[1], ("2.50".to_owned(), "MISSED"));
        let light: Vec<_> = verdicts(&results, models::LIGHT).into_iter().skip(1).collect();
        assert_eq!(
            light.iter().map(|(_, verdict)| *verdict).collect::<Vec<_>>(),
            ["MISSED", "MISSED", "met"]
        );
    }

    #[test]
    fn a_gate_with_a_missing_cell_is_not_measured() {
        let mut results = results();
        results.cells.remove(&(ours(Mode::EnsembleAsync), 2));
        let gates = gates(&results, models::DEFAULT);
        assert_eq!(gates[0].verdict(), "not measured");
        assert_eq!(gates[3].verdict(), "not measured");
        assert_eq!(gates[4].verdict(), "met");
    }
}
