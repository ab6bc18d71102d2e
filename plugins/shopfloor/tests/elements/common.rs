//! Helpers of the element tests: registration, a harness with a small video stream, people.

use std::sync::Once;

use gst::prelude::*;
use people::{Person, Scene, VestName, VestScores};
use vision::{Keypoint, KeypointDetection, Point, Pose, Rect};

pub const WIDTH: u32 = 320;
pub const HEIGHT: u32 = 240;
/// 10 frames a second.
pub const FRAME: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// GStreamer with our elements.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstshopfloor::plugin_register_static().unwrap();
    });
}

/// A playing harness around one element, with I420 caps and a bus of its own.
pub fn harness(launch: &str) -> (gst_check::Harness, gst::Bus) {
    harness_with(launch, "I420")
}

/// A [`harness`] with caps of `format`.
pub fn harness_with(launch: &str, format: &str) -> (gst_check::Harness, gst::Bus) {
    init();
    let element = gst::parse::launch(launch).unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_src_caps(caps(format));
    harness.play();
    (harness, bus)
}

pub fn caps(format: &str) -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", format)
        .field("width", WIDTH as i32)
        .field("height", HEIGHT as i32)
        .field("framerate", gst::Fraction::new(10, 1))
        .build()
}

/// The n-th frame, grey.
pub fn frame(n: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(vec![128_u8; (WIDTH * HEIGHT * 3 / 2) as usize]);
    let frame = buffer.get_mut().unwrap();
    frame.set_pts(FRAME * n);
    frame.set_duration(FRAME);
    buffer
}

/// The n-th frame with people on it.
pub fn frame_of(n: u64, people: Vec<Person>) -> gst::Buffer {
    let mut buffer = frame(n);
    people_meta::set_scene(
        buffer.get_mut().unwrap(),
        Scene {
            people,
            ..Scene::default()
        },
    );
    buffer
}

/// Someone standing with the feet at `x`, wearing `vest`, the left wrist at `wrist`.
pub fn person(x: f32, vest: &str, wrist: Point) -> Person {
    let labels: Vec<VestName> = ["none", "red", "blue"].map(VestName::from).into();
    let probabilities = labels
        .iter()
        .map(|label| if &**label == vest { 0.96 } else { 0.02 })
        .collect();
    let mut pose = Pose::default();
    pose[Keypoint::LeftWrist as usize] = KeypointDetection {
        point: wrist,
        confidence: 0.9,
    };
    Person {
        bbox: Rect::new(x - 20.0, 60.0, x + 20.0, 180.0),
        score: 0.9,
        pose: Some(pose),
        vest: Some(VestScores {
            labels: labels.into(),
            probabilities,
        }),
        track: None,
    }
}

/// The texts of all messages of one type that are on the bus now.
pub fn texts(bus: &gst::Bus, wanted: gst::MessageType) -> Vec<String> {
    let messages = std::iter::from_fn(|| bus.pop()).filter(|message| message.type_() == wanted);
    messages
        .map(|message| match message.view() {
            gst::MessageView::Error(error) => error.error().to_string(),
            gst::MessageView::Warning(warning) => warning.error().to_string(),
            gst::MessageView::Info(info) => info.error().to_string(),
            other => format!("{other:?}"),
        })
        .collect()
}

/// The element messages of one name that are on the bus now.
pub fn structures(bus: &gst::Bus, name: &str) -> Vec<gst::Structure> {
    let messages = std::iter::from_fn(|| bus.pop());
    messages
        .filter_map(|message| message.structure().filter(|s| s.name() == name).map(ToOwned::to_owned))
        .collect()
}
