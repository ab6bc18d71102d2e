//! The columns: which ones a terminal has room for, and what is in their cells.

use std::time::Instant;

use unicode_width::UnicodeWidthStr;

use super::{Line, Look, Shown, Span, shorten};
use crate::state::TenantState;
use crate::status::{Inference, TenantStatus};
use crate::view::words;

/// Spaces between columns.
const GAP: usize = 2;
/// Most columns of a terminal that a tenant's name takes.
const LONGEST_NAME: usize = 24;

/// What a column shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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

/// A column as wide as its cells.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    kind: Kind,
    width: usize,
}

/// The columns for which there is room, as wide as their cells.
pub fn columns(shown: &Shown, width: usize) -> Vec<Column> {
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

/// A line with a cell for each column.
pub fn row(columns: &[Column], cell: impl Fn(Kind) -> (String, Look)) -> Line {
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
    /// Its head.
    pub fn title(self) -> &'static str {
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

    /// What it has for a tenant.
    pub fn cell(self, tenant: &TenantStatus, now: Instant) -> (String, Look) {
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
