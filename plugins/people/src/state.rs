//! The states of a station, the time in each, and how much of it was observed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::seconds::Seconds;

/// What the station's worker is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Activity {
    /// The worker is not in view.
    #[default]
    Absent,
    /// The worker is in view, with no hand inside.
    Idle,
    /// A hand or elbow is inside the station, or was within the hold time.
    Active,
    /// There was no inference for too long.
    Unknown,
}

impl Activity {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Absent, Self::Idle, Self::Active, Self::Unknown];

    /// `active`, `idle`, `absent` or `unknown`, as in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Idle => "idle",
            Self::Active => "active",
            Self::Unknown => "unknown",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Time in each state since the station's start, in JSON in seconds; the four sum to the time since that start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "TotalsFields", from = "TotalsFields")]
#[allow(missing_docs)] // the names are descriptive
pub struct Totals {
    pub active: Duration,
    pub idle: Duration,
    pub absent: Duration,
    pub unknown: Duration,
}

impl Totals {
    /// The time in all states together.
    pub fn sum(&self) -> Duration {
        self.observed() + self.unknown
    }

    /// The share of the time in which the state was known, 0..1; `None` before any time has passed.
    pub fn coverage(&self) -> Option<f64> {
        let sum = self.sum();
        (!sum.is_zero()).then(|| self.observed().as_secs_f64() / sum.as_secs_f64())
    }

    /// The time in which the state was known.
    pub fn observed(&self) -> Duration {
        self.active + self.idle + self.absent
    }

    /// Adds `time` to `activity`.
    pub(crate) fn add(&mut self, activity: Activity, time: Duration) {
        *match activity {
            Activity::Active => &mut self.active,
            Activity::Idle => &mut self.idle,
            Activity::Absent => &mut self.absent,
            Activity::Unknown => &mut self.unknown,
        } += time;
    }
}

/// Time in each state since the station's start, in seconds; the four sum to the time since that start.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Totals"))]
pub(crate) struct TotalsFields {
    #[serde(with = "Seconds")]
    active: Duration,
    #[serde(with = "Seconds")]
    idle: Duration,
    #[serde(with = "Seconds")]
    absent: Duration,
    #[serde(with = "Seconds")]
    unknown: Duration,
    /// Share of that time in which the state was known: active, idle and absent of all four. Since schema 2; absent before
    /// any time has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "f64", range(min = 0.0, max = 1.0)))]
    coverage: Option<f64>,
}

impl From<Totals> for TotalsFields {
    fn from(totals: Totals) -> Self {
        // as fine as milliseconds of ten seconds, and never 1 while anything is unknown
        let rounded = |coverage: f64| (coverage * 10_000.0).floor() / 10_000.0;
        Self {
            active: totals.active,
            idle: totals.idle,
            absent: totals.absent,
            unknown: totals.unknown,
            coverage: totals.coverage().map(rounded),
        }
    }
}

impl From<TotalsFields> for Totals {
    fn from(fields: TotalsFields) -> Self {
        Self {
            active: fields.active,
            idle: fields.idle,
            absent: fields.absent,
            unknown: fields.unknown,
        }
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Totals {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        TotalsFields::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        TotalsFields::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_is_the_share_of_known_time() {
        let seconds = Duration::from_secs;
        for (active, idle, absent, unknown, coverage) in [
            (0, 0, 0, 0, None),
            (1, 0, 0, 0, Some(1.0)),
            (1, 1, 1, 1, Some(0.75)),
            (0, 0, 0, 9, Some(0.0)),
            (99_999, 0, 0, 1, Some(0.99999)),
        ] {
            let totals = Totals {
                active: seconds(active),
                idle: seconds(idle),
                absent: seconds(absent),
                unknown: seconds(unknown),
            };
            assert_eq!(totals.coverage(), coverage, "{totals:?}");
            let written: serde_json::Value = serde_json::to_value(totals).unwrap();
            let is_complete = written["coverage"] == 1.0;
            assert_eq!(is_complete, coverage == Some(1.0), "{written}");
            assert_eq!(serde_json::from_value::<Totals>(written).unwrap(), totals);
        }
    }
}
