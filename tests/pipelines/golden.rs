//! The stations' changes of state over the whole demo video, as a file of one line each.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use shopfloor_tests::root;

use crate::play::{Edge, FRAME};

const FILE: &str = "tests/golden/decoupled.txt";

/// Writes the file anew.
pub fn bless(edges: &[Edge]) {
    fs::write(root().join(FILE), write(edges)).unwrap();
}

/// Checks that every station's edges in the video's first `length` are the golden ones, each to within a frame.
pub fn check(edges: &[Edge], length: Duration) {
    let golden = read(&fs::read_to_string(root().join(FILE)).unwrap());
    for station in golden.iter().chain(edges).map(|edge| &edge.station) {
        let of_station = |edges: &[Edge]| -> Vec<Edge> {
            let edges = edges.iter().filter(|edge| edge.station == *station);
            edges.filter(|edge| edge.time < length).cloned().collect()
        };
        let (expected, got) = (of_station(&golden), of_station(edges));
        let same = |(a, b): (&Edge, &Edge)| a.change == b.change && a.time.abs_diff(b.time) <= FRAME;
        assert!(
            expected.len() == got.len() && expected.iter().zip(&got).all(same),
            "{station}: expected, to within a frame:\n{}got:\n{}",
            write(&expected),
            write(&got)
        );
    }
}

fn write(edges: &[Edge]) -> String {
    edges
        .iter()
        .fold(String::new(), |mut text, Edge { station, change, time }| {
            let _ = writeln!(text, "{:.1} s, {station}: {change}", time.as_secs_f64());
            text
        })
}

fn read(text: &str) -> Vec<Edge> {
    let line = |line: &str| -> Option<Edge> {
        let (time, rest) = line.split_once(" s, ")?;
        let (station, change) = rest.split_once(": ")?;
        let time = Duration::from_secs_f64(time.parse().ok()?);
        Some(Edge {
            station: station.into(),
            change: change.into(),
            time,
        })
    };
    let edges: Vec<_> = text
        .lines()
        .map(|text| line(text).unwrap_or_else(|| panic!("{FILE}: expected `SECONDS s, STATION: A to B`, got {text}")))
        .collect();
    assert!(!edges.is_empty(), "{FILE} is empty");
    edges
}
