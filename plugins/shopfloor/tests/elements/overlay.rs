//! `overlay`: drawing in place, in every format, and conversion for the sink.

use crate::common::{HEIGHT, WIDTH, caps, frame, frame_of, harness, harness_with, init, person, texts};
use gst::glib;
use gst::prelude::*;
use people::{Inference, Scene, SkipReason};
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

const PLAIN: &str = "boxes=false skeletons=false labels=false stations=false";

/// The n-th frame, skipped for this reason and without people.
fn skipped(n: u64, reason: SkipReason) -> gst::Buffer {
    let mut buffer = frame(n);
    let scene = Scene {
        inference: Inference::Skipped(reason),
        ..Scene::default()
    };
    people_meta::set_scene(buffer.get_mut().unwrap(), scene);
    buffer
}

/// The share of a frame's luma below the notice in the corner that was changed.
fn changed(buffer: &gst::BufferRef) -> f32 {
    let bytes = bytes(buffer);
    let luma = &bytes[40 * WIDTH as usize..(WIDTH * HEIGHT) as usize];
    luma.iter().filter(|byte| **byte != 128).count() as f32 / luma.len() as f32
}

#[test]
fn a_frame_is_obscured_unless_its_people_are_known() {
    for redact in ["faces", "people", "true"] {
        for reason in [SkipReason::Interval, SkipReason::Overload, SkipReason::Failed] {
            let (mut harness, _bus) = harness(&format!("overlay {PLAIN} redact={redact}"));
            let mut obscured = |buffer| changed(&harness.push_and_pull(buffer).unwrap()) == 1.0;
            assert!(obscured(skipped(0, reason)), "before the first inference");
            assert!(!obscured(frame_of(1, vec![])), "inferred, and nobody is there");
            assert!(!obscured(skipped(5, reason)), "0.4 s later");
            assert!(obscured(skipped(6, reason)), "0.5 s later");
            assert!(!obscured(frame_of(7, vec![])), "inferred again");
            assert!(obscured(frame(8)), "without a scene");
            assert!(!obscured(skipped(9, reason)), "0.2 s after the inference");
        }
    }
}

/// The age of the latest inference is told by times that are right whatever the timestamps are, as in `vesttrack`.
#[test]
fn odd_timestamps_neither_expose_people_nor_hide_the_frame() {
    let ms = gst::ClockTime::from_mseconds;
    type Stamps = &'static [(Option<u64>, bool)];
    // The time of skipped frames after an inference at 3 s in which nobody is there, and whether they are obscured.
    let usual: [(&str, Stamps); 6] = [
        ("as usual", &[(Some(3_400), false), (Some(3_500), true)]),
        (
            "a little back",
            &[(Some(3_100), false), (Some(2_990), false), (Some(3_200), false)],
        ),
        ("one far ahead", &[(Some(90_000), false), (Some(3_200), false)]),
        ("a gap", &[(Some(90_000), false), (Some(90_100), true)]),
        (
            "back for good",
            &[(Some(0), false), (Some(100), true), (Some(200), true)],
        ),
        (
            "none",
            &[(None, false), (None, false), (None, false), (None, false), (None, true)],
        ),
    ];
    let send = |harness: &mut gst_check::Harness, mut buffer: gst::Buffer, time: Option<u64>| {
        let frame = buffer.get_mut().unwrap();
        frame.set_pts(time.map(ms));
        frame.set_duration(gst::ClockTime::NONE);
        changed(&harness.push_and_pull(buffer).unwrap()) == 1.0
    };
    for (what, stamps) in usual {
        let (mut harness, _bus) = harness(&format!("overlay {PLAIN} redact=people"));
        harness.set_live(false);
        harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        send(&mut harness, frame_of(0, vec![]), Some(3_000));
        let obscured = stamps
            .iter()
            .map(|(time, _)| send(&mut harness, skipped(0, SkipReason::Overload), *time));
        let expected = stamps.iter().map(|(_, obscured)| *obscured);
        assert_eq!(obscured.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{what}");
    }
    // Without a frame rate as well, the age cannot be told.
    let (mut harness, _bus) = harness(&format!("overlay {PLAIN} redact=people"));
    harness.set_live(false);
    let mut caps = caps("I420");
    caps.get_mut().unwrap().set("framerate", gst::Fraction::new(0, 1));
    harness.push_event(gst::event::Caps::new(&caps));
    send(&mut harness, frame_of(0, vec![]), Some(3_000));
    assert!(send(&mut harness, skipped(0, SkipReason::Overload), None));
}

#[test]
fn after_a_seek_a_new_stream_and_other_caps_frames_are_obscured_until_the_next_inference() {
    init();
    let segment = || gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new());
    let smaller = caps("I420");
    let smaller = |width: i32| {
        let mut caps = smaller.clone();
        caps.make_mut().set("width", width);
        caps
    };
    for change in ["seek", "stream", "caps"] {
        let (mut harness, _bus) = harness(&format!("overlay {PLAIN} redact=faces"));
        let out = harness.push_and_pull(frame_of(0, vec![])).unwrap();
        assert_eq!(changed(&out), 0.0);
        match change {
            "seek" => {
                harness.push_event(gst::event::FlushStart::new());
                harness.push_event(gst::event::FlushStop::new(true));
                harness.push_event(segment());
            }
            "stream" => {
                harness.push_event(gst::event::StreamStart::new("another"));
                harness.push_event(gst::event::Caps::new(&caps("I420")));
                harness.push_event(segment());
            }
            _ => {
                // there and back
                harness.push_event(gst::event::Caps::new(&smaller(160)));
                harness.push_event(gst::event::Caps::new(&smaller(WIDTH as i32)));
            }
        }
        let out = harness.push_and_pull(skipped(1, SkipReason::Interval)).unwrap();
        assert_eq!(changed(&out), 1.0, "{change}");
        let out = harness.push_and_pull(frame_of(2, vec![])).unwrap();
        assert_eq!(changed(&out), 0.0, "{change}");
    }
}

#[test]
fn people_are_covered_while_the_tracker_predicts_them_and_afterwards_nothing_is_seen() {
    init();
    let launch = format!("vesttrack roi-metas=false ! overlay name=o {PLAIN} redact=people");
    let bin = gst::parse::bin_from_description(&launch, true).unwrap();
    let mut harness = gst_check::Harness::with_element(&bin, Some("sink"), Some("src"));
    harness.set_src_caps(caps("I420"));
    harness.play();
    for n in 0..4 {
        let buffer = with_noise(frame_of(n, vec![person(160.0, "red", Point::new(160.0, 120.0))]));
        assert!(is_covered(&harness.push_and_pull(buffer).unwrap()), "frame {n}");
    }
    for n in 4..30 {
        let out = harness
            .push_and_pull(with_noise(skipped(n, SkipReason::Failed)))
            .unwrap();
        assert!(is_covered(&out), "frame {n}");
    }
}

/// Stripes instead of grey.
fn with_noise(mut buffer: gst::Buffer) -> gst::Buffer {
    let mut map = buffer.get_mut().unwrap().map_writable().unwrap();
    map.iter_mut()
        .enumerate()
        .for_each(|(at, byte)| *byte = if at % 2 == 0 { 40 } else { 200 });
    drop(map);
    buffer
}

/// Whether nothing of the stripes is left at the person's head and body.
fn is_covered(buffer: &gst::BufferRef) -> bool {
    let bytes = bytes(buffer);
    (62..178).all(|y| (142..178).all(|x| ![40, 200].contains(&bytes[y * WIDTH as usize + x])))
}

#[test]
fn redaction_is_set_by_name_and_by_the_booleans_of_before() {
    init();
    for (value, expected) in [
        ("none", "none"),
        ("faces", "faces"),
        ("people", "people"),
        ("frame", "frame"),
        ("true", "faces"),
        ("false", "none"),
        ("1", "faces"),
        ("0", "none"),
    ] {
        let element = gst::parse::launch(&format!("overlay redact={value}")).unwrap();
        let value = element.property_value("redact");
        let (_, value) = glib::EnumValue::from_value(&value).unwrap();
        assert_eq!(value.nick(), expected);
    }
}

/// A frame with a station of this name.
fn with_station(n: u64, name: &str) -> gst::Buffer {
    let station = people::Station {
        name: name.into(),
        polygon: [(0.3, 0.3), (0.7, 0.3), (0.7, 0.6)]
            .map(|(x, y)| Point::new(x, y))
            .into(),
        vest: None,
    };
    let status = people::StationStatus {
        station: station.into(),
        activity: people::Activity::Idle,
        worker: None,
        since: Default::default(),
        lasted: Default::default(),
        totals: Default::default(),
    };
    let scene = Scene {
        stations: vec![status],
        ..Scene::default()
    };
    let mut buffer = frame(n);
    people_meta::set_scene(buffer.get_mut().unwrap(), scene);
    buffer
}

#[test]
fn names_that_no_font_has_are_reported_once_and_drawn_as_different_codes() {
    let (mut harness, bus) = harness("overlay");
    // a file waits for the fonts
    harness.set_live(false);
    harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    // private characters, which no system has fonts for
    let names = ["\u{10fff0}\u{10fff1}", "\u{10fff0}\u{10fff2}", "\u{10fff3}"];
    let mut pictures: Vec<_> = (0..)
        .zip(names)
        .map(|(n, name)| bytes(&harness.push_and_pull(with_station(n, name)).unwrap()))
        .collect();
    pictures.dedup();
    assert_eq!(pictures.len(), names.len(), "they can be told apart");
    let warnings = texts(&bus, gst::MessageType::Warning);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(names[0]), "{warnings:?}");
}

#[test]
fn a_live_stream_does_not_wait_for_fonts() {
    let (mut harness, bus) = harness("overlay");
    harness.set_live(true);
    let name = "\u{10fff0}";
    let (mut n, mut warnings) = (0, Vec::new());
    while warnings.is_empty() {
        let out = harness.push_and_pull(with_station(n, name)).unwrap();
        assert!(bytes(&out).iter().any(|byte| *byte != 128), "frame {n}");
        warnings = texts(&bus, gst::MessageType::Warning);
        n += 1;
        std::thread::yield_now();
    }
    assert!(warnings[0].contains(name), "{warnings:?}");
}
