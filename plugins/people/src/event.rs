//! The record of a station's change of state: what goes onto the bus and, as a line of JSON, into a log.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::station::seconds;
use crate::{Activity, Totals, VestName};

/// A station's state changed.
///
/// Serialised, it begins with `"schema": "shopfloor-activity/1"`; times are seconds, rounded to milliseconds. The
/// number behind the slash changes when a field changes its meaning or goes away, not when one is added.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "schema", rename = "shopfloor-activity/1")]
pub struct Event {
    /// Running time of the first frame in the new state.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// The station's name.
    pub station: Arc<str>,
    /// Who is (or was last) working there, by vest: the assigned worker, or whoever's hand is or was inside.
    pub worker: Option<VestName>,
    /// The state from now on.
    pub state: Activity,
    /// The state until now, never the same; a station begins as absent.
    pub previous: Activity,
    /// How long `previous` lasted, without the time of which nothing is known.
    #[serde(serialize_with = "seconds")]
    pub lasted: Duration,
    /// The time in each state until now.
    pub totals: Totals,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_line_of_json() {
        let event = Event {
            time: Duration::from_millis(12_500),
            station: "cutting \"board\"".into(),
            worker: Some("red".into()),
            state: Activity::Active,
            previous: Activity::Idle,
            lasted: Duration::from_nanos(3_499_500_000),
            totals: Totals {
                active: Duration::from_secs(2),
                idle: Duration::from_nanos(4_033_333_333),
                absent: Duration::ZERO,
                unknown: Duration::from_millis(5),
            },
        };
        expect![[r#"{"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":"red","state":"active","previous":"idle","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005}}"#]]
            .assert_eq(&serde_json::to_string(&event).unwrap());
        let anyone = Event { worker: None, ..event };
        let json = serde_json::to_value(&anyone).unwrap();
        assert!(json["worker"].is_null(), "{json}");
    }
}
