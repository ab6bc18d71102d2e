//! The pictures: the article's Table 1 as bars, its Figure 8 (relative to the base case) and Figure 9 (async over threads).

use super::cell::Outcome;
use super::mode::{Mode, Row, Side};
use super::results::Results;
use crate::report::grouped::GroupedChart;

/// Each with the end of its file's name.
pub fn charts(results: &Results) -> [(&'static str, GroupedChart); 3] {
    [
        ("fps", fps(results)),
        ("figure8", relative(results)),
        ("figure9", asynchronous(results)),
    ]
}

fn groups(results: &Results) -> Vec<String> {
    let name = |tenants: &usize| match tenants {
        1 => "1 application".to_owned(),
        tenants => format!("{tenants} applications"),
    };
    results.tenants.iter().map(name).collect()
}

fn series(results: &Results, name: String, value: impl Fn(usize) -> f64) -> (String, Vec<f64>) {
    (name, results.tenants.iter().map(|tenants| value(*tenants)).collect())
}

fn fps(results: &Results) -> GroupedChart {
    let all = results.rows.iter();
    GroupedChart {
        title: "Frames a second, all applications together".into(),
        groups: groups(results),
        series: all
            .map(|row| series(results, row.name(), |tenants| results.fps(*row, tenants)))
            .collect(),
        line: None,
    }
}

fn relative(results: &Results) -> GroupedChart {
    let others = results.rows.iter().filter(|row| row.mode != Mode::Runner);
    GroupedChart {
        title: "Frames a second, relative to the base case of the same language".into(),
        groups: groups(results),
        series: others
            .map(|row| {
                let base = Row {
                    mode: Mode::Runner,
                    ..*row
                };
                let value = |tenants| results.ratio([*row, base], tenants, Outcome::fps);
                series(results, row.name(), value)
            })
            .collect(),
        line: Some(1.0),
    }
}

fn asynchronous(results: &Results) -> GroupedChart {
    let pairs = [
        ("decoupled", Mode::DecoupledAsync, Mode::DecoupledThreads),
        ("ensemble", Mode::EnsembleAsync, Mode::EnsembleThreads),
    ];
    let sides = [(Side::Ours, ""), (Side::Python, "Python: ")];
    let taking_part = sides.into_iter().filter(|(side, _)| results.has(*side));
    let of = |side, asynchronous, threads| {
        move |tenants| {
            results.ratio(
                [asynchronous, threads].map(|mode| Row { side, mode }),
                tenants,
                Outcome::fps,
            )
        }
    };
    GroupedChart {
        title: "Frames a second of asynchronous requests, relative to threads".into(),
        groups: groups(results),
        series: taking_part
            .flat_map(|(side, prefix)| {
                pairs.map(|(name, asynchronous, threads)| {
                    series(results, format!("{prefix}{name}"), of(side, asynchronous, threads))
                })
            })
            .collect(),
        line: Some(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::*;

    #[test]
    fn every_row_has_its_bars() {
        let [(_, fps), (_, relative), (_, asynchronous)] = charts(&results());
        assert_eq!((fps.series.len(), fps.groups.len()), (10, 3));
        assert_eq!(relative.series.len(), 8);
        assert!(relative.series.iter().all(|(_, values)| values == &[1.0, 1.0, 1.0]));
        let names: Vec<_> = asynchronous.series.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["decoupled", "ensemble", "Python: decoupled", "Python: ensemble"]
        );
    }
}
