//! The top-down pose model: its detector, its keypoints as steps of an ensemble and as an element of their own, its limits.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use gst::prelude::*;
use people::{Inference, Person, Scene};
use shopfloor_tests::root;
use triton::{Input, Model, Request, Response};
use vision::decode::{self, DecodeOptions, PoseLayout};
use vision::letterbox::{Fit, Letterbox};
use vision::{Keypoint, Point, Rect};

use crate::ensemble::model;
use crate::{end, init, play};

/// Frames of the demo video that a test looks at.
const FRAMES: usize = 20;

const DETECTOR: &str = "tritoninfer timeout=60000 model=person_detector";
const KEYPOINTS: &str = "tritoninfer name=keypoints timeout=60000 model=movenet_lightning";

/// The scenes of the demo video's first frames behind `elements`.
fn scenes(elements: &str) -> Vec<Arc<Scene>> {
    init();
    let launch = format!(
        "filesrc location={} ! decodebin ! identity name=decoded ! {elements} ! fakesink name=out sync=false",
        root().join("media/vests.mp4").display(),
    );
    let pipeline: gst::Pipeline = gst::parse::launch(&launch).unwrap().downcast().unwrap();
    play::end_after(FRAMES, &play::sink(&pipeline, "decoded"));
    let scenes = play::scenes_at(&pipeline, "out");
    pipeline.set_state(gst::State::Playing).unwrap();
    let message = end(&pipeline, 120);
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    let scenes = std::mem::take(&mut *scenes.lock().unwrap());
    assert_eq!(scenes.len(), FRAMES, "{elements}");
    scenes
}

/// The person of `people` whose box overlaps that of `person` most.
fn same<'a>(person: &Person, people: &'a [Person]) -> Option<&'a Person> {
    let overlap = |other: &&Person| person.bbox.iou(&other.bbox);
    let best = people.iter().max_by(|a, b| overlap(a).total_cmp(&overlap(b)))?;
    (overlap(&best) > 0.9).then_some(best)
}

#[test]
fn the_detector_alone_gives_boxes_and_the_next_element_their_keypoints() {
    let boxes = scenes(DETECTOR);
    let posed = scenes(&format!("{DETECTOR} ! {KEYPOINTS} inference-region=people"));
    let ensemble = scenes("tritoninfer timeout=60000 model=person_pose ! poseparse");
    let (mut compared, mut far) = (0, 0);
    for ((boxes, posed), ensemble) in boxes.iter().zip(&posed).zip(&ensemble) {
        assert!(!boxes.people.is_empty() && boxes.people.iter().all(|person| person.pose.is_none()));
        assert!(!boxes.has_poses() && posed.has_poses());
        assert_eq!(posed.pose_inference, Some(Inference::Done));
        let detected: Vec<Rect> = boxes.people.iter().map(|person| person.bbox).collect();
        assert_eq!(
            posed.people.iter().map(|person| person.bbox).collect::<Vec<_>>(),
            detected
        );
        for person in &posed.people {
            let Some(other) = same(person, &ensemble.people) else {
                continue; // whose pose is doubtful, which only the ensemble's score says
            };
            for (one, other) in person.pose.iter().flatten().zip(other.pose.iter().flatten()) {
                if one.confidence >= 0.2 {
                    let apart = (one.point.x - other.point.x).hypot(one.point.y - other.point.y);
                    compared += 1;
                    far += usize::from(apart > 0.05 * person.bbox.height());
                }
            }
        }
    }
    // The element crops from the frame, the ensemble from the letterboxed image.
    println!("{far} of {compared} keypoints differ by more than a twentieth of a person");
    assert!(compared > 50 * FRAMES && far < compared / 20, "{far} of {compared}");
}

#[test]
fn hands_at_stations_are_those_found_when_everybody_is_inferred() {
    let stations = root().join("pipelines/stations/demo.json");
    let text = std::fs::read_to_string(&stations).unwrap();
    let parsed: people::station_file::Stations = text.parse().unwrap();
    let everybody = scenes(&format!("{DETECTOR} ! {KEYPOINTS} inference-region=people"));
    let few = scenes(&format!(
        "{DETECTOR} ! {KEYPOINTS} inference-region=people-at-stations stations={}",
        stations.display()
    ));
    let hands = |scene: &Scene| -> Vec<(String, Point)> {
        let poses = scene.people.iter().filter_map(|person| person.pose);
        let arms = [
            Keypoint::LeftElbow,
            Keypoint::RightElbow,
            Keypoint::LeftWrist,
            Keypoint::RightWrist,
        ];
        let hands = poses.flat_map(|pose| arms.map(|joint| pose[joint as usize]));
        let sure = hands.filter(|hand| hand.confidence >= 0.2);
        let at = |point: Point| {
            let place = Point::new(point.x / 768.0, point.y / 576.0);
            let station = parsed.iter().find(|station| station.contains(place))?;
            Some((station.name.to_string(), point))
        };
        sure.filter_map(|hand| at(hand.point)).collect()
    };
    let poses = |scenes: &[Arc<Scene>]| -> usize {
        let people = scenes.iter().flat_map(|scene| &scene.people);
        people.filter(|person| person.pose.is_some()).count()
    };
    let mut found = 0;
    for (everybody, few) in everybody.iter().zip(&few) {
        assert_eq!(hands(everybody), hands(few));
        assert!(few.has_poses());
        found += hands(few).len();
    }
    println!("{found} hands; {} poses instead of {}", poses(&few), poses(&everybody));
    assert!(found > 0 && poses(&few) < poses(&everybody), "{found} hands");
}

/// Bytes through a model, in one request.
fn infer(model: &Model, shape: &[i64], bytes: &[u8]) -> Response {
    let spec = &model.description().inputs[0];
    let mut data = model.lease(bytes.len());
    data.copy_from_slice(bytes);
    let input = Input {
        name: spec.name.clone(),
        datatype: spec.datatype,
        shape: shape.to_vec(),
        data,
    };
    let (sender, receiver) = mpsc::channel();
    model.infer(Request::new(vec![input]), move |reply| drop(sender.send(reply)));
    receiver.recv_timeout(Duration::from_secs(120)).unwrap().unwrap()
}

/// The first frame of the demo video, RGB at a size.
fn first_frame(width: usize, height: usize) -> Vec<u8> {
    init();
    let launch = format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoscale \
         ! video/x-raw,format=RGB,width={width},height={height},pixel-aspect-ratio=1/1 ! appsink name=out sync=false",
        root().join("media/vests.mp4").display(),
    );
    let pipeline: gst::Pipeline = gst::parse::launch(&launch).unwrap().downcast().unwrap();
    let out = pipeline.by_name("out").unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample: gst::Sample = out.emit_by_name("pull-sample", &[]);
    let bytes = sample.buffer().unwrap().map_readable().unwrap().to_vec();
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(bytes.len(), 3 * width * height);
    bytes
}

/// A grey image of 640×480 with a number of people: copies of one of the demo video, 8 in a row.
fn crowd(people: usize) -> Vec<u8> {
    const WIDTH: usize = 640;
    let frame = first_frame(WIDTH, 480);
    let best = people_in(&frame, WIDTH, 480).remove(0).bbox;
    let (left, top) = (best.left as usize - 4, best.top as usize - 4);
    let (width, height) = (best.width() as usize + 8, best.height() as usize + 8);
    let mut image = vec![128; frame.len()];
    for n in 0..people {
        let (x, y) = (n % 8 * 80 + 8, n / 8 * 160 + 8);
        for row in 0..height {
            let (from, to) = (3 * ((top + row) * WIDTH + left), 3 * ((y + row) * WIDTH + x));
            image[to..to + 3 * width].copy_from_slice(&frame[from..from + 3 * width]);
        }
    }
    image
}

/// The people that the pose model finds in an RGB image, best first.
fn people_in(image: &[u8], width: usize, height: usize) -> Vec<decode::Detection> {
    let plane = |channel| image.iter().skip(channel).step_by(3);
    let values = (0..3).flat_map(plane).map(|value| f32::from(*value) / 255.0);
    let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    let response = infer(&model("person_pose"), &[1, 3, height as i64, width as i64], &bytes);
    let output = &response.outputs[0];
    let poses = decode::TensorView {
        name: &output.name,
        datatype: output.datatype.name(),
        shape: &output.shape,
        data: &output.data,
    };
    let whole = Rect::new(0.0, 0.0, width as f32, height as f32);
    let letterbox = Letterbox::fit(whole, width, height, Fit::Letterbox).unwrap();
    let options = DecodeOptions {
        score_threshold: 0.45,
        ..DecodeOptions::default()
    };
    PoseLayout::Yolov7Pose.decode(&[poses], &letterbox, &options).unwrap()
}

#[test]
fn up_to_twenty_people_get_their_vests_in_one_request() {
    let ensemble = model("worker_ensemble");
    for (people, expected) in [(0, 0), (1, 1), (20, 20), (21, 20)] {
        let response = infer(&ensemble, &[1, 480, 640, 3], &crowd(people));
        let output = |name: &str| response.outputs.iter().find(|output| &*output.name == name).unwrap();
        let count = i64::from_le_bytes(output("count").data[..].try_into().unwrap());
        assert_eq!(count, expected, "{people} people");
        let rows = expected.max(1);
        assert_eq!(output("vests").shape, [rows, 8], "{people} people");
        assert_eq!(output("keypoints").shape, [rows, 17, 3], "{people} people");
        // All are the same person.
        let vests = output("vests")
            .data
            .as_chunks::<4>()
            .0
            .iter()
            .map(|value| f32::from_le_bytes(*value));
        let best: Vec<usize> = vests
            .collect::<Vec<_>>()
            .chunks(8)
            .take(expected as usize)
            .map(|row| (0..8).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap())
            .collect();
        assert!(best.iter().all(|vest| *vest == best[0]), "{best:?}");
    }
}

/// An RGB image in the middle of a larger black one.
fn padded(image: &[u8], (width, height): (usize, usize), (wide, high): (usize, usize)) -> Vec<u8> {
    let mut larger = vec![0; 3 * wide * high];
    let (left, top) = ((wide - width) / 2, (high - height) / 2);
    for (y, row) in image.chunks(3 * width).enumerate() {
        larger[3 * ((top + y) * wide + left)..][..3 * width].copy_from_slice(row);
    }
    larger
}

#[test]
fn inputs_of_other_sizes_and_shapes_find_the_same_people() {
    let normal = people_in(&first_frame(640, 480), 640, 480);
    assert!(normal.len() >= 5);
    // a larger picture, and the same one in wide and upright inputs; the sides are multiples of 32
    for (content, size) in [
        ((768, 576), (768, 576)),
        ((640, 480), (832, 480)),
        ((640, 480), (640, 832)),
        ((640, 480), (960, 544)),
    ] {
        let image = padded(&first_frame(content.0, content.1), content, size);
        let scale = 640.0 / content.0 as f32;
        let (left, top) = ((size.0 - content.0) as f32 / 2.0, (size.1 - content.1) as f32 / 2.0);
        let back = |b: Rect| Rect::new(b.left - left, b.top - top, b.right - left, b.bottom - top).scaled(scale, scale);
        let found: Vec<Rect> = people_in(&image, size.0, size.1)
            .iter()
            .map(|person| back(person.bbox))
            .collect();
        let is_found = |person: &&decode::Detection| found.iter().any(|other| person.bbox.iou(other) > 0.5);
        let again = normal.iter().filter(is_found).count();
        println!(
            "{size:?}: {again} of {} found again, {} in all",
            normal.len(),
            found.len()
        );
        assert!(
            again + 1 >= normal.len() && found.len() <= normal.len() + 2,
            "{size:?}: {found:?}"
        );
    }
}

#[test]
fn wide_and_upright_frames_are_letterboxed() {
    let boxes = |elements: &str| -> Vec<Vec<Rect>> {
        let line = format!("videoconvert ! {elements} ! tritoninfer timeout=60000 model=person_pose ! poseparse");
        let of_scene = |scene: &Arc<Scene>| scene.people.iter().map(|person| person.bbox).collect();
        scenes(&line).iter().map(of_scene).collect()
    };
    let plain = boxes("identity");
    for (kind, elements, shift) in [
        // 16:9 with room beside the picture, 9:16 with room above and below it
        ("wide", "videobox left=-128 right=-128 fill=green", (128.0, 0.0)),
        (
            "upright",
            "videobox top=-224 bottom=-224 left=96 right=96 fill=green",
            (-96.0, 224.0),
        ),
    ] {
        let (mut matched, mut all) = (0, 0);
        for (plain, turned) in plain.iter().zip(boxes(elements)) {
            let shifted = plain
                .iter()
                .map(|b| Rect::new(b.left + shift.0, b.top + shift.1, b.right + shift.0, b.bottom + shift.1));
            // whom the upright frame does not cut off
            let whole: Vec<Rect> = shifted
                .filter(|b| b.left > 8.0 && (kind == "wide" || b.right < 568.0))
                .collect();
            all += whole.len();
            let is_found = |one: &&Rect| turned.iter().any(|other| one.iou(other) > 0.5);
            matched += whole.iter().filter(is_found).count();
        }
        println!("{kind}: {matched} of {all}");
        assert!(
            all > 2 * FRAMES && matched * 10 >= all * 8,
            "{kind}: {matched} of {all}"
        );
    }
}
