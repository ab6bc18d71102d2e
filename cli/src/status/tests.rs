//! Tables of samples and what is shown of them.

use super::*;
use sample::DURATIONS;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn stage(frames: u64, inferred: u64, overload: u64) -> Stage {
    let ages = Distribution {
        sum: ms(inferred * 150),
        bounds: vec![ms(100), ms(200)],
        buckets: vec![0, inferred, 0],
    };
    let mut durations = DURATIONS.map(|_| Distribution::default());
    durations[0] = ages;
    Stage {
        status: "ready".into(),
        frames,
        inferred,
        skipped: Skipped {
            overload,
            ..Skipped::default()
        },
        latency: ms(200),
        durations,
        ..Stage::default()
    }
}

fn sample(at: Instant, frames: u64, stages: Vec<Stage>) -> Sample {
    Sample {
        at,
        frames,
        first_frame: None,
        stages,
        workers: None,
        stations: Vec::new(),
        position: None,
    }
}

/// The status after samples, each after so many milliseconds.
fn after(samples: Vec<(u64, u64, Vec<Stage>)>) -> TenantStatus {
    let start = Instant::now();
    let mut history = History::default();
    let first = TenantStatus::new("hall".into(), TenantState::Starting, start);
    samples.into_iter().fold(first, |last, (at, frames, stages)| {
        history.update(
            &last,
            TenantState::Playing,
            0,
            Ok(sample(start + ms(at), frames, stages)),
        )
    })
}

#[test]
fn rates_are_differences_over_the_last_seconds() {
    let now = |samples| after(samples).now;
    assert_eq!(now(vec![(0, 9, vec![stage(9, 5, 4)])]), None, "one sample");
    let two = now(vec![(0, 9, vec![stage(9, 5, 4)]), (2000, 29, vec![stage(29, 11, 18)])]);
    let expected = Now {
        fps_in: Some(10.0),
        fps_out: 10.0,
        inferred: Some(3.0),
        skipped: Skipped {
            overload: 7.0,
            ..Skipped::default()
        },
        age_p95: Some(ms(195)),
        delay: ms(200),
    };
    assert_eq!(two, Some(expected));
    // The server is away from 2 s on; ten seconds later only the last five count.
    let mut samples = vec![(0, 0, vec![stage(0, 0, 0)]), (2000, 20, vec![stage(20, 20, 0)])];
    samples.extend((3..=12).map(|second| {
        (
            second * 1000,
            second * 10,
            vec![stage(second * 10, 20, second * 10 - 20)],
        )
    }));
    let later = now(samples).unwrap();
    assert_eq!(
        (later.inferred, later.skipped.overload, later.age_p95),
        (Some(0.0), 10.0, None)
    );
}

#[test]
fn a_pipeline_without_tritoninfer_has_frames_only() {
    let status = after(vec![(0, 0, vec![]), (1000, 30, vec![])]);
    let now = status.now.unwrap();
    assert_eq!(
        (now.fps_in, now.fps_out, now.inferred, now.age_p95),
        (None, 30.0, None, None)
    );
    assert_eq!(status.inference, Inference::None);
}

#[test]
fn of_several_stages_the_slowest_counts_and_durations_add_up() {
    let first = |frames| vec![stage(frames, frames, 0), stage(frames, frames / 2, frames / 2)];
    let now = after(vec![(0, 0, first(0)), (1000, 10, first(10))]).now.unwrap();
    assert_eq!(
        (now.inferred, now.skipped.overload, now.delay),
        (Some(5.0), 5.0, ms(400))
    );
    assert_eq!(now.age_p95, Some(ms(390)));
}

#[test]
fn a_pipeline_that_was_started_again_begins_anew() {
    let status = after(vec![
        (0, 500, vec![stage(500, 400, 100)]),
        (1000, 510, vec![stage(510, 410, 100)]),
        (2000, 3, vec![stage(3, 2, 1)]),
        (3000, 13, vec![stage(13, 12, 1)]),
    ]);
    assert_eq!(status.now.unwrap().inferred, Some(10.0));
    assert_eq!(status.frames.count, 13);
}

#[test]
fn a_tenant_without_a_pipeline_keeps_its_counts() {
    let start = Instant::now();
    let mut history = History::default();
    let playing = after(vec![(0, 5, vec![stage(5, 5, 0)]), (1000, 15, vec![stage(15, 15, 0)])]);
    let waiting = TenantState::Waiting {
        reason: "gone".into(),
        at: start,
    };
    let status = history.update(&playing, waiting.clone(), 3, Err(start));
    assert_eq!(
        (status.state, status.restarts, status.now, status.frames.count),
        (waiting, 3, None, 15)
    );
}

#[test]
fn dead_inference_has_the_elements_reason() {
    let failing = |failed: u64, status: &str| Stage {
        status: status.into(),
        skipped: Skipped {
            failed,
            ..Skipped::default()
        },
        ..stage(failed, 0, 0)
    };
    for (status, expected) in [
        (
            "degraded: no server at grpc://a:1; start it",
            "no server at grpc://a:1; start it",
        ),
        ("ready", "the server responds to none of the requests in time"),
        ("closed", "closed"),
    ] {
        let away = |second: u64| {
            (
                second * 1000,
                second * 10,
                vec![failing(second * 10, status), failing(second * 10, "ready")],
            )
        };
        let status = after((0..5).map(away).collect());
        let dead = Inference::Dead {
            lasts: ms(4000),
            passed: 40,
            reason: expected.into(),
        };
        assert_eq!(status.inference, dead);
        assert!(!status.is_well());
    }
    let well = after(vec![(0, 0, vec![stage(0, 0, 0)]), (9000, 90, vec![stage(90, 90, 0)])]);
    assert!(well.is_well());
}

#[test]
fn time_left_is_of_the_stream() {
    let of = |playing: f64, position: Option<(u64, u64)>| {
        let status = TenantStatus {
            frames: Frames {
                count: 100,
                playing: Duration::from_secs_f64(playing),
            },
            position: position.map(|(at, of)| (Duration::from_secs(at), Duration::from_secs(of))),
            ..TenantStatus::new("hall".into(), TenantState::Playing, Instant::now())
        };
        (
            status.fraction(),
            status.time_left().map(|left| left.as_secs_f64().round()),
        )
    };
    assert_eq!(of(53.0, Some((43, 100))), (Some(0.43), Some(70.0)));
    assert_eq!(of(0.5, Some((1, 100))), (Some(0.01), None), "too early");
    assert_eq!(of(9.0, Some((0, 100))), (Some(0.0), None));
    assert_eq!(of(9.0, Some((101, 100))), (Some(1.0), Some(0.0)));
    assert_eq!(of(9.0, Some((3, 0))), (None, None));
    assert_eq!(of(9.0, None), (None, None));
}

#[test]
fn the_outcome_has_frames_and_workers() {
    let frames = Frames {
        count: 21,
        playing: Duration::from_secs(2),
    };
    let of = |workers: Option<&[&str]>| {
        let workers: Option<Vec<_>> = workers.map(|workers| workers.iter().map(ToString::to_string).collect());
        frames.outcome(workers.as_deref())
    };
    assert_eq!(of(None), "21 frames, 10.0 fps");
    assert_eq!(of(Some(&[])), "21 frames, 10.0 fps, no worker seen yet");
    assert_eq!(
        of(Some(&["red", "blue"])),
        "21 frames, 10.0 fps, workers seen: red blue"
    );
}
