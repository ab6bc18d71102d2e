//! `--json`: a line of JSON for each tenant each second, on standard output. docs/operations.md lists the fields.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::status::sample::{Skipped, Stage, Station};
use crate::status::{Inference, TenantStatus};

/// Writes lines until nobody reads them any more.
#[derive(Default)]
pub struct Json {
    closed: bool,
}

impl Json {
    /// A line for each tenant.
    pub fn write(&mut self, tenants: &[TenantStatus]) {
        if self.closed {
            return;
        }
        let time = Timestamp::now();
        let text: String = tenants.iter().map(|tenant| line(tenant, time) + "\n").collect();
        let mut output = std::io::stdout().lock();
        if let Err(error) = output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
            self.closed = true;
            super::to_stderr(&format!("warning: cannot write lines of JSON any more: {error}"));
        }
    }
}

/// A tenant as a line of JSON; durations in seconds.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    tenant: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    inference: &'a str,
    not_inferred_s: Option<f64>,
    restarts: u64,
    frames: u64,
    fps_in: Option<f64>,
    fps_out: Option<f64>,
    inferred_per_second: Option<f64>,
    skipped_per_second: Option<Skipped<f64>>,
    age_p95_s: Option<f64>,
    delay_s: Option<f64>,
    workers: Option<&'a [String]>,
    stations: &'a [Station],
    position_s: Option<f64>,
    duration_s: Option<f64>,
    stages: Vec<StageLine<'a>>,
}

/// A `tritoninfer`: its counts so far.
#[derive(Serialize)]
struct StageLine<'a> {
    element: &'a str,
    model: &'a str,
    status: &'a str,
    frames: u64,
    inferred: u64,
    skipped: Skipped<u64>,
    late: u64,
    pending: u64,
    in_flight: u64,
    places: u64,
}

fn line(tenant: &TenantStatus, time: Timestamp) -> String {
    let (inference, lasts, why) = match &tenant.inference {
        Inference::None => ("none", None, None),
        Inference::Working => ("working", None, None),
        Inference::Dead { lasts, reason, .. } => ("dead", Some(*lasts), Some(&**reason)),
    };
    let now = tenant.now;
    let line = Line {
        time: format!("{time:.3}"),
        tenant: &tenant.tenant,
        state: tenant.state.name(),
        reason: tenant.state.reason().or(why),
        inference,
        not_inferred_s: lasts.map(seconds),
        restarts: tenant.restarts,
        frames: tenant.frames.count,
        fps_in: now.and_then(|now| now.fps_in).map(rounded),
        fps_out: now.map(|now| rounded(now.fps_out)),
        inferred_per_second: now.and_then(|now| now.inferred).map(rounded),
        skipped_per_second: now.filter(|_| !tenant.stages.is_empty()).map(|now| Skipped {
            interval: rounded(now.skipped.interval),
            overload: rounded(now.skipped.overload),
            failed: rounded(now.skipped.failed),
        }),
        age_p95_s: now.and_then(|now| now.age_p95).map(seconds),
        delay_s: now.filter(|_| !tenant.stages.is_empty()).map(|now| seconds(now.delay)),
        workers: tenant.workers.as_deref(),
        stations: &tenant.stations,
        position_s: tenant.position.map(|(position, _)| seconds(position)),
        duration_s: tenant.position.map(|(_, duration)| seconds(duration)),
        stages: tenant.stages.iter().map(stage).collect(),
    };
    // Texts and numbers always have a form in JSON.
    serde_json::to_string(&line).unwrap_or_default()
}

fn stage(stage: &Stage) -> StageLine<'_> {
    StageLine {
        element: &stage.element,
        model: &stage.model,
        status: &stage.status,
        frames: stage.frames,
        inferred: stage.inferred,
        skipped: stage.skipped,
        late: stage.late,
        pending: stage.pending,
        in_flight: stage.in_flight,
        places: stage.places,
    }
}

fn seconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64())
}

/// To three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::testing::{self, Case};
    use expect_test::{Expect, expect};
    use std::time::Instant;

    fn check(case: Case, expected: Expect) {
        let [tenant] = &testing::tenants(&[case], Instant::now())[..] else {
            unreachable!("one case")
        };
        expected.assert_eq(&line(tenant, Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn a_line_has_everything_in_base_units() {
        check(
            Case::Playing,
            expect![[
                r#"{"time":"1970-01-01T00:00:00.000Z","tenant":"camera 1","state":"playing","reason":null,"inference":"working","not_inferred_s":null,"restarts":0,"frames":1250,"fps_in":25.0,"fps_out":25.0,"inferred_per_second":5.4,"skipped_per_second":{"interval":0.0,"overload":19.2,"failed":0.4},"age_p95_s":0.312,"delay_s":0.34,"workers":["red","blue"],"stations":[{"station":"bench 1","state":"active","worker":"red"},{"station":"till","state":"idle","worker":null}],"position_s":null,"duration_s":null,"stages":[{"element":"infer","model":"worker_ensemble","status":"ready","frames":1250,"inferred":270,"skipped":{"interval":0,"overload":960,"failed":20},"late":12,"pending":1,"in_flight":2,"places":2}]}"#
            ]],
        );
        check(
            Case::Dead,
            expect![[
                r#"{"time":"1970-01-01T00:00:00.000Z","tenant":"camera 1","state":"playing","reason":"no Triton server responds at grpc://10.0.0.7:8001: connection refused; start it, or correct the address (its gRPC port is usually 8001)","inference":"dead","not_inferred_s":20.0,"restarts":0,"frames":1250,"fps_in":25.0,"fps_out":25.0,"inferred_per_second":0.0,"skipped_per_second":{"interval":0.0,"overload":0.0,"failed":25.0},"age_p95_s":null,"delay_s":0.34,"workers":["red","blue"],"stations":[{"station":"bench 1","state":"unknown","worker":null},{"station":"till","state":"unknown","worker":null}],"position_s":null,"duration_s":null,"stages":[{"element":"infer","model":"worker_ensemble","status":"ready","frames":1250,"inferred":270,"skipped":{"interval":0,"overload":960,"failed":20},"late":12,"pending":1,"in_flight":2,"places":2}]}"#
            ]],
        );
        check(
            Case::Waiting,
            expect![[
                r#"{"time":"1970-01-01T00:00:00.000Z","tenant":"camera 1","state":"waiting","reason":"rtspsrc0 (rtspsrc): Could not open resource for reading and writing.\n    Failed to connect.","inference":"none","not_inferred_s":null,"restarts":3,"frames":1250,"fps_in":null,"fps_out":null,"inferred_per_second":null,"skipped_per_second":null,"age_p95_s":null,"delay_s":null,"workers":["red","blue"],"stations":[],"position_s":null,"duration_s":null,"stages":[{"element":"infer","model":"worker_ensemble","status":"ready","frames":1250,"inferred":270,"skipped":{"interval":0,"overload":960,"failed":20},"late":12,"pending":1,"in_flight":2,"places":2}]}"#
            ]],
        );
    }
}
