//! Frames that are stored in another way than they are seen: what the model gets, and where its results lie.

use gst::prelude::*;
use people::{Person, Scene};
use vision::letterbox::Orientation;
use vision::{Point, Rect};

use super::script::{FRAME, Script, tensors, texts, vests};

/// Values of the tag `image-orientation`.
const ORIENTATIONS: [&str; 8] = [
    "rotate-0",
    "rotate-90",
    "rotate-180",
    "rotate-270",
    "flip-rotate-0",
    "flip-rotate-90",
    "flip-rotate-180",
    "flip-rotate-270",
];

fn tag(orientation: &str, scope: gst::TagScope) -> gst::Event {
    let mut tags = gst::TagList::new();
    let list = tags.make_mut();
    list.set_scope(scope);
    list.add::<gst::tags::ImageOrientation>(&orientation, gst::TagMergeMode::Replace);
    gst::event::Tag::new(tags)
}

fn caps(width: i32, height: i32, more: &str) -> gst::Caps {
    gst::init().unwrap();
    let text = format!("video/x-raw,format=RGB,width={width},height={height},framerate=10/1{more}");
    text.parse().unwrap()
}

/// A frame of bytes that look random.
fn noise(caps: &gst::Caps) -> gst::Buffer {
    let info = gst_video::VideoInfo::from_caps(caps).unwrap();
    let bytes: Vec<u8> = (0..info.size() as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    let frame = buffer.get_mut().unwrap();
    frame.set_pts(FRAME);
    frame.set_duration(FRAME);
    buffer
}

/// The model's input for a frame, and the frame with the response.
fn infer(harness: &mut gst_check::Harness, script: &Script, frame: gst::Buffer) -> (Vec<u8>, gst::Buffer) {
    harness.push(frame).unwrap();
    let request = script.take(1).remove(0);
    let image = request.images[0].clone();
    request.respond();
    (image, harness.pull().unwrap())
}

/// The point of the stored frame that the model sees at `x`, `y` of its input.
fn stored(buffer: &gst::BufferRef, x: f32, y: f32) -> (f32, f32) {
    let letterbox = people_meta::model_outputs(buffer)[0].letterbox;
    let p = letterbox.to_frame(Point::new(x, y));
    (p.x, p.y)
}

#[track_caller]
fn assert_near(got: &[u8], want: &[u8], name: &str) {
    let most = got.iter().zip(want).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(got.len() == want.len() && most <= Some(1), "{name}: {most:?}");
}

#[test]
fn the_model_sees_what_videoflip_makes_of_a_tagged_stream() {
    for orientation in ORIENTATIONS {
        let stored = caps(32, 24, "");
        let frame = noise(&stored);
        let mut flip = gst_check::Harness::new_parse("videoflip video-direction=auto");
        flip.set_src_caps(stored.clone());
        flip.play();
        flip.push_event(tag(orientation, gst::TagScope::Stream));
        let upright = flip.push_and_pull(frame.clone()).unwrap();
        let upright_caps = flip.sinkpad().unwrap().current_caps().unwrap();

        let (mut reference, _bus, script) = tensors("");
        reference.set_src_caps(upright_caps);
        let (want, _) = infer(&mut reference, &script, upright);

        let (mut harness, _bus, script) = tensors("");
        harness.set_src_caps(stored);
        harness.push_event(tag(orientation, gst::TagScope::Stream));
        let (got, _) = infer(&mut harness, &script, frame);
        assert_near(&got, &want, orientation);
    }
}

#[test]
fn results_are_in_pixels_of_the_stored_frame() {
    // Where the frame of 16×16 pixels has what the model sees at (4, 2).
    for (orientation, want) in [
        ("rotate-0", (4.0, 2.0)),
        ("rotate-90", (2.0, 12.0)),
        ("rotate-180", (12.0, 14.0)),
        ("rotate-270", (14.0, 4.0)),
    ] {
        let (mut harness, _bus, script) = tensors("");
        harness.push_event(tag(orientation, gst::TagScope::Global));
        let (_, buffer) = infer(&mut harness, &script, noise(&caps(16, 16, "")));
        assert_eq!(stored(&buffer, 4.0, 2.0), want, "{orientation}");
    }
}

#[test]
fn an_orientation_takes_effect_from_the_next_frame_on() {
    use gst::TagScope::{Global, Stream};
    let (mut harness, _bus, script) = tensors("on-overload=block max-in-flight=8");
    let mut points = Vec::new();
    let mut push = |harness: &mut gst_check::Harness| {
        // held by the model meanwhile: later tags must not change it
        harness.push(noise(&caps(16, 16, ""))).unwrap();
        points.push(());
    };
    push(&mut harness);
    harness.push_event(tag("rotate-180", Global));
    push(&mut harness);
    harness.push_event(tag("rotate-90", Stream));
    push(&mut harness);
    // the stream's own tag wins
    harness.push_event(tag("rotate-270", Global));
    push(&mut harness);
    // a tag list without an orientation changes nothing
    let mut title = gst::TagList::new();
    title.make_mut().set_scope(Stream);
    title
        .make_mut()
        .add::<gst::tags::Title>(&"t", gst::TagMergeMode::Replace);
    harness.push_event(gst::event::Tag::new(title));
    push(&mut harness);
    harness.push_event(tag("rotate-0", Stream));
    push(&mut harness);
    // another stream begins without tags
    harness.push_event(gst::event::StreamStart::new("another"));
    push(&mut harness);
    script
        .take(points.len())
        .into_iter()
        .for_each(super::script::PendingRequest::respond);
    let got: Vec<_> = points
        .iter()
        .map(|()| stored(&harness.pull().unwrap(), 4.0, 2.0))
        .collect();
    let (upright, half, right) = ((4.0, 2.0), (12.0, 14.0), (2.0, 12.0));
    assert_eq!(got, [upright, half, right, right, right, upright, upright]);
}

#[test]
fn people_are_cut_out_upright() {
    let person = |bbox| Person {
        bbox,
        ..Person::default()
    };
    let scene = |people| Scene {
        people,
        ..Scene::default()
    };
    let stored = caps(32, 32, "");
    let boxes = [Rect::new(2.0, 4.0, 18.0, 20.0), Rect::new(10.0, 0.0, 26.0, 32.0)];
    let input = |orientation: &str, boxes: [Rect; 2], turn: Option<&str>| {
        let (mut harness, _bus, script) = vests("");
        let mut frame = noise(&stored);
        if let Some(turn) = turn {
            let mut flip = gst_check::Harness::new_parse(&format!("videoflip video-direction={turn}"));
            flip.set_src_caps(stored.clone());
            flip.play();
            frame = flip.push_and_pull(frame).unwrap();
        }
        people_meta::set_scene(frame.make_mut(), scene(boxes.map(person).to_vec()));
        harness.set_src_caps(stored.clone());
        harness.push_event(tag(orientation, gst::TagScope::Stream));
        harness.push(frame).unwrap();
        script.take(1).remove(0).images.concat()
    };
    // turned by 90° clockwise, a box's left is 32 - bottom, and its top is left
    let turned = boxes.map(|b| Rect::new(32.0 - b.bottom, b.left, 32.0 - b.top, b.right));
    assert_near(
        &input("rotate-90", boxes, None),
        &input("rotate-0", turned, Some("90r")),
        "people",
    );
}

#[test]
fn pixels_that_are_not_square_are_seen_in_their_aspect() {
    // size, pixel aspect, and the frame's corners in the model's input of 16×16 pixels
    for (width, height, aspect, [left, top, right, bottom]) in [
        (16, 16, "1/1", [0.0, 0.0, 16.0, 16.0]),
        (16, 16, "2/1", [0.0, 4.0, 16.0, 12.0]),
        (16, 32, "2/1", [0.0, 0.0, 16.0, 16.0]),
        (32, 16, "1/2", [0.0, 0.0, 16.0, 16.0]),
        (16, 16, "1/2", [4.0, 0.0, 12.0, 16.0]),
    ] {
        let (mut harness, _bus, script) = tensors("");
        let caps = caps(width, height, &format!(",pixel-aspect-ratio={aspect}"));
        harness.set_src_caps(caps.clone());
        let (_, buffer) = infer(&mut harness, &script, noise(&caps));
        let (w, h) = (width as f32, height as f32);
        assert_eq!(stored(&buffer, left, top), (0.0, 0.0), "{width}×{height} {aspect}");
        assert_eq!(stored(&buffer, right, bottom), (w, h), "{width}×{height} {aspect}");
    }
    // turned, the wide pixels are high ones
    let (mut harness, _bus, script) = tensors("");
    let caps = caps(16, 16, ",pixel-aspect-ratio=2/1");
    harness.set_src_caps(caps.clone());
    harness.push_event(tag("rotate-90", gst::TagScope::Stream));
    let (_, buffer) = infer(&mut harness, &script, noise(&caps));
    assert_eq!(stored(&buffer, 4.0, 0.0), (0.0, 16.0));
    assert_eq!(stored(&buffer, 12.0, 16.0), (16.0, 0.0));
}

#[test]
fn a_crop_is_all_that_the_model_sees() {
    let whole = caps(40, 32, "");
    let crop = (8, 4, 24, 16);
    let frame = noise(&whole);
    let mut cut = gst_check::Harness::new_parse("videocrop left=8 top=4 right=8 bottom=12");
    cut.set_src_caps(whole.clone());
    cut.play();
    let cut_out = cut.push_and_pull(frame.clone()).unwrap();
    for orientation in ORIENTATIONS {
        let (mut reference, _bus, script) = tensors("");
        reference.set_src_caps(caps(24, 16, ""));
        reference.push_event(tag(orientation, gst::TagScope::Stream));
        let (want, reference_out) = infer(&mut reference, &script, cut_out.clone());

        let mut frame = frame.clone();
        let buffer = frame.make_mut();
        let flags = gst_video::VideoFrameFlags::empty();
        gst_video::VideoMeta::add(buffer, flags, gst_video::VideoFormat::Rgb, 40, 32).unwrap();
        gst_video::VideoCropMeta::add(buffer, crop);
        let (mut harness, _bus, script) = tensors("");
        harness.set_src_caps(caps(24, 16, "")); // caps have the size that is seen
        harness.push_event(tag(orientation, gst::TagScope::Stream));
        let (got, out) = infer(&mut harness, &script, frame);
        assert_near(&got, &want, orientation);
        let ((x, y), got) = (stored(&reference_out, 5.0, 6.0), stored(&out, 5.0, 6.0));
        let off = (got.0 - x - 8.0).abs().max((got.1 - y - 4.0).abs());
        assert!(off < 1e-3, "{orientation}: {got:?}");
    }
}

#[test]
fn one_field_of_an_interlaced_frame_is_seen() {
    use gst_video::VideoBufferFlags as Flags;
    let interlaced = Flags::INTERLACED | Flags::TFF;
    // mode, flags of the buffer, and the lines that the model must not see
    for (mode, flags, unseen) in [
        ("progressive", Flags::empty(), None),
        ("interleaved", interlaced, Some(1)),
        ("interleaved", Flags::empty(), Some(1)),
        ("mixed", Flags::INTERLACED, Some(1)),
        ("mixed", Flags::empty(), None),
        ("mixed", interlaced | Flags::ONEFIELD, Some(1)),
        ("mixed", Flags::INTERLACED | Flags::ONEFIELD, Some(0)),
    ] {
        let caps = caps(16, 16, &format!(",interlace-mode={mode}"));
        let frame = |fill: Option<u8>| {
            let mut frame = noise(&caps);
            let buffer = frame.make_mut();
            if let (Some(fill), Some(unseen)) = (fill, unseen) {
                let mut bytes = buffer.map_writable().unwrap();
                let lines = bytes.chunks_mut(48).skip(unseen).step_by(2);
                lines.for_each(|line| line.fill(fill));
            }
            buffer.set_flags(gst::BufferFlags::from_bits_retain(flags.bits()));
            frame
        };
        let input = |fill| {
            let (mut harness, _bus, script) = tensors("");
            harness.set_src_caps(caps.clone());
            infer(&mut harness, &script, frame(fill))
        };
        let (image, buffer) = input(None);
        assert_eq!(image, input(Some(0)).0, "{mode} {flags:?}");
        assert_eq!(image, input(Some(255)).0, "{mode} {flags:?}");
        assert_eq!(stored(&buffer, 4.0, 2.0), (4.0, 2.0));
        let is_copy = image == frame(None).map_readable().unwrap().as_slice();
        assert_eq!(is_copy, unseen.is_none(), "{mode} {flags:?}");
    }
}

#[test]
fn frames_of_separate_fields_are_refused() {
    let (mut harness, bus, _script) = tensors("");
    harness.push_event(gst::event::Caps::new(&caps(16, 16, ",interlace-mode=fields")));
    let errors = texts(&bus).errors;
    assert!(errors.len() == 1 && errors[0].contains("deinterlace"), "{errors:?}");
}

#[test]
fn the_scene_of_a_skipped_frame_has_its_orientation() {
    let (mut harness, _bus, script) = tensors("inference-interval=2");
    harness.push_event(tag("rotate-270", gst::TagScope::Stream));
    for _ in 0..2 {
        harness.push(noise(&caps(16, 16, ""))).unwrap();
    }
    script.take(1).remove(0).respond();
    harness.pull().unwrap();
    let scene = people_meta::scene(&harness.pull().unwrap()).unwrap();
    assert_eq!(scene.orientation, Orientation::ROTATE_270);
}

/// Whether the element that is linked to the harness promises upstream that crops in metas are honoured.
fn promises_crops(line: &str, downstream_does: bool, live: bool) -> bool {
    gst::init().unwrap();
    crate::plugin_register_static().unwrap();
    let element = gst::parse::bin_from_description(line, true).unwrap();
    let script = Script::default();
    if let Some(infer) = element.by_name("infer") {
        script.serve(&infer.downcast().unwrap(), "");
    }
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    if downstream_does {
        harness.add_propose_allocation_meta(gst_video::VideoCropMeta::meta_api(), None);
    }
    harness.set_live(live);
    let caps = caps(16, 16, "");
    harness.set_src_caps(caps.clone());
    harness.play();
    // So that the element has asked downstream.
    harness.push(noise(&caps)).unwrap();
    harness.pull().unwrap();
    let mut query = gst::query::Allocation::new(Some(&caps), true);
    assert!(element.static_pad("sink").unwrap().query(&mut query));
    query.find_allocation_meta::<gst_video::VideoCropMeta>().is_some()
}

#[test]
fn crops_are_promised_upstream_if_downstream_honours_them() {
    let infer = "tritoninfer model=scripted name=infer";
    for (line, downstream_does, expected) in [
        (infer, true, true),
        (infer, false, false),
        ("poseparse ! vesttrack ! overlay", true, true),
        // stations are fractions of the frame
        ("activityzone", true, false),
        (&format!("{infer} ! activityzone"), true, false),
    ] {
        for live in [true, false] {
            assert_eq!(
                promises_crops(line, downstream_does, live),
                expected,
                "{line} {downstream_does} {live}"
            );
        }
    }
}

/// A QuickTime file of frames that are stored turned by 90°, as phones write it.
fn turned_movie(path: &std::path::Path) {
    let line = format!(
        "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48,framerate=10/1 ! jpegenc ! qtmux ! filesink location={}",
        path.display()
    );
    let pipeline: gst::Pipeline = super::script::launch(&line);
    pipeline.set_state(gst::State::Playing).unwrap();
    let bus = pipeline.bus().unwrap();
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Eos]);
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(message.is_some());
    let mut movie = std::fs::read(path).unwrap();
    let header = movie.windows(4).position(|four| four == b"tkhd").unwrap();
    // the matrix of the track header, after version, times, id, layer and volume (ISO 14496-12, 8.3.2)
    let matrix: [u32; 9] = [0, 1 << 16, 0, 0xFFFF_0000, 0, 0, 48 << 16, 0, 1 << 30];
    let bytes: Vec<u8> = matrix.iter().flat_map(|value| value.to_be_bytes()).collect();
    movie[header + 44..][..36].copy_from_slice(&bytes);
    std::fs::write(path, movie).unwrap();
}

#[test]
fn a_phones_video_is_seen_upright() {
    gst::init().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turned.mov");
    turned_movie(&path);
    let line = format!(
        "filesrc location={} ! decodebin ! tritoninfer model=scripted name=t ! appsink name=out sync=false",
        path.display()
    );
    let pipeline: gst::Pipeline = super::script::launch(&line);
    let element = pipeline.by_name("t").unwrap().downcast().unwrap();
    Script::default().serve(&element, "");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = pipeline
        .by_name("out")
        .unwrap()
        .emit_by_name::<gst::Sample>("pull-sample", &[]);
    let got = stored(sample.buffer().unwrap(), 14.0, 0.0);
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(got, (0.0, 0.0));
}
