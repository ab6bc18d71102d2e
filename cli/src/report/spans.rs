//! Spans of time in a state: cutting, merging, and the gaps between them.

use std::collections::BTreeSet;

use people::Activity;

use super::record::Millis;

/// A stretch of time, `from` before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Its beginning.
    pub from: Millis,
    /// Its end.
    pub to: Millis,
}

impl Range {
    /// A range, unless it is empty.
    pub fn new(from: Millis, to: Millis) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// How long it is.
    pub fn length(self) -> Millis {
        self.to - self.from
    }

    /// What both cover.
    pub fn overlap(self, other: Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.to.min(other.to))
    }
}

/// A state during a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// When.
    pub range: Range,
    /// The state.
    pub state: Activity,
    /// At a station: the workers who were active. Of a worker: the stations where they were active. In order, each once.
    pub names: BTreeSet<String>,
}

impl Span {
    /// The part of it within `range`.
    pub fn cut(&self, range: Range) -> Option<Self> {
        let range = self.range.overlap(range)?;
        Some(Self { range, ..self.clone() })
    }
}

/// The parts of `spans` within `range`.
pub fn cut(spans: &[Span], range: Range) -> Vec<Span> {
    spans.iter().filter_map(|span| span.cut(range)).collect()
}

/// How long the spans have the state, all together.
pub fn total(spans: &[Span], state: Activity) -> Millis {
    let spans = spans.iter().filter(|span| span.state == state);
    spans.map(|span| span.range.length()).sum()
}

/// The rank of a state where several are reported for one moment: the highest counts. A worker who is absent at one
/// station while another of their stations is unknown may be there, so unknown is above absent.
fn rank(state: Activity) -> u8 {
    match state {
        Activity::Absent => 0,
        Activity::Unknown => 1,
        Activity::Idle => 2,
        Activity::Active => 3,
    }
}

/// Spans that may overlap as spans that do not, in order: at each moment the state of the highest rank, with the names of
/// all spans in that state. A moment counts once, however many spans cover it.
pub fn merge<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Vec<Span> {
    let spans: Vec<&Span> = spans.into_iter().collect();
    let mut edges: Vec<(Millis, bool, usize)> = spans
        .iter()
        .enumerate()
        .flat_map(|(index, span)| [(span.range.from, true, index), (span.range.to, false, index)])
        .collect();
    edges.sort_unstable();
    let mut merged = Vec::new();
    let mut open = BTreeSet::new();
    let mut since = 0;
    for (time, begins, index) in edges {
        if let Some(range) = Range::new(since, time) {
            let open = || open.iter().map(|index: &usize| spans[*index]);
            if let Some(state) = open().map(|span| span.state).max_by_key(|state| rank(*state)) {
                let names = open().filter(|span| span.state == state).flat_map(|span| &span.names);
                let names = names.cloned().collect();
                push(&mut merged, Span { range, state, names });
            }
        }
        since = time;
        if begins {
            open.insert(index);
        } else {
            open.remove(&index);
        }
    }
    merged
}

/// Appends a span that begins where the last one ends or later; one that continues it in all but time makes it longer.
pub fn push(spans: &mut Vec<Span>, span: Span) {
    match spans.last_mut() {
        Some(last) if (last.range.to, last.state, &last.names) == (span.range.from, span.state, &span.names) => {
            last.range.to = span.range.to;
        }
        _ => spans.push(span),
    }
}

/// What ranges cover together: in order, and neither overlapping nor touching.
pub fn union(ranges: impl IntoIterator<Item = Range>) -> Vec<Range> {
    let mut ranges: Vec<Range> = ranges.into_iter().collect();
    ranges.sort_unstable();
    let mut joined: Vec<Range> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.to => last.to = last.to.max(range.to),
            _ => joined.push(range),
        }
    }
    joined
}

/// What of `whole` the ranges do not cover; they are in order and do not overlap.
pub fn holes(whole: Range, ranges: &[Range]) -> Vec<Range> {
    let mut holes = Vec::new();
    let mut from = whole.from;
    for range in ranges {
        holes.extend(Range::new(from, range.from.min(whole.to)));
        from = from.max(range.to);
    }
    holes.extend(Range::new(from, whole.to));
    holes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        let (from, to) = text.split_once('-').unwrap();
        Range::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    fn ranges(text: &str) -> Vec<Range> {
        text.split_whitespace().map(range).collect()
    }

    fn spans(text: &str) -> Vec<Span> {
        let span = |text: &str| {
            let parts: Vec<&str> = text.split(':').collect();
            let state = match parts[1] {
                "a" => Activity::Active,
                "i" => Activity::Idle,
                "o" => Activity::Absent,
                _ => Activity::Unknown,
            };
            let names = parts.get(2).into_iter().flat_map(|names| names.split('+'));
            Span {
                range: range(parts[0]),
                state,
                names: names.map(str::to_owned).collect(),
            }
        };
        text.split_whitespace().map(span).collect()
    }

    #[test]
    fn merging_keeps_each_moment_once() {
        let table = [
            ("", ""),
            ("0-4:i", "0-4:i"),
            // What continues is one span.
            ("0-4:i 4-9:i", "0-9:i"),
            ("0-4:a:x 4-9:a:y", "0-4:a:x 4-9:a:y"),
            // What is left out stays out.
            ("0-2:i 5-6:i", "0-2:i 5-6:i"),
            // Ranks.
            ("0-9:o 2-4:i", "0-2:o 2-4:i 4-9:o"),
            ("0-9:o 2-4:u", "0-2:o 2-4:u 4-9:o"),
            ("0-9:u 2-4:i 3-6:a:x", "0-2:u 2-3:i 3-6:a:x 6-9:u"),
            // Names of both.
            ("0-5:a:x 3-8:a:y", "0-3:a:x 3-5:a:x+y 5-8:a:y"),
            ("0-5:a:x 0-5:a:x", "0-5:a:x"),
        ];
        for (given, expected) in table {
            assert_eq!(merge(&spans(given)), spans(expected), "{given}");
        }
    }

    #[test]
    fn a_cut_keeps_the_parts_inside() {
        let cut = |from_to: &str| cut(&spans("0-4:i 4-9:a:x 12-13:o"), range(from_to));
        assert_eq!(cut("2-6"), spans("2-4:i 4-6:a:x"));
        assert_eq!(cut("9-12"), []);
        assert_eq!(total(&cut("0-20"), Activity::Active), 5);
        // The parts of two neighbours are the whole.
        let both = [cut("0-6"), cut("6-20")].concat();
        let sum = |state| total(&both, state);
        assert_eq!([Activity::Idle, Activity::Active, Activity::Absent].map(sum), [4, 5, 1]);
    }

    #[test]
    fn holes_are_what_the_union_leaves() {
        let table = [
            ("", "0-10"),
            ("0-10", ""),
            ("2-4 3-5 5-6", "0-2 6-10"),
            ("7-8 1-3", "0-1 3-7 8-10"),
            ("-5-1 9-20", "1-9"),
            ("20-30", "0-10"),
        ];
        for (given, expected) in table {
            let given = given.replace("-5-1", "0-1");
            assert_eq!(
                holes(range("0-10"), &union(ranges(&given))),
                ranges(expected),
                "{given}"
            );
        }
    }
}
