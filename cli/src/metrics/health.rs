//! Whether the command is healthy and its tenants are ready.

use std::time::{Duration, Instant};

use super::Snapshot;
use crate::state::TenantState;
use crate::status::{Inference, TenantStatus};

/// The supervisor's loop turns several times a second; without a turn for this long it is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// The reason why the command is not healthy.
pub fn unhealthy(snapshot: &Snapshot, now: Instant) -> Option<String> {
    let at = snapshot.at?;
    let since = now.saturating_duration_since(at);
    (since >= STUCK).then(|| format!("the supervisor has not turned for {} s", since.as_secs()))
}

/// The reasons why tenants are not ready, a line each; none if each plays, and inference is not dead.
pub fn unready(snapshot: &Snapshot, now: Instant) -> Vec<String> {
    if snapshot.at.is_none() {
        return vec!["the tenants are not started yet".to_owned()];
    }
    let stuck = unhealthy(snapshot, now);
    let tenants = snapshot.tenants.iter().filter_map(reason);
    stuck.into_iter().chain(tenants).collect()
}

fn reason(tenant: &TenantStatus) -> Option<String> {
    let why = match (&tenant.state, &tenant.inference) {
        // A file that has come to its end is not missed.
        (TenantState::Ended, _) => return None,
        (TenantState::Playing | TenantState::Stalled { .. }, Inference::Dead { lasts, reason, .. }) => {
            format!("nothing inferred for {} s: {reason}", lasts.as_secs())
        }
        (TenantState::Playing, _) => return None,
        (state, _) => match state.reason() {
            Some(reason) => format!("{}: {reason}", state.name()),
            None => state.name().to_owned(),
        },
    };
    let why: Vec<_> = why.lines().map(str::trim).collect();
    Some(format!("{}: {}", tenant.tenant, why.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::testing::{self, Case};

    fn snapshot(cases: &[Case], now: Instant, ago: u64) -> Snapshot {
        Snapshot {
            tenants: testing::tenants(cases, now).into(),
            at: now.checked_sub(Duration::from_secs(ago)),
        }
    }

    #[test]
    fn ready_is_when_each_tenant_plays_and_is_inferred() {
        let now = Instant::now();
        let reasons = |cases: &[Case]| unready(&snapshot(cases, now, 1), now);
        for (case, expected) in [
            (Case::Playing, None),
            (Case::File, None),
            (Case::Foreign, None),
            (Case::Ended, None),
            (Case::Starting, Some("camera 1: starting")),
            (Case::Stopping, Some("camera 1: stopping")),
            (Case::Stalled, Some("camera 1: stalled")),
            (
                Case::Dead,
                Some("camera 1: nothing inferred for 20 s: no Triton server"),
            ),
            (Case::Held, Some("camera 1: nothing inferred for 7 s: no Triton server")),
            (Case::Waiting, Some("camera 1: waiting: rtspsrc0")),
            (Case::Failed, Some("camera 1: failed: infer")),
        ] {
            let found = reasons(&[case]);
            match expected {
                None => assert!(found.is_empty(), "{case:?}: {found:?}"),
                Some(part) => assert!(found.len() == 1 && found[0].starts_with(part), "{case:?}: {found:?}"),
            }
        }
        assert_eq!(reasons(&testing::ALL).len(), 7);
        assert!(reasons(&[]).is_empty(), "a folder without files");
        assert_eq!(unready(&Snapshot::default(), now), ["the tenants are not started yet"]);
    }

    #[test]
    fn a_supervisor_that_does_not_turn_is_not_healthy() {
        let now = Instant::now();
        let found = |ago| unhealthy(&snapshot(&[Case::Dead], now, ago), now);
        assert_eq!(found(9), None);
        assert_eq!(found(12).as_deref(), Some("the supervisor has not turned for 12 s"));
        assert_eq!(unhealthy(&Snapshot::default(), now), None, "before the start");
        assert_eq!(unready(&snapshot(&[Case::Playing], now, 12), now).len(), 1);
    }
}
