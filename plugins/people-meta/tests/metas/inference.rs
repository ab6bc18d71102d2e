//! Which models have seen a frame, for programs in other languages.

use std::time::Duration;

use gst::meta::CustomMeta;
use people::{Inference, Scene, SkipReason};

use crate::common::through;

fn scene() -> Scene {
    Scene {
        pose_inference: Some(Inference::Skipped(SkipReason::Failed)),
        vest_inference: Some(Inference::Skipped(SkipReason::Overload)),
        inference_period: Some(Duration::from_millis(1200)),
        ..Scene::default()
    }
}

/// The structure as text.
fn text(buffer: &gst::BufferRef) -> Option<String> {
    let meta = CustomMeta::from_buffer(buffer, people_meta::INFERENCE).ok()?;
    Some(meta.structure().to_string())
}

#[test]
fn names_and_fields_are_fixed() {
    gst::init().unwrap();
    let inferences = [
        (Inference::Done, "done"),
        (Inference::Skipped(SkipReason::Interval), "interval"),
        (Inference::Skipped(SkipReason::Overload), "overload"),
        (Inference::Skipped(SkipReason::Failed), "failed"),
    ];
    for (inference, name) in inferences {
        let mut buffer = gst::Buffer::new();
        let frame = buffer.make_mut();
        people_meta::set_inference(frame).unwrap();
        assert_eq!(text(frame), None, "a frame without a scene");
        people_meta::set_scene(frame, Scene { inference, ..scene() });
        people_meta::set_inference(frame).unwrap();
        let expected = format!(
            "shopfloor-inference, inference=(string){name}, pose-inference=(string)failed, \
             vest-inference=(string)overload, inference-period=(guint64)1200000000;"
        );
        assert_eq!(text(frame), Some(expected));
        // What is not known any more is not there.
        people_meta::set_scene(
            frame,
            Scene {
                inference,
                ..Scene::default()
            },
        );
        people_meta::set_inference(frame).unwrap();
        let expected = format!("shopfloor-inference, inference=(string){name};");
        assert_eq!(text(frame), Some(expected));
    }
}

#[test]
fn the_meta_follows_a_frame_through_other_elements() {
    for elements in [
        "queue",
        "identity",
        "videoconvert ! video/x-raw,format=RGB",
        "videoscale ! video/x-raw,width=32,height=24",
        "videoscale ! video/x-raw,width=64,height=64,pixel-aspect-ratio=1/1",
        "videocrop left=8",
        "videoflip method=horizontal-flip",
    ] {
        let put = |frame: &mut gst::BufferRef| {
            people_meta::set_scene(frame, scene());
            people_meta::set_inference(frame).unwrap();
        };
        let found = through(elements, put, text);
        assert!(
            found.is_some_and(|text| text.contains("vest-inference=(string)overload")),
            "{elements}"
        );
    }
}
