//! The table of tenants, as lines for a terminal of some size: which columns it has room for, and what is in the cells.

use std::time::Instant;

use crossterm::style::{Attribute, Color, ContentStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::words;
use crate::state::TenantState;
use crate::status::{Inference, TenantStatus};

/// Spaces between columns.
const GAP: usize = 2;
/// Lines of a terminal that stay free for messages above the table.
const FREE: usize = 5;
/// Most lines about tenants in trouble.
const TROUBLES: usize = 4;
/// Most columns of a terminal that a tenant's name takes.
const LONGEST_NAME: usize = 24;

/// A piece of a line and its look.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Without control characters.
    pub text: String,
    pub look: Look,
}

/// How a text looks, where there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    Plain,
    Head,
    Good,
    Wait,
    Bad,
    Faint,
}

impl Look {
    /// The style; without `colours` it has none.
    pub fn style(self, colours: bool) -> ContentStyle {
        let mut style = ContentStyle::new();
        let (colour, attribute) = match self {
            Self::Plain => (None, None),
            Self::Head => (None, Some(Attribute::Bold)),
            Self::Good => (Some(Color::Green), None),
            Self::Wait => (Some(Color::Yellow), None),
            Self::Bad => (Some(Color::Red), Some(Attribute::Bold)),
            Self::Faint => (None, Some(Attribute::Dim)),
        };
        style.foreground_color = colour.filter(|_| colours);
        if let Some(attribute) = attribute {
            style.attributes.set(attribute);
        }
        style
    }
}

/// A line of the table.
pub type Line = Vec<Span>;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: usize,
    pub height: usize,
}

/// What is drawn: the tenants and where the user has scrolled to.
pub struct Shown<'a> {
    pub tenants: &'a [TenantStatus],
    pub now: Instant,
    /// The first tenant that is shown, if not all fit.
    pub first: usize,
    /// Whether keys are read.
    pub keys: bool,
    /// Whether an end was asked for.
    pub ending: bool,
}

/// Number of tenants that a terminal has room for.
pub fn capacity(shown: &Shown, size: Size) -> usize {
    let troubles = troubles(shown, size).len();
    // The head, and the line at the end.
    size.height.saturating_sub(FREE + 2 + troubles).max(1)
}

/// The lines of the table.
pub fn lines(shown: &Shown, size: Size) -> Vec<Line> {
    let capacity = capacity(shown, size);
    let first = shown.first.min(shown.tenants.len().saturating_sub(capacity));
    let visible: Vec<_> = shown.tenants.iter().skip(first).take(capacity).collect();
    let columns = columns(shown, size.width);
    let mut lines = Vec::new();
    if !visible.is_empty() {
        lines.push(row(&columns, |kind| (kind.title().to_owned(), Look::Head)));
    }
    lines.extend(
        visible
            .iter()
            .map(|tenant| row(&columns, |kind| kind.cell(tenant, shown.now))),
    );
    lines.extend(troubles(shown, size));
    let range = (first, visible.len());
    lines.push(vec![last_line(shown, range, size.width)]);
    lines.iter_mut().for_each(|line| cut(line, size.width));
    lines
}

/// Lines about tenants in trouble, as many as a terminal has room for beside one tenant.
fn troubles(shown: &Shown, size: Size) -> Vec<Line> {
    let all = words::troubles(shown.tenants.iter(), shown.now);
    let room = size.height.saturating_sub(FREE + 3).min(TROUBLES);
    let most = if all.len() > room { room.saturating_sub(1) } else { room };
    if let [only] = &*all {
        let lines = wrapped(only, size.width, room);
        return lines.into_iter().map(|line| vec![bad(line)]).collect();
    }
    let mut lines: Vec<Line> = all
        .iter()
        .take(most)
        .map(|text| vec![bad(shorten(text, size.width))])
        .collect();
    if all.len() > most && room > 0 {
        lines.push(vec![bad(format!("and {} more in trouble", all.len() - most))]);
    }
    lines
}

fn bad(text: String) -> Span {
    Span { text, look: Look::Bad }
}

/// The sums, and what the keys do.
fn last_line(shown: &Shown, (first, count): (usize, usize), width: usize) -> Span {
    let tenants = shown.tenants;
    let inferred: Vec<f64> = tenants.iter().filter_map(|tenant| tenant.now?.inferred).collect();
    let mut parts = vec![match tenants.len() {
        0 => "no tenant yet".to_owned(),
        1 => "1 tenant".to_owned(),
        several => format!("{several} tenants"),
    }];
    if tenants.len() > 1 && !inferred.is_empty() {
        parts.push(format!("{:.1} inferred/s", inferred.iter().sum::<f64>()));
    }
    if count < tenants.len() {
        parts.push(format!("{}–{} shown, ↑ ↓ scroll", first + 1, first + count));
    }
    if shown.keys {
        parts.push(if shown.ending { "q ends at once" } else { "q ends" }.to_owned());
    } else if shown.ending {
        parts.push("ending".to_owned());
    }
    Span {
        text: shorten(&parts.join(" · "), width),
        look: Look::Faint,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tenant,
    State,
    /// Time to the end of a file.
    Left,
    In,
    Out,
    Inferred,
    Age,
    /// The sum.
    Skipped,
    /// By reason.
    SkippedWhy,
    Delay,
    /// Their number.
    Workers,
    WorkerNames,
    /// Their number.
    Active,
    ActiveNames,
    Restarts,
}

/// From left to right.
const ORDER: [Kind; 15] = [
    Kind::Tenant,
    Kind::State,
    Kind::Left,
    Kind::In,
    Kind::Out,
    Kind::Inferred,
    Kind::Age,
    Kind::Skipped,
    Kind::SkippedWhy,
    Kind::Delay,
    Kind::Workers,
    Kind::WorkerNames,
    Kind::Active,
    Kind::ActiveNames,
    Kind::Restarts,
];

/// In this order columns are added while there is room. One with names takes the place of its number.
const IMPORTANCE: [(Kind, Option<Kind>); 15] = [
    (Kind::Tenant, None),
    (Kind::State, None),
    (Kind::Inferred, None),
    (Kind::Out, None),
    (Kind::Left, None),
    (Kind::In, None),
    (Kind::Skipped, None),
    (Kind::Age, None),
    (Kind::Active, None),
    (Kind::Workers, None),
    (Kind::Delay, None),
    (Kind::Restarts, None),
    (Kind::SkippedWhy, Some(Kind::Skipped)),
    (Kind::ActiveNames, Some(Kind::Active)),
    (Kind::WorkerNames, Some(Kind::Workers)),
];

#[derive(Clone, Copy, Debug)]
struct Column {
    kind: Kind,
    width: usize,
}

/// The columns for which there is room, as wide as their cells.
fn columns(shown: &Shown, width: usize) -> Vec<Column> {
    let mut chosen: Vec<Column> = Vec::new();
    for (kind, instead_of) in IMPORTANCE {
        let others = chosen.iter().filter(|column| Some(column.kind) != instead_of);
        let mut candidate: Vec<Column> = others.copied().collect();
        let is_empty = |tenant: &TenantStatus| kind.is_unused(tenant);
        if shown.tenants.iter().all(is_empty) {
            continue;
        }
        let of_cell = |tenant| kind.text(tenant, shown.now).width();
        let cells = shown.tenants.iter().map(of_cell).max().unwrap_or(0).max(kind.least());
        let cells = if kind == Kind::Tenant {
            cells.min(LONGEST_NAME)
        } else {
            cells
        };
        let column = Column {
            kind,
            width: cells.max(kind.title().width()),
        };
        candidate.push(column);
        let taken = candidate.iter().map(|column| column.width).sum::<usize>() + GAP * (candidate.len() - 1);
        if taken <= width || chosen.len() < 2 {
            chosen = candidate;
        }
    }
    chosen.sort_by_key(|column| ORDER.iter().position(|kind| *kind == column.kind));
    chosen
}

fn row(columns: &[Column], cell: impl Fn(Kind) -> (String, Look)) -> Line {
    let last = columns.len().saturating_sub(1);
    let mut line = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let (text, look) = cell(column.kind);
        let text = shorten(&text, column.width);
        let room = " ".repeat(column.width - text.width());
        let padded = match column.kind.is_number() {
            true => format!("{room}{text}"),
            false if index == last => text,
            false => format!("{text}{room}"),
        };
        line.push(Span { text: padded, look });
        if index < last {
            line.push(Span {
                text: " ".repeat(GAP),
                look: Look::Plain,
            });
        }
    }
    line
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::State => "state",
            Self::Left => "left",
            Self::In => "fps in",
            Self::Out => "out",
            Self::Inferred => "inferred/s",
            Self::Age => "age p95",
            Self::Skipped | Self::SkippedWhy => "skipped/s",
            Self::Delay => "delay",
            Self::Workers | Self::WorkerNames => "workers",
            Self::Active | Self::ActiveNames => "active",
            Self::Restarts => "restarts",
        }
    }

    /// A width that the usual values of the column have, so that it does not move at each change.
    fn least(self) -> usize {
        match self {
            Self::State => 12,
            Self::In | Self::Out | Self::Left => 5,
            Self::Age | Self::Delay => 6,
            Self::SkippedWhy => 21,
            _ => 0,
        }
    }

    fn is_number(self) -> bool {
        matches!(
            self,
            Self::Left
                | Self::In
                | Self::Out
                | Self::Inferred
                | Self::Age
                | Self::Skipped
                | Self::Delay
                | Self::Workers
                | Self::Active
                | Self::Restarts
        )
    }

    /// Whether a tenant's pipeline has nothing for this column.
    fn is_unused(self, tenant: &TenantStatus) -> bool {
        match self {
            Self::Left => tenant.time_left().is_none(),
            Self::Workers | Self::WorkerNames => tenant.workers.is_none(),
            Self::Active | Self::ActiveNames => tenant.stations.is_empty(),
            Self::In | Self::Inferred | Self::Age | Self::Skipped | Self::SkippedWhy | Self::Delay => {
                tenant.stages.is_empty()
            }
            _ => false,
        }
    }

    fn cell(self, tenant: &TenantStatus, now: Instant) -> (String, Look) {
        let look = match self {
            Self::State => look(tenant),
            Self::Inferred if matches!(tenant.inference, Inference::Dead { .. }) => Look::Bad,
            _ => Look::Plain,
        };
        (self.text(tenant, now), look)
    }

    fn text(self, tenant: &TenantStatus, now: Instant) -> String {
        let rates = tenant.now;
        let rate = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
        match self {
            Self::Tenant => words::printable(&tenant.tenant),
            Self::State => words::state(tenant, now),
            Self::Left => tenant.time_left().map_or_else(String::new, words::rounded),
            Self::In => rate(rates.and_then(|rates| rates.fps_in)),
            Self::Out => rate(rates.map(|rates| rates.fps_out)),
            Self::Inferred => rate(rates.and_then(|rates| rates.inferred)),
            Self::Age => rates
                .and_then(|rates| rates.age_p95)
                .map_or_else(String::new, words::short),
            Self::Skipped => rate(
                rates
                    .filter(|_| !tenant.stages.is_empty())
                    .map(|rates| rates.skipped.sum()),
            ),
            Self::SkippedWhy => rates.map_or_else(String::new, |rates| words::skipped(&rates.skipped)),
            Self::Delay => match rates {
                Some(rates) if !rates.delay.is_zero() => words::short(rates.delay),
                _ => String::new(),
            },
            Self::Workers => tenant
                .workers
                .as_ref()
                .map_or_else(String::new, |workers| workers.len().to_string()),
            Self::WorkerNames => words::printable(
                &tenant
                    .workers
                    .as_ref()
                    .map_or_else(String::new, |workers| workers.join(" ")),
            ),
            Self::Active => match tenant.stations.len() {
                0 => String::new(),
                stations => format!("{}/{stations}", tenant.active()),
            },
            Self::ActiveNames if tenant.stations.is_empty() => String::new(),
            Self::ActiveNames => words::active(tenant),
            Self::Restarts => tenant.restarts.to_string(),
        }
    }
}

fn look(tenant: &TenantStatus) -> Look {
    match (&tenant.state, &tenant.inference) {
        (TenantState::Failed { .. } | TenantState::Stalled { .. }, _) => Look::Bad,
        (TenantState::Ended, _) => Look::Faint,
        (_, Inference::Dead { .. }) => Look::Bad,
        (TenantState::Playing, _) => Look::Good,
        (TenantState::Starting | TenantState::Waiting { .. } | TenantState::Stopping { .. }, _) => Look::Wait,
    }
}

/// The text, cut with `…` if it is wider.
pub fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > width {
            break;
        }
        short.push(c);
    }
    if width > 0 {
        short.push('…');
    }
    short
}

/// The text in at most so many lines, broken between words; the last one is cut.
fn wrapped(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let is_last = lines.len() >= most;
        match lines.last_mut() {
            Some(line) if is_last || line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ if most > 0 => lines.push(word.to_owned()),
            _ => {}
        }
    }
    lines.iter().map(|line| shorten(line, width)).collect()
}

/// Cuts a line at the terminal's edge.
fn cut(line: &mut Line, width: usize) {
    let mut left = width;
    for span in line.iter_mut() {
        span.text = shorten(&span.text, left);
        left -= span.text.width();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::testing::{self, Case};
    use expect_test::{Expect, expect};

    fn text(cases: &[Case], (width, height): (usize, usize), first: usize) -> String {
        let now = Instant::now();
        let shown = Shown {
            tenants: &testing::tenants(cases, now),
            now,
            first,
            keys: true,
            ending: false,
        };
        let lines = lines(&shown, Size { width, height });
        assert!(lines.len() + FREE <= height.max(FREE + 3), "{} lines", lines.len());
        let text = |line: &Line| {
            let text: String = line.iter().map(|span| &*span.text).collect();
            assert!(text.width() <= width, "{text}");
            text.trim_end().to_owned() + "\n"
        };
        lines.iter().map(text).collect()
    }

    #[track_caller]
    fn check(cases: &[Case], size: (usize, usize), expected: Expect) {
        expected.assert_eq(&text(cases, size, 0));
    }

    #[test]
    fn every_state_at_120_columns() {
        check(
            &testing::ALL,
            (120, 40),
            expect![[r#"
                tenant     state           left  fps in    out  inferred/s  age p95  skipped/s   delay  workers  active         restarts
                camera 1   playing                 25.0   25.0         5.4   312 ms       19.6  340 ms        2  bench 1 (red)         0
                camera 2   playing 43 %    66 s    25.0   25.0         5.4   312 ms       19.6  340 ms        2  bench 1 (red)         0
                camera 3   playing                        30.0                                                                         0
                camera 4   no inference            25.0   25.0         0.0                25.0  340 ms        2  2 unknown             0
                camera 5   no inference             0.0    0.0         0.0                 0.0  340 ms        2  bench 1 (red)         0
                camera 6   starting                                                                                                    0
                camera 7   stalled 12 s            25.0   25.0         5.4   312 ms       19.6  340 ms        2  bench 1 (red)         0
                camera 8   waiting 4.0 s                                                                      2                        3
                camera 9   stopping                25.0   25.0         5.4   312 ms       19.6  340 ms        2  bench 1 (red)         0
                camera 10  ended                                                                              2                        0
                camera 11  failed                                                                             2                        0
                camera 4 and camera 5: nothing inferred: no Triton server responds at grpc://10.0.0.7:8001: connection refused
                camera 7: no frame for 12 s
                camera 8: starts again in 4.0 s: error: rtspsrc0 (rtspsrc): Could not open resource for reading and writing. Failed to …
                camera 11: failed: error: infer (tritoninfer): no model 'nope'; the server has vest_resnet18, worker_ensemble
                11 tenants · 21.6 inferred/s · q ends
            "#]],
        );
    }

    #[test]
    fn every_state_at_80_columns() {
        check(
            &testing::ALL,
            (80, 24),
            expect![[r#"
                tenant     state           left  fps in    out  inferred/s  age p95  skipped/s
                camera 1   playing                 25.0   25.0         5.4   312 ms       19.6
                camera 2   playing 43 %    66 s    25.0   25.0         5.4   312 ms       19.6
                camera 3   playing                        30.0
                camera 4   no inference            25.0   25.0         0.0                25.0
                camera 5   no inference             0.0    0.0         0.0                 0.0
                camera 6   starting
                camera 7   stalled 12 s            25.0   25.0         5.4   312 ms       19.6
                camera 8   waiting 4.0 s
                camera 9   stopping                25.0   25.0         5.4   312 ms       19.6
                camera 10  ended
                camera 11  failed
                camera 4 and camera 5: nothing inferred: no Triton server responds at grpc://10…
                camera 7: no frame for 12 s
                camera 8: starts again in 4.0 s: error: rtspsrc0 (rtspsrc): Could not open reso…
                camera 11: failed: error: infer (tritoninfer): no model 'nope'; the server has …
                11 tenants · 21.6 inferred/s · q ends
            "#]],
        );
    }

    #[test]
    fn every_state_at_40_columns() {
        check(
            &testing::ALL,
            (40, 24),
            expect![[r#"
                tenant     state          inferred/s
                camera 1   playing               5.4
                camera 2   playing 43 %          5.4
                camera 3   playing
                camera 4   no inference          0.0
                camera 5   no inference          0.0
                camera 6   starting
                camera 7   stalled 12 s          5.4
                camera 8   waiting 4.0 s
                camera 9   stopping              5.4
                camera 10  ended
                camera 11  failed
                camera 4 and camera 5: nothing inferred…
                camera 7: no frame for 12 s
                camera 8: starts again in 4.0 s: error:…
                camera 11: failed: error: infer (triton…
                11 tenants · 21.6 inferred/s · q ends
            "#]],
        );
    }

    #[test]
    fn one_camera_at_160_columns() {
        check(
            &[Case::Playing],
            (160, 50),
            expect![[r#"
            tenant    state         fps in    out  inferred/s  age p95  skipped/s                  delay  workers   active         restarts
            camera 1  playing         25.0   25.0         5.4   312 ms  19.2 overload 0.4 failed  340 ms  red blue  bench 1 (red)         0
            1 tenant · q ends
        "#]],
        );
    }

    #[test]
    fn one_file() {
        check(
            &[Case::File],
            (80, 24),
            expect![[r#"
            tenant    state          left  fps in    out  inferred/s  age p95  skipped/s
            camera 1  playing 43 %   66 s    25.0   25.0         5.4   312 ms       19.6
            1 tenant · q ends
        "#]],
        );
    }

    #[test]
    fn no_tenant() {
        check(
            &[],
            (80, 24),
            expect![[r#"
            no tenant yet · q ends
        "#]],
        );
    }

    #[test]
    fn many_tenants_are_scrolled() {
        let many: Vec<_> = (0..64)
            .map(|n| if n % 8 == 3 { Case::Dead } else { Case::Playing })
            .collect();
        check(
            &many,
            (80, 24),
            expect![[r#"
                tenant     state         fps in    out  inferred/s  age p95  skipped/s  active
                camera 1   playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 2   playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 3   playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 4   no inference    25.0   25.0         0.0                25.0     0/2
                camera 5   playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 6   playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 7   playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 8   playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 9   playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 10  playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 11  playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 12  no inference    25.0   25.0         0.0                25.0     0/2
                camera 13  playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 14  playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 15  playing         25.0   25.0         5.4   312 ms       19.6     1/2
                camera 4, camera 12 and 6 more: nothing inferred: no Triton server responds at
                grpc://10.0.0.7:8001: connection refused
                64 tenants · 302.4 inferred/s · 1–15 shown, ↑ ↓ scroll · q ends
            "#]],
        );
        let end = text(&many, (80, 24), 99);
        assert!(end.contains("camera 64") && end.contains("–64 shown"), "{end}");
    }

    #[test]
    fn no_size_is_too_small() {
        for width in [0, 1, 3, 10] {
            for height in [0, 1, 5] {
                text(&testing::ALL, (width, height), 3);
            }
        }
    }

    #[test]
    fn the_only_trouble_has_several_lines() {
        check(
            &[Case::Dead],
            (80, 24),
            expect![[r#"
            tenant    state         fps in    out  inferred/s  age p95  skipped/s  active
            camera 1  no inference    25.0   25.0         0.0                25.0  2 unknown
            camera 1: nothing inferred for 20 s, 132 frames passed: no Triton server
            responds at grpc://10.0.0.7:8001: connection refused
            1 tenant · q ends
        "#]],
        );
        for (width, most, expected) in [
            (9, 3, &["one two", "three", "four"][..]),
            (9, 2, &["one two", "three fo…"]),
            (3, 2, &["one", "tw…"]),
            (9, 0, &[]),
        ] {
            assert_eq!(wrapped("one two three four", width, most), expected, "{width} {most}");
        }
    }

    #[test]
    fn texts_are_cut_by_their_width() {
        for (text, width, expected) in [
            ("camera", 6, "camera"),
            ("camera", 5, "came…"),
            ("厨房厨房", 5, "厨房…"),
            ("x", 0, ""),
        ] {
            assert_eq!(shorten(text, width), expected);
        }
    }

    #[test]
    fn colours_are_off_where_there_are_none() {
        for look in [Look::Plain, Look::Head, Look::Good, Look::Wait, Look::Bad, Look::Faint] {
            assert_eq!(look.style(false).foreground_color, None, "{look:?}");
        }
        assert!(Look::Bad.style(true).foreground_color.is_some());
    }
}
