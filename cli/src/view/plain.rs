//! Lines about tenants for where there is no terminal: one each, every few seconds. Of many tenants only those in trouble have a
//! line, and all of them have one in sum.

use std::time::{Duration, Instant};

use super::words;
use crate::status::TenantStatus;

/// How often lines are written.
const EVERY: Duration = Duration::from_secs(5);
/// Most lines at a time.
const MOST: usize = 12;

/// When lines were written last.
#[derive(Default)]
pub struct Plain {
    written: Option<Instant>,
}

impl Plain {
    /// The lines that are due now; none most of the time.
    pub fn lines(&mut self, tenants: &[TenantStatus], now: Instant) -> Vec<String> {
        let written = *self.written.get_or_insert(now);
        if now.duration_since(written) < EVERY {
            return Vec::new();
        }
        self.written = Some(now);
        of(tenants, now)
    }
}

fn of(tenants: &[TenantStatus], now: Instant) -> Vec<String> {
    // The end of a tenant has its own line, once.
    let playing: Vec<_> = tenants.iter().filter(|tenant| !tenant.state.is_over()).collect();
    if playing.len() <= MOST {
        return playing.iter().map(|tenant| words::line(tenant, now)).collect();
    }
    let well = playing.iter().filter(|tenant| tenant.is_well()).count();
    let sum = |value: fn(&TenantStatus) -> Option<f64>| playing.iter().filter_map(|tenant| value(tenant)).sum::<f64>();
    let (fps, inferred) = (
        sum(|tenant| Some(tenant.now?.fps_out)),
        sum(|tenant| tenant.now?.inferred),
    );
    let mut lines = vec![format!(
        "{} tenants, {well} play without trouble, {fps:.1} fps, {inferred:.1} inferred/s",
        playing.len()
    )];
    let troubles = words::troubles(playing.iter().copied(), now);
    let more = troubles.len().saturating_sub(MOST);
    lines.extend(troubles.into_iter().take(MOST));
    if more > 0 {
        lines.push(format!("and {more} more in trouble"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::testing::{self, Case};
    use expect_test::{Expect, expect};

    fn check(cases: &[Case], expected: Expect) {
        let now = Instant::now();
        expected.assert_eq(&(of(&testing::tenants(cases, now), now).join("\n") + "\n"));
    }

    #[test]
    fn each_tenant_has_a_line() {
        check(
            &testing::ALL,
            expect![[r#"
                camera 1: playing, 1250 frames, 25.0 fps in, 25.0 out, 5.4 inferred/s, skipped/s 19.2 overload 0.4 failed, age 312 ms, delay 340 ms, workers seen: red blue, active stations: bench 1 (red)
                camera 2: 43 %, 66 s left, 1250 frames, 25.0 fps in, 25.0 out, 5.4 inferred/s, skipped/s 19.2 overload 0.4 failed, age 312 ms, delay 340 ms, workers seen: red blue, active stations: bench 1 (red)
                camera 3: playing, 1250 frames, 30.0 fps
                camera 4: nothing inferred for 20 s, 132 frames passed: no Triton server responds at grpc://10.0.0.7:8001: connection refused, 1250 frames, 25.0 fps in, 25.0 out, 0.0 inferred/s, skipped/s 25.0 failed, delay 340 ms, workers seen: red blue, active stations: 2 unknown
                camera 5: nothing inferred for 7.0 s, the stream waits: no Triton server responds at grpc://10.0.0.7:8001: connection refused, 1250 frames, 0.0 fps in, 0.0 out, 0.0 inferred/s, delay 340 ms, workers seen: red blue, active stations: 2 unknown
                camera 6: starting, 0 frames
                camera 7: no frame for 12 s, 1250 frames, 25.0 fps in, 25.0 out, 5.4 inferred/s, skipped/s 19.2 overload 0.4 failed, age 312 ms, delay 340 ms, workers seen: red blue, active stations: bench 1 (red)
                camera 8: starts again in 4.0 s: rtspsrc0 (rtspsrc): Could not open resource for reading and writing. Failed to connect., 1250 frames, workers seen: red blue, 3 restarts
                camera 9: stopping, 1250 frames, 25.0 fps in, 25.0 out, 5.4 inferred/s, skipped/s 19.2 overload 0.4 failed, age 312 ms, delay 340 ms, workers seen: red blue, active stations: bench 1 (red)
            "#]],
        );
    }

    #[test]
    fn many_tenants_have_one_line_and_one_for_each_in_trouble() {
        let many: Vec<_> = (0..64)
            .map(|n| if n % 4 == 3 { Case::Dead } else { Case::Playing })
            .collect();
        check(
            &many,
            expect![[r#"
                64 tenants, 48 play without trouble, 1600.0 fps, 259.2 inferred/s
                camera 4, camera 8 and 14 more: nothing inferred: no Triton server responds at grpc://10.0.0.7:8001: connection refused
            "#]],
        );
    }

    #[test]
    fn lines_are_due_every_five_seconds() {
        let start = Instant::now();
        let tenants = testing::tenants(&[Case::Playing], start);
        let mut plain = Plain::default();
        for (seconds, expected) in [(0, 0), (4, 0), (5, 1), (6, 0), (9, 0), (11, 1)] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(plain.lines(&tenants, now).len(), expected, "{seconds} s");
        }
    }
}
