//! When a track begins, coasts, comes back and ends.

use people::Inference;
use people::tracker::TrackerOptions;

use super::stage::{FPS, SKIPPED, Stage, WALK, bbox, options, roll, seen};

#[test]
fn a_track_begins_with_the_second_detection() {
    let mut stage = Stage::new(options());
    assert_eq!(roll(&stage.show(vec![seen(100.0, "red"), seen(300.0, "none")])), "-, -");
    assert_eq!(
        roll(&stage.show(vec![seen(100.0, "red"), seen(300.0, "none")])),
        "1 red, 2 visitor"
    );
    assert_eq!(roll(&stage.show(vec![])), "1 red+1, 2 visitor+1");
}

#[test]
fn min_hits_of_one_is_at_once() {
    for (min_hits, want) in [(0, "1 red"), (1, "1 red"), (2, "-")] {
        let mut stage = Stage::new(TrackerOptions { min_hits, ..options() });
        assert_eq!(roll(&stage.show(vec![seen(100.0, "red")])), want, "min_hits {min_hits}");
    }
}

#[test]
fn a_phantom_of_one_frame_leaves_nothing_behind() {
    let mut stage = Stage::new(options());
    stage.hold(5, &[seen(100.0, "red")]);
    assert_eq!(
        roll(&stage.show(vec![seen(100.0, "red"), seen(400.0, "blue")])),
        "1 red, -"
    );
    assert_eq!(roll(&stage.show(vec![seen(100.0, "red")])), "1 red");
    assert_eq!(
        roll(&stage.show(vec![seen(100.0, "red"), seen(400.0, "blue")])),
        "1 red, -"
    );
}

#[test]
fn an_occlusion_of_eight_frames_is_coasted_through() {
    let mut stage = Stage::new(options());
    let x = |frame: u32| 100.0 + WALK * frame as f32 / FPS as f32;
    for frame in 0..20 {
        stage.show(vec![seen(x(frame), "green")]);
    }
    for frame in 20..28 {
        let people = stage.show(vec![]);
        assert_eq!(roll(&people), format!("1 green+{}", frame - 19));
        assert!(
            people[0].bbox.iou(&bbox(x(frame))) > 0.5,
            "frame {frame}: {:?}",
            people[0].bbox
        );
        assert!(people[0].pose.is_none() && people[0].vest.is_none());
    }
    assert_eq!(roll(&stage.show(vec![seen(x(28), "green")])), "1 green");
}

#[test]
fn coasting_ends_before_the_track_does() {
    let mut stage = Stage::new(options());
    stage.hold(10, &[seen(100.0, "none")]);
    let frames_since_update: Vec<_> = (0..30).map(|_| stage.show(vec![]).len()).collect();
    assert_eq!(frames_since_update, [vec![1; 10], vec![0; 20]].concat());
    assert_eq!(
        roll(&stage.show(vec![seen(100.0, "none")])),
        "1 visitor",
        "seen again in time"
    );
    stage.hold(31, &[]);
    stage.show(vec![seen(100.0, "none")]);
    assert_eq!(
        roll(&stage.show(vec![seen(100.0, "none")])),
        "2 visitor",
        "too late for the old id"
    );
}

#[test]
fn skipped_frames_predict_everyone_for_a_while() {
    let mut stage = Stage::new(options());
    stage.hold(5, &[seen(100.0, "red"), seen(300.0, "none")]);
    for frame in 1..=20 {
        // What a skipped frame brings along is replaced.
        let people = stage.play(SKIPPED, vec![seen(500.0, "green")]);
        let want = if frame <= 10 {
            format!("1 red+{frame}, 2 visitor+{frame}")
        } else {
            String::new()
        };
        assert_eq!(roll(&people), want);
    }
    assert_eq!(
        roll(&stage.show(vec![seen(100.0, "red"), seen(300.0, "none")])),
        "1 red, 2 visitor"
    );
}

#[test]
fn every_third_frame_inferred_is_enough() {
    let mut stage = Stage::new(options());
    for frame in 0..60 {
        let x = 80.0 + WALK * frame as f32 / FPS as f32;
        let inference = if frame % 3 == 0 { Inference::Done } else { SKIPPED };
        let people = stage.play(inference, if frame % 3 == 0 { vec![seen(x, "red")] } else { vec![] });
        if frame >= 6 {
            let frames_since_update = ["", "+1", "+2"][frame % 3];
            assert_eq!(roll(&people), format!("1 red{frames_since_update}"), "frame {frame}");
            assert!(people[0].bbox.iou(&bbox(x)) > 0.7, "frame {frame}");
        }
    }
}

#[test]
fn any_frame_rate_will_do() {
    for fps in [1, 5, 30, 60] {
        let mut stage = Stage {
            fps,
            ..Stage::new(options())
        };
        let mut last = String::new();
        for frame in 0..6 * fps {
            let way = WALK * frame as f32 / fps as f32;
            last = roll(&stage.show(vec![seen(80.0 + way, "red"), seen(180.0 + way / 2.0, "none")]));
        }
        assert_eq!(last, "2 visitor, 1 red", "{fps} fps");
    }
}

#[test]
fn who_has_left_the_frame_is_not_shown() {
    for (size, frames_since_update) in [(Some((640, 480)), false), (None, true)] {
        let mut stage = Stage::new(options());
        if let Some((width, height)) = size {
            stage.tracker.set_frame_size(width, height);
        }
        for frame in 0..40 {
            stage.show(vec![seen(300.0 + WALK * frame as f32 / FPS as f32, "red")]);
        }
        let last = stage.hold(2, &[]);
        assert_eq!(!last.is_empty(), frames_since_update);
    }
}
