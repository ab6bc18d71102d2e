//! Begin, coasting, return and end of tracks.

use std::time::Duration;

use people::tracker::TrackerOptions;
use people::{Inference, Scene};

use super::scenario::{FPS, SKIPPED, Scenario, WALK, bbox, options, roll, seen};

#[test]
fn a_track_begins_with_the_second_detection() {
    let mut scenario = Scenario::new(options());
    assert_eq!(
        roll(&scenario.show(vec![seen(100.0, "red"), seen(300.0, "none")])),
        "-, -"
    );
    assert_eq!(
        roll(&scenario.show(vec![seen(100.0, "red"), seen(300.0, "none")])),
        "1 red, 2 visitor"
    );
    assert_eq!(roll(&scenario.show(vec![])), "1 red+1, 2 visitor+1");
}

#[test]
fn a_track_begins_at_once_with_one_required_hit() {
    for (min_hits, want) in [(0, "1 red"), (1, "1 red"), (2, "-")] {
        let mut scenario = Scenario::new(TrackerOptions { min_hits, ..options() });
        assert_eq!(
            roll(&scenario.show(vec![seen(100.0, "red")])),
            want,
            "min_hits {min_hits}"
        );
    }
}

#[test]
fn a_detection_in_a_single_frame_leaves_no_track() {
    let mut scenario = Scenario::new(options());
    scenario.hold(5, &[seen(100.0, "red")]);
    assert_eq!(
        roll(&scenario.show(vec![seen(100.0, "red"), seen(400.0, "blue")])),
        "1 red, -"
    );
    assert_eq!(roll(&scenario.show(vec![seen(100.0, "red")])), "1 red");
    assert_eq!(
        roll(&scenario.show(vec![seen(100.0, "red"), seen(400.0, "blue")])),
        "1 red, -"
    );
}

#[test]
fn a_track_survives_an_occlusion_of_eight_frames() {
    let mut scenario = Scenario::new(options());
    let x = |frame: u32| 100.0 + WALK * frame as f32 / FPS as f32;
    for frame in 0..20 {
        scenario.show(vec![seen(x(frame), "green")]);
    }
    for frame in 20..28 {
        let people = scenario.show(vec![]);
        assert_eq!(roll(&people), format!("1 green+{}", frame - 19));
        assert!(
            people[0].bbox.iou(&bbox(x(frame))) > 0.5,
            "frame {frame}: {:?}",
            people[0].bbox
        );
        assert!(people[0].pose.is_none() && people[0].vest.is_none());
    }
    assert_eq!(roll(&scenario.show(vec![seen(x(28), "green")])), "1 green");
}

#[test]
fn coasting_ends_before_the_track_does() {
    let mut scenario = Scenario::new(options());
    scenario.hold(10, &[seen(100.0, "none")]);
    let shown: Vec<_> = (0..30).map(|_| scenario.show(vec![]).len()).collect();
    assert_eq!(shown, [vec![1; 10], vec![0; 20]].concat());
    assert_eq!(
        roll(&scenario.show(vec![seen(100.0, "none")])),
        "1 visitor",
        "seen again in time"
    );
    scenario.hold(31, &[]);
    scenario.show(vec![seen(100.0, "none")]);
    assert_eq!(
        roll(&scenario.show(vec![seen(100.0, "none")])),
        "2 visitor",
        "too late for the old id"
    );
}

#[test]
fn skipped_frames_show_predictions_for_ten_frames() {
    let mut scenario = Scenario::new(options());
    scenario.hold(5, &[seen(100.0, "red"), seen(300.0, "none")]);
    for frame in 1..=20 {
        // people of a skipped frame are replaced
        let people = scenario.play(SKIPPED, vec![seen(500.0, "green")]);
        let want = if frame <= 10 {
            format!("1 red+{frame}, 2 visitor+{frame}")
        } else {
            String::new()
        };
        assert_eq!(roll(&people), want);
    }
    assert_eq!(
        roll(&scenario.show(vec![seen(100.0, "red"), seen(300.0, "none")])),
        "1 red, 2 visitor"
    );
}

#[test]
fn inference_of_every_third_frame_keeps_the_track() {
    let mut scenario = Scenario::new(options());
    for frame in 0..60 {
        let x = 80.0 + WALK * frame as f32 / FPS as f32;
        let inference = if frame % 3 == 0 { Inference::Done } else { SKIPPED };
        let people = scenario.play(inference, if frame % 3 == 0 { vec![seen(x, "red")] } else { vec![] });
        if frame >= 6 {
            let coasting = ["", "+1", "+2"][frame % 3];
            assert_eq!(roll(&people), format!("1 red{coasting}"), "frame {frame}");
            assert!(people[0].bbox.iou(&bbox(x)) > 0.7, "frame {frame}");
        }
    }
}

#[test]
fn tracking_works_at_any_frame_rate() {
    for fps in [1, 5, 30, 60] {
        let mut scenario = Scenario {
            fps,
            ..Scenario::new(options())
        };
        let mut last = String::new();
        for frame in 0..6 * fps {
            let way = WALK * frame as f32 / fps as f32;
            last = roll(&scenario.show(vec![seen(80.0 + way, "red"), seen(180.0 + way / 2.0, "none")]));
        }
        assert_eq!(last, "2 visitor, 1 red", "{fps} fps");
    }
}

#[test]
fn tracks_last_at_any_inference_period() {
    for every in [1_u32, 3, 12, 30, 60, 100] {
        let mut scenario = Scenario::new(options());
        for frame in 0_u32..=every * 6 {
            // one walks half a height in ten seconds, one stands
            let x = 100.0 + WALK / 16.0 * frame as f32 / FPS as f32;
            let inferred = frame.is_multiple_of(every);
            let people = scenario.play_scene(Scene {
                inference: if inferred { Inference::Done } else { SKIPPED },
                inference_period: Some(Duration::from_secs(1) * every / FPS),
                people: vec![seen(x, "red"), seen(400.0, "none")],
                ..Scene::default()
            });
            if frame >= every {
                let left = frame % every;
                let coasting = if inferred { String::new() } else { format!("+{left}") };
                let want = format!("1 red{coasting}, 2 visitor{coasting}");
                assert_eq!(roll(&people), want, "frame {frame}, one in {every}");
            }
        }
    }
}

#[test]
fn people_predicted_outside_the_frame_are_not_shown() {
    for (size, shown) in [(Some((640, 480)), false), (None, true)] {
        let mut scenario = Scenario::new(options());
        if let Some((width, height)) = size {
            scenario.tracker.set_frame_size(width, height);
        }
        for frame in 0..40 {
            scenario.show(vec![seen(300.0 + WALK * frame as f32 / FPS as f32, "red")]);
        }
        let last = scenario.hold(2, &[]);
        assert_eq!(!last.is_empty(), shown);
    }
}

#[test]
fn ages_are_the_same_at_any_frame_rate_and_interval() {
    for (fps, every) in [(5, 1), (10, 1), (30, 1), (30, 3), (60, 6), (10, 2)] {
        let what = format!("{fps} fps, one in {every}");
        let mut scenario = Scenario {
            fps,
            ..Scenario::new(options())
        };
        // shows somebody for a time in milliseconds; returns for how long anybody was on the frames
        let mut show = |people: &[people::Person], milliseconds: u32| {
            let frames = fps * milliseconds / 1000;
            let shown = (0..frames).filter(|_| {
                let inferred = scenario.frame.is_multiple_of(every);
                let (inference, people) = if inferred {
                    (Inference::Done, people.to_vec())
                } else {
                    (SKIPPED, vec![])
                };
                let people = scenario.play(inference, people);
                people.iter().any(|person| person.track.is_some())
            });
            let shown = shown.count() as u32 * 1000 / fps;
            (shown, scenario.tracker.clone())
        };
        let id = |tracker: &people::tracker::Tracker, at: u32| {
            let mut tracker = tracker.clone();
            let mut scene = Scene {
                people: vec![seen(100.0, "none")],
                ..Scene::default()
            };
            tracker.update(Duration::from_millis(at.into()), &mut scene);
            scene.people[0].track.as_ref().map(|track| track.id)
        };
        let visitor = [seen(100.0, "none")];
        show(&visitor, 2_000);
        let (shown, tracker) = show(&[], 2_600);
        assert!((800..=1_000).contains(&shown), "{what}: predicted for {shown} ms");
        assert_eq!(id(&tracker, 4_600), Some(1), "{what}");
        let (_, tracker) = show(&[], 1_000);
        assert_eq!(id(&tracker, 5_600), None, "{what}: too late for the old track");
    }
}

#[test]
fn a_flicker_is_no_person_at_any_frame_rate() {
    for fps in [30, 60, 120] {
        let mut scenario = Scenario {
            fps,
            ..Scenario::new(options())
        };
        let people = scenario.hold(2, &[seen(100.0, "red")]);
        assert_eq!(roll(&people), "-", "{fps} fps");
        let people = scenario.hold(fps / 15, &[seen(100.0, "red")]);
        assert_eq!(roll(&people), "1 red", "{fps} fps");
    }
}
