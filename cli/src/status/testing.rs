//! Statuses for tests of what is shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use people::Activity;

use crate::state::TenantState;
use crate::status::sample::{DURATIONS, Distribution, Skipped, Stage, Station};
use crate::status::{Frames, Inference, Now, TenantStatus};

/// A kind of tenant.
#[derive(Clone, Copy, Debug)]
pub enum Case {
    /// A camera in overload, as usual.
    Playing,
    /// A file.
    File,
    /// A pipeline without elements of shopfloor.
    Foreign,
    /// Its frames pass without inference.
    Dead,
    /// Its stream waits for the server.
    Held,
    /// Nothing was read of it yet.
    Starting,
    Stalled,
    Waiting,
    Stopping,
    Ended,
    Failed,
}

/// One of each.
pub const ALL: [Case; 11] = [
    Case::Playing,
    Case::File,
    Case::Foreign,
    Case::Dead,
    Case::Held,
    Case::Starting,
    Case::Stalled,
    Case::Waiting,
    Case::Stopping,
    Case::Ended,
    Case::Failed,
];

const REFUSED: &str = "no Triton server responds at grpc://10.0.0.7:8001: connection refused; start it, or correct the address (its \
                       gRPC port is usually 8001)";

/// A tenant for each case, named `camera 1` and so on.
pub fn tenants(cases: &[Case], now: Instant) -> Vec<TenantStatus> {
    let numbered = cases.iter().enumerate();
    numbered
        .map(|(index, case)| tenant(&format!("camera {}", index + 1), *case, now))
        .collect()
}

fn tenant(name: &str, case: Case, now: Instant) -> TenantStatus {
    let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap_or(now);
    let playing = playing(name.into(), now);
    match case {
        Case::Playing => playing,
        Case::File => TenantStatus {
            position: Some((Duration::from_secs(43), Duration::from_secs(100))),
            ..playing
        },
        Case::Foreign => foreign(playing),
        Case::Dead | Case::Held => without_inference(case, playing),
        Case::Starting => TenantStatus::new(name.into(), TenantState::Starting, now),
        Case::Stalled => TenantStatus {
            state: TenantState::Stalled { since: ago(12) },
            ..playing
        },
        Case::Stopping => TenantStatus {
            state: TenantState::Stopping { since: ago(1) },
            ..playing
        },
        Case::Waiting => TenantStatus {
            restarts: 3,
            inference: Inference::None,
            ..at_rest(
                playing,
                TenantState::Waiting {
                    reason:
                        "rtspsrc0 (rtspsrc): Could not open resource for reading and writing.\n    Failed to connect."
                            .into(),
                    at: now + Duration::from_secs(4),
                },
            )
        },
        Case::Ended => at_rest(playing, TenantState::Ended),
        Case::Failed => {
            let reason = "infer (tritoninfer): no model 'nope'; the server has vest_resnet18, worker_ensemble".into();
            at_rest(playing, TenantState::Failed { reason })
        }
    }
}

/// It does not play any more, or not now.
fn at_rest(playing: TenantStatus, state: TenantState) -> TenantStatus {
    TenantStatus {
        state,
        now: None,
        stations: Vec::new(),
        ..playing
    }
}

/// GStreamer's own elements.
fn foreign(playing: TenantStatus) -> TenantStatus {
    TenantStatus {
        inference: Inference::None,
        stages: Vec::new(),
        stations: Vec::new(),
        workers: None,
        now: Some(Now {
            fps_in: None,
            fps_out: 30.0,
            inferred: None,
            skipped: Skipped::default(),
            age_p95: None,
            delay: Duration::ZERO,
        }),
        ..playing
    }
}

/// Its server is away: a camera's frames pass, a file waits.
fn without_inference(case: Case, playing: TenantStatus) -> TenantStatus {
    let passes = matches!(case, Case::Dead);
    let (lasts, passed, fps) = if passes { (20, 132, 25.0) } else { (7, 0, 0.0) };
    TenantStatus {
        inference: Inference::Dead {
            lasts: Duration::from_secs(lasts),
            passed,
            reason: REFUSED.into(),
        },
        now: Some(Now {
            fps_in: Some(fps),
            fps_out: fps,
            inferred: Some(0.0),
            skipped: Skipped {
                failed: fps,
                ..Skipped::default()
            },
            age_p95: None,
            delay: Duration::from_millis(340),
        }),
        stations: ["bench 1", "till"]
            .map(|name| station(name, Activity::Unknown, None))
            .into(),
        ..playing
    }
}

fn playing(tenant: Arc<str>, at: Instant) -> TenantStatus {
    TenantStatus {
        state: TenantState::Playing,
        inference: Inference::Working,
        frames: Frames {
            count: 1250,
            playing: Duration::from_secs(50),
        },
        now: Some(Now {
            fps_in: Some(25.0),
            fps_out: 25.0,
            inferred: Some(5.4),
            skipped: Skipped {
                interval: 0.0,
                overload: 19.2,
                failed: 0.4,
            },
            age_p95: Some(Duration::from_millis(312)),
            delay: Duration::from_millis(340),
        }),
        workers: Some(vec!["red".into(), "blue".into()]),
        stations: vec![
            station("bench 1", Activity::Active, Some("red")),
            station("till", Activity::Idle, None),
        ],
        stages: vec![Stage {
            element: "infer".into(),
            model: "worker_ensemble".into(),
            status: "ready".into(),
            frames: 1250,
            inferred: 270,
            skipped: Skipped {
                interval: 0,
                overload: 960,
                failed: 20,
            },
            late: 12,
            pending: 1,
            in_flight: 2,
            places: 2,
            latency: Duration::from_millis(340),
            durations: DURATIONS.map(|_| Distribution {
                sum: Duration::from_millis(81_500),
                bounds: [100, 250, 1000].map(Duration::from_millis).into(),
                buckets: vec![20, 150, 99, 1],
            }),
            ..Stage::default()
        }],
        ..TenantStatus::new(tenant, TenantState::Playing, at)
    }
}

fn station(station: &str, state: Activity, worker: Option<&str>) -> Station {
    Station {
        station: station.into(),
        state,
        worker: worker.map(Into::into),
    }
}
