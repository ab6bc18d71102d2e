//! The record of what happens at a station: what goes onto the bus and, as a line of JSON, into a log.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::station::seconds;
use crate::{Activity, Totals, VestName};

/// Something happened at a station.
///
/// Serialised, it is what `docs/activity.schema.json` describes, and begins with `"schema": "shopfloor-activity/1"`;
/// times are seconds, rounded to milliseconds. The number behind the slash changes when a field changes its meaning or
/// goes away, not when a field or a kind of event is added.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "schema", rename = "shopfloor-activity/1")]
pub struct Event {
    /// Running time at which it happened.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// The station's name.
    pub station: Arc<str>,
    /// At a start, the worker that the station is assigned to. Else who is (or was last) working there, by vest: the
    /// assigned worker, or whoever's hand is or was inside.
    pub worker: Option<VestName>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// The event as a line of JSON, without the line's end; `stream` says whose it is, in a log of several streams.
    pub fn to_json(&self, stream: Option<&str>) -> String {
        let mut json = serde_json::to_string(self).expect("an event has no keys that JSON lacks");
        if let Some(stream) = stream {
            json.truncate(json.len() - 1);
            json += &format!(",\"stream\":{}}}", serde_json::json!(stream));
        }
        json
    }
}

/// What happened at a station.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum EventKind {
    /// The station is watched from now on; it begins as absent.
    Start,
    /// Its state changed.
    Change {
        /// The state from now on.
        state: Activity,
        /// The state until now, never the same.
        previous: Activity,
        /// How long `previous` lasted.
        #[serde(serialize_with = "seconds")]
        lasted: Duration,
        /// The time in each state until now.
        totals: Totals,
    },
    /// Another's hand took over while it stayed active: the worker is the one who works there from now on.
    Handover {
        /// Who worked there until now.
        from: Option<VestName>,
        /// For how long.
        #[serde(serialize_with = "seconds")]
        lasted: Duration,
    },
    /// The station is no longer watched: the stream ended or the station was removed.
    #[serde(rename = "totals")]
    End {
        /// The last state.
        state: Activity,
        /// How long `state` lasted.
        #[serde(serialize_with = "seconds")]
        lasted: Duration,
        /// The time in each state.
        totals: Totals,
    },
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn lines_of_json() {
        let totals = Totals {
            active: Duration::from_secs(2),
            idle: Duration::from_nanos(4_033_333_333),
            absent: Duration::ZERO,
            unknown: Duration::from_millis(5),
        };
        let event = |kind| Event {
            time: Duration::from_millis(12_500),
            station: "cutting \"board\"".into(),
            worker: Some("red".into()),
            kind,
        };
        let lasted = Duration::from_nanos(3_499_500_000);
        let start = Event {
            worker: None,
            ..event(EventKind::Start)
        };
        let change = event(EventKind::Change {
            state: Activity::Active,
            previous: Activity::Idle,
            lasted,
            totals,
        });
        let from = Some("blue".into());
        let handover = event(EventKind::Handover { from, lasted });
        let state = Activity::Unknown;
        let end = event(EventKind::End { state, lasted, totals });
        let lines = [
            (start, None),
            (change, Some("yard \"2\"")),
            (handover, None),
            (end, None),
        ];
        let lines = lines.map(|(event, stream)| event.to_json(stream) + "\n");
        expect![[r#"
            {"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":null,"kind":"start"}
            {"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"change","state":"active","previous":"idle","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005},"stream":"yard \"2\""}
            {"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"handover","from":"blue","lasted":3.5}
            {"schema":"shopfloor-activity/1","time":12.5,"station":"cutting \"board\"","worker":"red","kind":"totals","state":"unknown","lasted":3.5,"totals":{"active":2.0,"idle":4.033,"absent":0.0,"unknown":0.005}}
        "#]].assert_eq(&lines.concat());
    }
}
