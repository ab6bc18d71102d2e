//! CSV: one row for each value, so that any program can group them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Report;

/// The case of rows that have a gate's value.
const GATE: &str = "gate";

/// All samples and gates.
pub fn table(report: &Report) -> String {
    let mut text = String::from("case,round,quantity,value\n");
    for sample in &report.samples {
        let (case, quantity) = (quoted(&sample.case), quoted(sample.quantity));
        let _ = writeln!(text, "{case},{},{quantity},{}", sample.round, sample.value);
    }
    for gate in &report.gates {
        let _ = writeln!(text, "{GATE},0,{},{}", quoted(gate.what), gate.measured);
    }
    text
}

/// The gates' values of a table that [`table`] wrote.
pub fn gates(table: &str) -> BTreeMap<String, f64> {
    let rows = table
        .lines()
        .filter_map(|row| row.strip_prefix(GATE)?.strip_prefix(",0,"));
    rows.filter_map(|row| {
        let (what, value) = row.rsplit_once(',')?;
        Some((what.trim_matches('"').to_owned(), value.parse().ok()?))
    })
    .collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "'"))
}
