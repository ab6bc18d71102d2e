//! The page of a result.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Gate, Report, Table};
use crate::machine::Machine;

/// The page; `before` has the gates' values of an earlier run.
pub fn page(report: &Report, machine: &Machine, command: &str, before: &BTreeMap<String, f64>) -> String {
    let mut page = format!("# {}\n\n{}\n\n## Gates\n\n", report.title, report.method);
    page.push_str(&table(&gates(&report.gates, before)));
    page.push_str("\n## Measured\n\n");
    page.push_str(&table(&report.table));
    let _ = write!(
        page,
        "\n![{}]({}.svg)\n\n## Machine\n\n",
        report.chart.title, report.name
    );
    page.push_str(&table(&facts(machine, command)));
    page
}

/// The command and the machine's facts.
pub fn facts(machine: &Machine, command: &str) -> Table {
    let facts = machine
        .facts
        .iter()
        .map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
    let command = ["command".to_owned(), format!("`{command}`")];
    Table {
        header: vec!["".into(), "".into()],
        rows: std::iter::once(command.to_vec()).chain(facts).collect(),
    }
}

/// The gates with their verdicts; `before` has the values of an earlier run.
pub fn gates(gates: &[Gate], before: &BTreeMap<String, f64>) -> Table {
    let title = if before.is_empty() {
        vec![]
    } else {
        vec!["before".to_owned()]
    };
    let mut header: Vec<_> = ["", "required", "measured", "verdict"].map(str::to_owned).into();
    header.splice(2..2, title);
    let row = |gate: &Gate| {
        let what = if gate.target {
            format!("target: {}", gate.what)
        } else {
            gate.what.to_owned()
        };
        let mut row = vec![
            what,
            gate.required(),
            gate.unit.show(gate.measured),
            gate.verdict().to_owned(),
        ];
        if !before.is_empty() {
            let value = before.get(gate.what).copied().unwrap_or(f64::NAN);
            row.insert(2, gate.unit.show(value));
        }
        row
    };
    Table {
        header,
        rows: gates.iter().map(row).collect(),
    }
}

/// A table in Markdown.
pub fn table(table: &Table) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&table.header);
    text.push_str(&format!("|{}\n", "---|".repeat(table.header.len())));
    table.rows.iter().for_each(|row| text.push_str(&line(row)));
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Limit, Unit};
    use super::*;

    #[test]
    fn gates_have_a_column_for_an_earlier_run() {
        let gate = Gate::new("stop", Limit::AtMost(2.0), Unit::Seconds, 0.5);
        let before = BTreeMap::from([("stop".to_owned(), 40.0)]);
        assert_eq!(
            gates(std::slice::from_ref(&gate), &before).rows,
            [["stop", "≤ 2.00 s", "40.00 s", "0.50 s", "met"]]
        );
        assert_eq!(
            gates(&[gate], &BTreeMap::new()).rows,
            [["stop", "≤ 2.00 s", "0.50 s", "met"]]
        );
    }
}
