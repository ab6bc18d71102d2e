//! A model that finds the keypoints of people whom an earlier element has found: everybody's, or of those at stations.

use gst::prelude::*;
use people::{Inference, Person, SkipReason};
use vision::{Point, Rect};

use super::script::{element, frame_of_boxes, keypoints, texts};

/// The left quarter of the frame.
const LEFT: &str = r#"{"stations": [{"name": "left", "polygon": [[0, 0], [0.25, 0], [0.25, 1], [0, 1]]}]}"#;

const EVERYBODY: &str = "latency=10000 inference-region=people";
const AT_STATIONS: &str = "latency=10000 inference-region=people-at-stations";

fn middles(people: &[Person]) -> Vec<Option<Point>> {
    // what a letterbox does to floats
    let round = |value: f32| (value * 1000.0).round() / 1000.0;
    let rounded = |point: Point| Point::new(round(point.x), round(point.y));
    let middle = |person: &Person| person.pose.map(|pose| rounded(pose[0].point));
    people.iter().map(middle).collect()
}

#[test]
fn keypoints_are_put_back_into_the_frame_through_each_persons_region() {
    let (mut harness, _bus, script) = keypoints(EVERYBODY, LEFT);
    script.release();
    // More people than a request's batch of 2.
    let boxes = [(0.0, 0.0), (8.0, 0.0), (4.0, 8.0)].map(|(x, y)| Rect::new(x, y, x + 2.0, y + 8.0));
    let buffer = harness.push_and_pull(frame_of_boxes(5, &boxes)).unwrap();
    let scene = people_meta::scene(&buffer).unwrap();
    let expected = boxes.map(|bbox| Some(bbox.center()));
    assert_eq!(middles(&scene.people), expected);
    // The first byte of each region is beside the person.
    let padding = 114.0 / 10.0;
    assert!(
        scene
            .people
            .iter()
            .flat_map(|person| person.pose.unwrap())
            .all(|k| k.confidence == padding)
    );
    assert_eq!(
        (scene.pose_inference, scene.vest_inference),
        (Some(Inference::Done), None)
    );
}

#[test]
fn only_people_whom_the_model_may_see_at_a_station_are_inferred() {
    let (mut harness, _bus, script) = keypoints(AT_STATIONS, LEFT);
    for (n, (left, is_inferred)) in (0..).zip([
        (0.0, true),
        (3.5, true),
        (5.5, true), // the model sees 2 pixels around a box of 8, and the station ends at 4
        (6.5, false),
        (12.0, false),
    ]) {
        let others = [Rect::new(9.0, 0.0, 13.0, 8.0), Rect::new(10.0, 8.0, 14.0, 16.0)];
        let bbox = Rect::new(left, 4.0, left + 2.0, 12.0);
        harness.push(frame_of_boxes(n, &[others[0], bbox, others[1]])).unwrap();
        if is_inferred {
            let request = script.take(1).remove(0);
            assert_eq!(request.firsts.len(), 1, "only the person at the station, {left}");
            request.respond();
        }
        let buffer = harness.pull().unwrap();
        let scene = people_meta::scene(&buffer).unwrap();
        let expected = [None, is_inferred.then_some(bbox.center()), None];
        assert_eq!(middles(&scene.people), expected, "{left}");
        assert_eq!(scene.pose_inference, Some(Inference::Done), "{left}");
    }
    assert_eq!(script.waiting(), 0);
}

#[test]
fn a_pose_stage_that_was_skipped_is_marked_as_such() {
    let (mut harness, _bus, script) = keypoints(EVERYBODY, LEFT);
    script.set_away(true);
    let bbox = Rect::new(0.0, 0.0, 8.0, 8.0);
    let buffer = harness.push_and_pull(frame_of_boxes(0, &[bbox])).unwrap();
    let scene = people_meta::scene(&buffer).unwrap();
    assert_eq!(scene.pose_inference, Some(Inference::Skipped(SkipReason::Failed)));
    assert_eq!((scene.inference, scene.vest_inference), (Inference::Done, None));
    assert!(!scene.has_poses());
}

#[test]
fn stations_that_cannot_be_read_end_the_start() {
    for (stations, says) in [
        (None, "set stations="),
        (Some("/no/such/stations.json"), "/no/such/stations.json"),
        (Some("{"), "stations"),
    ] {
        let (element, bus, _script) = element(AT_STATIONS, "");
        element.set_property("stations", stations);
        // A model of tensors has no people to infer on, but that is said later.
        assert!(element.set_state(gst::State::Paused).is_err());
        let errors = texts(&bus).errors;
        assert!(errors.len() == 1 && errors[0].contains(says), "{errors:?}");
        element.set_state(gst::State::Null).unwrap();
    }
}
