//! A value that a measurement has to reach.

use std::fmt;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A ratio of two values.
    Ratio,
    /// A share, 0..1, written in percent.
    Share,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Millions of bytes.
    Megabytes,
    /// A number of something.
    Count,
}

/// The value that is required.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// A requirement, and what was measured.
#[derive(Clone, Debug)]
pub struct Gate {
    /// What is required.
    pub what: &'static str,
    /// Its limit.
    pub limit: Limit,
    /// The unit of limit and value.
    pub unit: Unit,
    /// The measured value; NaN if it could not be measured, which meets nothing.
    pub measured: f64,
    /// Whether it is an aim, which may be missed.
    pub target: bool,
}

impl Gate {
    /// A gate, which has to be met.
    pub fn new(what: &'static str, limit: Limit, unit: Unit, measured: f64) -> Self {
        Self {
            what,
            limit,
            unit,
            measured,
            target: false,
        }
    }

    /// A target, which may be missed.
    pub fn target(what: &'static str, limit: Limit, unit: Unit, measured: f64) -> Self {
        Self {
            target: true,
            ..Self::new(what, limit, unit, measured)
        }
    }

    /// Whether the value is within its limit.
    pub fn is_met(&self) -> bool {
        match self.limit {
            Limit::AtLeast(limit) => self.measured >= limit,
            Limit::AtMost(limit) => self.measured <= limit,
        }
    }

    /// `met`, `MISSED`, or `not measured`.
    pub fn verdict(&self) -> &'static str {
        match (self.measured.is_nan(), self.is_met()) {
            (true, _) => "not measured",
            (false, true) => "met",
            (false, false) => "MISSED",
        }
    }

    /// The limit in words.
    pub fn required(&self) -> String {
        match self.limit {
            Limit::AtLeast(limit) => format!("≥ {}", self.unit.show(limit)),
            Limit::AtMost(limit) => format!("≤ {}", self.unit.show(limit)),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let kind = if self.target { "target" } else { "gate" };
        let measured = self.unit.show(self.measured);
        write!(
            f,
            "{:<12} {kind}: {} {}, measured {measured}",
            self.verdict(),
            self.what,
            self.required()
        )
    }
}

impl Unit {
    /// The value with its unit.
    pub fn show(self, value: f64) -> String {
        if value.is_nan() {
            return "–".into();
        }
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Megabytes => format!("{value:.1} MB"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let check = |limit, measured, expected| {
            assert_eq!(Gate::new("x", limit, Unit::Ratio, measured).verdict(), expected);
        };
        check(Limit::AtLeast(0.85), 0.85, "met");
        check(Limit::AtLeast(0.85), 0.84, "MISSED");
        check(Limit::AtMost(2.0), 2.0, "met");
        check(Limit::AtMost(2.0), 2.1, "MISSED");
        check(Limit::AtMost(2.0), f64::NAN, "not measured");
        assert!(!Gate::new("x", Limit::AtMost(2.0), Unit::Ratio, f64::NAN).is_met());
    }
}
