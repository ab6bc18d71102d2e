//! `overlay`: drawing in place, in every format, and conversion for the sink.

use crate::common::{HEIGHT, WIDTH, caps, frame, harness, harness_with, init, person};
use gst::prelude::*;
use people::Scene;
use vision::Point;
use vision::image::PixelFormat;

fn with_people(mut buffer: gst::Buffer) -> gst::Buffer {
    let scene = Scene {
        people: vec![person(160.0, "red", Point::new(160.0, 120.0))],
        ..Scene::default()
    };
    people_meta::set_scene(buffer.get_mut().unwrap(), scene);
    buffer
}

fn bytes(buffer: &gst::BufferRef) -> Vec<u8> {
    buffer.map_readable().unwrap().to_vec()
}

#[test]
fn draws_on_every_format_in_place() {
    init();
    for format in PixelFormat::ALL {
        let (mut harness, _bus) = harness_with("overlay", format.name());
        let info = gst_video::VideoInfo::from_caps(&caps(format.name())).unwrap();
        let mut buffer = gst::Buffer::from_mut_slice(vec![100_u8; info.size()]);
        buffer.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
        let before = buffer.map_readable().unwrap().as_ptr();
        let out = harness.push_and_pull(with_people(buffer)).unwrap();
        assert_eq!(
            out.map_readable().unwrap().as_ptr(),
            before,
            "{}: no copy of the frame",
            format.name()
        );
        let changed = bytes(&out).iter().filter(|byte| **byte != 100).count();
        assert!(
            changed > 200 && changed < info.size() / 4,
            "{}: {changed} bytes",
            format.name()
        );
    }
}

#[test]
fn frames_without_people_are_unchanged() {
    let (mut harness, _bus) = harness("overlay");
    let out = harness.push_and_pull(frame(0)).unwrap();
    assert!(bytes(&out).iter().all(|byte| *byte == 128));
}

#[test]
fn properties_select_what_is_drawn() {
    let off = "boxes=false skeletons=false labels=false stations=false";
    let (mut harness, _bus) = harness(&format!("overlay {off}"));
    let out = harness.push_and_pull(with_people(frame(0))).unwrap();
    assert!(bytes(&out).iter().all(|byte| *byte == 128));
    harness.element().unwrap().set_property("boxes", true);
    let out = harness.push_and_pull(with_people(frame(1))).unwrap();
    assert!(bytes(&out).iter().any(|byte| *byte != 128));
}

#[test]
fn shared_frames_are_copied_before_drawing() {
    let (mut harness, _bus) = harness("overlay");
    let original = frame(0);
    let other_branch = original.copy();
    let mut buffer = original;
    people_meta::set_scene(
        buffer.make_mut(),
        Scene {
            people: vec![person(160.0, "red", Point::default())],
            ..Scene::default()
        },
    );
    let out = harness.push_and_pull(buffer).unwrap();
    assert_eq!(bytes(&other_branch).len() as u32, WIDTH * HEIGHT * 3 / 2);
    assert!(bytes(&other_branch).iter().all(|byte| *byte == 128));
    assert!(bytes(&out).iter().any(|byte| *byte != 128));
}

#[test]
fn frames_are_converted_for_the_sink_after_drawing() {
    for (format, shown) in [("I420", "BGRx"), ("NV12", "YUY2"), ("RGB", "I420")] {
        let (mut harness, _bus) = harness_with("overlay", format);
        harness.set_sink_caps(caps(shown));
        let info = gst_video::VideoInfo::from_caps(&caps(format)).unwrap();
        let grey = |value: u8| {
            let mut buffer = gst::Buffer::from_mut_slice(vec![value; info.size()]);
            buffer.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
            buffer
        };
        let plain = harness.push_and_pull(grey(100)).unwrap();
        let drawn = harness.push_and_pull(with_people(grey(100))).unwrap();
        let sink = gst_video::VideoInfo::from_caps(&caps(shown)).unwrap();
        assert_eq!(
            (plain.size(), drawn.size()),
            (sink.size(), sink.size()),
            "{format} to {shown}"
        );
        assert_ne!(bytes(&plain), bytes(&drawn), "{format} to {shown}");
        assert!(people_meta::scene(&drawn).is_some());
    }
}
