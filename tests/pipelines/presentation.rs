//! Frames that are stored in another way than they are seen: the people found are those found after GStreamer's own elements
//! have made upright, square, progressive frames of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gst::prelude::*;
use people::Scene;
use shopfloor_tests::root;
use vision::letterbox::{Fit, Letterbox, Orientation, Presentation};
use vision::{Point, Rect};

use crate::{boxes, end, ensemble, init, play};

/// Frames of each kind.
const FRAMES: usize = 40;
/// The demo video's size.
const SIZE: (usize, usize) = (768, 576);
/// The smallest F1 of people matched at IoU 0.5.
const SAME: f32 = 0.98;

/// The boxes of each frame's people.
type Boxes = Vec<Vec<Rect>>;

fn boxes_of(scenes: &[Arc<Scene>]) -> Boxes {
    let of_scene = |scene: &Arc<Scene>| scene.people.iter().map(|person| person.bbox).collect();
    scenes.iter().map(of_scene).collect()
}

/// The people of the first frames of the demo video behind `elements`, of which `prepare` gets the pipeline.
fn people_behind(elements: &str, prepare: impl FnOnce(&gst::Pipeline)) -> Boxes {
    init();
    let launch = format!(
        "filesrc location={} ! decodebin ! {elements} ! tritoninfer name=infer model=person_pose timeout=60000 ! poseparse \
         ! fakesink name=out sync=false",
        root().join("media/vests.mp4").display(),
    );
    let pipeline: gst::Pipeline = gst::parse::launch(&launch).unwrap().downcast().unwrap();
    prepare(&pipeline);
    play::end_after(FRAMES, &play::sink(&pipeline, "infer"));
    let scenes = play::scenes_at(&pipeline, "out");
    pipeline.set_state(gst::State::Playing).unwrap();
    let message = end(&pipeline, 120);
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    let scenes = scenes.lock().unwrap();
    assert_eq!(scenes.len(), FRAMES, "{elements}");
    boxes_of(&scenes)
}

/// Twice the number of people in both, at IoU 0.5, divided by the number of all.
fn f1(one: &Boxes, other: &Boxes) -> f32 {
    assert_eq!(one.len(), other.len());
    let (mut matched, mut all) = (0, 0);
    for (one, other) in one.iter().zip(other) {
        let mut left = other.clone();
        all += one.len() + other.len();
        for person in one {
            if let Some(at) = boxes::best(person, left.iter().copied()) {
                left.swap_remove(at);
                matched += 1;
            }
        }
    }
    assert!(all > 6 * one.len(), "only {all} people in both");
    2.0 * matched as f32 / all as f32
}

#[track_caller]
fn check(kind: &str, got: &Boxes, want: &Boxes) {
    let f1 = f1(got, want);
    println!("{kind}: F1 {f1:.4}");
    assert!(f1 >= SAME, "{kind}: {f1:.4}");
}

/// The tag of each orientation, and the value of `videoflip` that makes a frame to which the tag applies.
const TAGS: [(&str, &str, Orientation); 8] = [
    ("rotate-0", "identity", Orientation::IDENTITY),
    ("rotate-90", "90l", Orientation::ROTATE_90),
    ("rotate-180", "180", Orientation::ROTATE_180),
    ("rotate-270", "90r", Orientation::ROTATE_270),
    ("flip-rotate-0", "horiz", Orientation::MIRROR_HORIZONTALLY),
    ("flip-rotate-90", "ur-ll", Orientation::TRANSVERSE),
    ("flip-rotate-180", "vert", Orientation::MIRROR_VERTICALLY),
    ("flip-rotate-270", "ul-lr", Orientation::TRANSPOSE),
];

/// Frames with one orientation, after which the next one follows.
const STRETCH: usize = FRAMES / TAGS.len();

/// The box in the upright frame.
fn upright(stored: &Rect, orientation: Orientation) -> Rect {
    let (width, height) = orientation.exchanged(SIZE.0 as f32, SIZE.1 as f32);
    let presentation = Presentation {
        orientation,
        ..Presentation::default()
    };
    let whole = Rect::new(0.0, 0.0, width, height);
    let map = Letterbox::fit_presented(whole, &presentation, SIZE.0, SIZE.1, Fit::Stretch).unwrap();
    let (a, b) = (
        Point::new(stored.left, stored.top),
        Point::new(stored.right, stored.bottom),
    );
    let (a, b) = (map.to_tensor(a), map.to_tensor(b));
    Rect::new(a.x.min(b.x), a.y.min(b.y), a.x.max(b.x), a.y.max(b.y))
}

/// Calls `each` with the number of every buffer that passes the pad, before it does.
fn before_buffers(pad: &gst::Pad, each: impl Fn(&gst::Pad, usize) + Send + Sync + 'static) {
    let count = AtomicUsize::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        each(pad, count.fetch_add(1, Ordering::Relaxed));
        gst::PadProbeReturn::Ok
    });
}

#[test]
fn turned_frames_with_tags_that_change_while_playing() {
    let stored = people_behind("videoflip name=flip", |pipeline| {
        let flip = pipeline.by_name("flip").unwrap();
        let (sink, source) = (flip.static_pad("sink").unwrap(), flip.static_pad("src").unwrap());
        before_buffers(&sink, move |_, n| {
            let (_, direction, _) = TAGS[n / STRETCH % TAGS.len()];
            flip.set_property_from_str("video-direction", direction);
        });
        before_buffers(&source, |pad, n| {
            if n % STRETCH == 0 {
                let mut tags = gst::TagList::new();
                let list = tags.make_mut();
                list.set_scope(gst::TagScope::Stream);
                let (tag, ..) = TAGS[n / STRETCH % TAGS.len()];
                list.add::<gst::tags::ImageOrientation>(&tag, gst::TagMergeMode::Replace);
                assert!(pad.push_event(gst::event::Tag::new(tags)));
            }
        });
    });
    let want = boxes_of(&ensemble::RUN.found[..FRAMES]);
    for (n, (tag, _, orientation)) in TAGS.into_iter().enumerate() {
        let frames = n * STRETCH..(n + 1) * STRETCH;
        let turn = |people: &Vec<Rect>| people.iter().map(|stored| upright(stored, orientation)).collect();
        let got: Boxes = stored[frames.clone()].iter().map(turn).collect();
        check(tag, &got, &want[frames].to_vec());
    }
}

#[test]
fn pixels_that_are_not_square() {
    let anamorphic = "videoscale add-borders=false ! video/x-raw,width=384,height=576,pixel-aspect-ratio=2/1";
    let got = people_behind(anamorphic, |_| {});
    let square = format!("{anamorphic} ! videoscale ! video/x-raw,width=768,height=576,pixel-aspect-ratio=1/1");
    let want = people_behind(&square, |_| {});
    let widened: Boxes = got
        .iter()
        .map(|people| people.iter().map(|stored| stored.scaled(2.0, 1.0)).collect())
        .collect();
    check("pixel-aspect-ratio=2/1", &widened, &want);
}

#[test]
fn interlaced_frames() {
    // The two fields are a tenth of a second apart.
    let interlaced = "interlace field-pattern=1:1";
    let got = people_behind(interlaced, |_| {});
    let want = people_behind(&format!("{interlaced} ! deinterlace fields=top"), |_| {});
    check("interlaced", &got, &want);
}

#[test]
fn cropped_frames() {
    let (left, top) = (256, 128);
    let (width, height) = (512, 448);
    let caps = format!("video/x-raw,width={width},height={height}");
    // What an element does that finds the meta in the reply to its ALLOCATION query.
    let got = people_behind(&format!("capssetter name=crop caps={caps}"), |pipeline| {
        let pad = pipeline.by_name("crop").unwrap().static_pad("src").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let buffer = info.buffer_mut().unwrap().make_mut();
            if buffer.meta::<gst_video::VideoMeta>().is_none() {
                let (flags, format) = (gst_video::VideoFrameFlags::empty(), gst_video::VideoFormat::I420);
                gst_video::VideoMeta::add(buffer, flags, format, SIZE.0 as u32, SIZE.1 as u32).unwrap();
            }
            gst_video::VideoCropMeta::add(buffer, (left, top, width, height));
            gst::PadProbeReturn::Ok
        });
    });
    let (right, bottom) = (768 - left - width, 576 - top - height);
    let crop = format!("videocrop left={left} top={top} right={right} bottom={bottom}");
    let mut want = people_behind(&crop, |_| {});
    let (x, y) = (left as f32, top as f32);
    for person in want.iter_mut().flatten() {
        *person = Rect::new(person.left + x, person.top + y, person.right + x, person.bottom + y);
    }
    check("crop meta", &got, &want);
}
