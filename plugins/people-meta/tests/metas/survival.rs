//! What becomes of people and model outputs behind GStreamer's own elements.

use std::sync::Arc;

use crate::common;
use people::{Person, Scene};
use vision::letterbox::Letterbox;
use vision::{KeypointDetection, Point, Pose, Rect};
use vision::{ModelOutput, OutputTensor};

fn scene() -> Scene {
    let mut pose = Pose::default();
    pose[9] = KeypointDetection {
        point: Point::new(12.0, 30.0),
        confidence: 0.5,
    };
    let person = Person {
        bbox: Rect::new(8.0, 16.0, 24.0, 40.0),
        score: 0.9,
        pose: Some(pose),
        ..Person::default()
    };
    Scene {
        people: vec![person],
        ..Scene::default()
    }
}

fn output() -> ModelOutput {
    ModelOutput {
        model: "m".into(),
        letterbox: Letterbox {
            scale_x: 2.0,
            scale_y: 2.0,
            offset_x: 1.0,
            offset_y: 5.0,
            ..Letterbox::default()
        },
        tensors: vec![OutputTensor {
            name: "o".into(),
            datatype: "FP32",
            shape: vec![1],
            data: bytes::Bytes::from_static(&[0; 4]),
        }],
        ..ModelOutput::default()
    }
}

/// The metas of a frame after `elements`.
fn through(elements: &str) -> (Option<Arc<Scene>>, Vec<Arc<ModelOutput>>) {
    let put = |buffer: &mut gst::BufferRef| {
        people_meta::set_scene(buffer, scene());
        people_meta::add_model_output(buffer, output());
    };
    common::through(elements, put, |buffer| {
        (people_meta::scene(buffer), people_meta::model_outputs(buffer))
    })
}

#[test]
fn copies_keep_all_metas() {
    for elements in [
        "queue",
        "identity drop-allocation=true",
        "videorate ! video/x-raw,framerate=5/1",
        "tee ! queue",
    ] {
        let (people, outputs) = through(elements);
        assert_eq!(people.as_deref(), Some(&scene()), "{elements}");
        assert_eq!(outputs[0].letterbox, output().letterbox, "{elements}");
        assert_eq!(outputs[0].tensors[0].data.len(), 4, "{elements}");
    }
}

#[test]
fn conversions_keep_coordinates() {
    for elements in [
        "videoconvert ! video/x-raw,format=BGRx",
        "videoconvert ! video/x-raw,format=NV12 ! videoconvert ! video/x-raw,format=RGB",
    ] {
        let (people, outputs) = through(elements);
        assert_eq!(people.as_deref(), Some(&scene()), "{elements}");
        assert_eq!(outputs.len(), 1, "{elements}");
    }
}

#[test]
fn scaling_rescales_coordinates() {
    let (people, outputs) = through("videoscale ! video/x-raw,width=128,height=96");
    let people = people.expect("people survive");
    assert_eq!(people.people[0].bbox, Rect::new(16.0, 32.0, 48.0, 80.0));
    assert_eq!(people.people[0].pose.unwrap()[9].point, Point::new(24.0, 60.0));
    // the tensor is the same, so the same tensor point lies at twice the frame's coordinates
    let (before, after) = (output().letterbox, outputs[0].letterbox);
    let (p, q) = (
        before.to_frame(Point::new(41.0, 65.0)),
        after.to_frame(Point::new(41.0, 65.0)),
    );
    assert_eq!((q.x, q.y), (2.0 * p.x, 2.0 * p.y));
}

#[test]
fn a_change_of_pixel_shape_rescales_each_axis() {
    let (people, _) = through("videoscale ! video/x-raw,width=32,height=48,pixel-aspect-ratio=2/1");
    assert_eq!(people.unwrap().people[0].bbox, Rect::new(4.0, 16.0, 12.0, 40.0));
}

#[test]
fn borders_crops_and_flips_drop_all_metas() {
    for elements in [
        "videoscale ! video/x-raw,width=128,height=48,pixel-aspect-ratio=1/1",
        "videoscale ! video/x-raw,width=64,height=96,pixel-aspect-ratio=1/1",
        "videocrop left=8",
        "videoflip video-direction=90r",
    ] {
        let (people, outputs) = through(elements);
        assert_eq!((people, outputs.len()), (None, 0), "{elements}");
    }
}

#[test]
fn encoders_keep_people() {
    let (people, _) = through("jpegenc ! jpegdec");
    assert_eq!(people.as_deref(), Some(&scene()));
}

#[test]
fn copies_of_a_buffer_do_not_share_changes() {
    gst::init().unwrap();
    let mut buffer = gst::Buffer::new();
    people_meta::set_scene(buffer.make_mut(), scene());
    let mut other = buffer.clone();
    people_meta::scene_mut(other.make_mut(), |scene| scene.people.clear()).unwrap();
    assert_eq!(people_meta::scene(&buffer).unwrap().people.len(), 1);
    assert_eq!(people_meta::scene(&other).unwrap().people.len(), 0);
    people_meta::set_scene(other.make_mut(), scene());
    assert_eq!(other.iter_meta::<people_meta::SceneMeta>().count(), 1);
}

#[test]
fn taking_model_outputs_removes_those_that_are_chosen() {
    gst::init().unwrap();
    let models = |outputs: Vec<Arc<ModelOutput>>| -> String { outputs.iter().map(|output| &*output.model).collect() };
    for (chosen, taken, left) in [
        ("", "", "abab"),
        ("a", "aa", "bb"),
        ("b", "bb", "aa"),
        ("ab", "abab", ""),
    ] {
        let mut buffer = gst::Buffer::new();
        let frame = buffer.make_mut();
        people_meta::set_scene(frame, scene());
        for model in ["a", "b", "a", "b"] {
            let model = model.into();
            people_meta::add_model_output(frame, ModelOutput { model, ..output() });
        }
        let outputs = people_meta::take_model_outputs(frame, |output| chosen.contains(&*output.model));
        assert_eq!(
            (models(outputs), models(people_meta::model_outputs(frame))),
            (taken.into(), left.into())
        );
        assert!(people_meta::scene(frame).is_some(), "other metas stay");
    }
}
