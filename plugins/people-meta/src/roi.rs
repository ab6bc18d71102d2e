//! People as `GstVideoRegionOfInterestMeta`, for C, Python and everything that reads DL Streamer's metadata.
//!
//! Each person whose box is in the frame becomes a region of the type `person`. The ids are consecutive, so that
//! `gst_buffer_get_video_region_of_interest_meta_id` finds all regions, from Python too: they start at 1 or, with the
//! feature `analytics`, equal those of the detections there, which is how DL Streamer relates the two. The params have the
//! form that DL Streamer documents for its own elements:
//!
//! | structure | fields |
//! |---|---|
//! | `detection` | `x_min`, `y_min`, `x_max`, `y_max`: the box as fractions of the frame; `confidence` (doubles); `label_id` = 0; `element_id` |
//! | `object_id` | `id` (int): the track; absent for people without one |
//! | `classification` | present together with `object_id`: `label`: the worker's vest, `none` for a visitor; `confidence` (double); `label_id` (int); `type` = `classification_result`; `attribute_name` = `vest`; `model_name` |
//! | `keypoints` | present if a pose is known: `format` = `keypoints`, `dims` = \[17, 2\] (uints), `precision` = 10 (FP32), `data_buffer`: x and y of each as fractions of the region; `confidence` (floats); `point_names`; `point_connections`: pairs of names |
//!
//! All coordinates except the region's own are fractions, so scaling does not change them.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use gst::buffer::BufferMetaForeachAction;
use gst_video::VideoRegionOfInterestMeta;
use people::{Person, Scene, VestScores};
use vision::skeleton::{KEYPOINT_NAMES, SKELETON};
use vision::{Keypoint, Pose, Rect};

use crate::scene::{move_to_end, scene};

/// A text of which there is one: copies of a value that refers to it do not copy it.
#[derive(Clone, Copy)]
struct Interned(&'static glib::GStr);

impl Interned {
    fn new(text: &str) -> Self {
        Self(glib::Quark::from_str(text).as_str())
    }
}

impl From<Interned> for glib::Value {
    fn from(text: Interned) -> Self {
        Self::from_interned_str(text.0)
    }
}

/// What does not differ between regions: some 60 texts, whose copies would be a quarter of what a region costs.
struct Texts {
    element: Interned,
    result: Interned,
    vest: Interned,
    keypoints: Interned,
    /// The names of the keypoints.
    point_names: gst::Array,
    /// The ends of the skeleton's lines, one after the other.
    point_connections: gst::Array,
}

static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    let ends = SKELETON.iter().flat_map(|(from, to)| [from, to]);
    Texts {
        element: Interned::new(ELEMENT),
        result: Interned::new("classification_result"),
        vest: Interned::new("vest"),
        keypoints: Interned::new("keypoints"),
        point_names: gst::Array::new(KEYPOINT_NAMES.map(Interned::new)),
        point_connections: gst::Array::new(ends.map(|keypoint| Interned::new(keypoint.name()))),
    }
});

/// The `element_id` in `detection`, by which our regions are recognised.
const ELEMENT: &str = "vesttrack";
/// DL Streamer's number for the type FP32.
const FP32: i32 = 10;

/// Adds a region for each person of the buffer's scene, and removes those that it added before; `frame_size` is (width,
/// height) in pixels. Regions of other elements stay.
pub fn set_rois(buffer: &mut gst::BufferRef, frame_size: (u32, u32)) {
    set_numbered(buffer, frame_size, 1..);
}

/// [`set_rois`] with the regions' ids, one for each visible person.
pub(crate) fn set_numbered(buffer: &mut gst::BufferRef, frame_size: (u32, u32), ids: impl IntoIterator<Item = i32>) {
    remove(buffer, is_ours);
    let Some(people) = scene(buffer) else { return };
    let frame = frame(frame_size);
    for ((person, rect), id) in visible(&people, frame).zip(ids) {
        let mut region = VideoRegionOfInterestMeta::add(buffer, "person", rect);
        region.set_id(id);
        region.add_param(detection(person, &frame));
        if let Some(track) = &person.track {
            let object_id = gst::Structure::builder("object_id").field("id", track.id as i32);
            region.add_param(object_id.build());
            region.add_param(classification(person, track));
        }
        if let Some(pose) = &person.pose {
            region.add_param(keypoints(pose, rect));
        }
    }
    move_to_end(buffer);
}

/// The people whose boxes are in the frame, each with the region: x, y, width and height in whole pixels.
pub(crate) fn visible(people: &Scene, frame: Rect) -> impl Iterator<Item = (&Person, (u32, u32, u32, u32))> {
    people
        .people
        .iter()
        .filter_map(move |person| Some((person, pixels(person, &frame)?)))
}

/// The frame as a box.
pub(crate) fn frame((width, height): (u32, u32)) -> Rect {
    Rect::new(0.0, 0.0, width as f32, height as f32)
}

/// The part of the person's box inside the frame; `None` if it has no whole pixel.
fn pixels(person: &Person, frame: &Rect) -> Option<(u32, u32, u32, u32)> {
    let visible = person.bbox.intersection(frame);
    let (x, y) = (visible.left.round(), visible.top.round());
    let (w, h) = (visible.right.round() - x, visible.bottom.round() - y);
    // False for NaN, too.
    (w >= 1.0 && h >= 1.0).then_some((x as u32, y as u32, w as u32, h as u32))
}

/// Whether the buffer has regions of ours.
#[cfg(feature = "analytics")]
pub(crate) fn has_rois(buffer: &gst::BufferRef) -> bool {
    buffer
        .iter_meta::<VideoRegionOfInterestMeta>()
        .any(|region| is_ours(&region))
}

/// Gives regions on `dest`, which a converter or scaler made from `source`, the params that they have on `source`:
/// GStreamer moves and scales the regions but drops their params.
pub(crate) fn restore_params(source: &gst::BufferRef, dest: &mut gst::BufferRef) {
    dest.foreach_meta_mut(|mut meta| {
        if let Some(region) = meta.downcast_mut::<VideoRegionOfInterestMeta>()
            && let Some(original) = original(source, region)
        {
            original.params().for_each(|param| region.add_param(param.to_owned()));
        }
        ControlFlow::Continue(BufferMetaForeachAction::Keep)
    });
}

/// Removes the regions from `dest` that GStreamer copied from ours on `source`.
pub(crate) fn remove_copies(source: &gst::BufferRef, dest: &mut gst::BufferRef) {
    remove(dest, |region| original(source, region).is_some());
}

/// Our region on `source` that GStreamer copied, without its params, to make `region`.
fn original<'a>(
    source: &'a gst::BufferRef,
    region: &VideoRegionOfInterestMeta,
) -> Option<gst::MetaRef<'a, VideoRegionOfInterestMeta>> {
    if region.params().next().is_some() {
        return None;
    }
    source
        .iter_meta::<VideoRegionOfInterestMeta>()
        .find(|other| is_ours(other) && (other.id(), other.roi_type()) == (region.id(), region.roi_type()))
}

fn is_ours(region: &VideoRegionOfInterestMeta) -> bool {
    let detection = region.param("detection");
    detection.is_some_and(|detection| detection.get::<&str>("element_id") == Ok(ELEMENT))
}

fn remove(buffer: &mut gst::BufferRef, which: impl Fn(&VideoRegionOfInterestMeta) -> bool) {
    buffer.foreach_meta_mut(|mut meta| {
        ControlFlow::Continue(match meta.downcast_ref::<VideoRegionOfInterestMeta>() {
            Some(region) if which(region) => BufferMetaForeachAction::Remove,
            _ => BufferMetaForeachAction::Keep,
        })
    });
}

fn detection(person: &Person, frame: &Rect) -> gst::Structure {
    let visible = person.bbox.intersection(frame);
    let fraction = |length: f32, whole: f32| f64::from(length) / f64::from(whole);
    gst::Structure::builder("detection")
        .field("label_id", 0_i32)
        .field("confidence", f64::from(person.score))
        .field("x_min", fraction(visible.left, frame.right))
        .field("y_min", fraction(visible.top, frame.bottom))
        .field("x_max", fraction(visible.right, frame.right))
        .field("y_max", fraction(visible.bottom, frame.bottom))
        .field("element_id", TEXTS.element)
        .build()
}

fn classification(person: &Person, track: &people::Track) -> gst::Structure {
    let label = track.worker.as_deref().unwrap_or(VestScores::NONE);
    let labels = person.vest.as_ref().map(|vest| &vest.labels[..]).unwrap_or_default();
    let label_id = labels.iter().position(|known| **known == *label);
    gst::Structure::builder("classification")
        .field("type", TEXTS.result)
        .field("attribute_name", TEXTS.vest)
        .field("label", label)
        .field_if_some("label_id", label_id.map(|id| id as i32))
        .field("confidence", f64::from(track.confidence))
        .field("model_name", TEXTS.element)
        .field("element_id", TEXTS.element)
        .build()
}

fn keypoints(pose: &Pose, (left, top, width, height): (u32, u32, u32, u32)) -> gst::Structure {
    let fractions = pose.iter().flat_map(|keypoint| {
        let x = (keypoint.point.x - left as f32) / width as f32;
        let y = (keypoint.point.y - top as f32) / height as f32;
        [x, y].into_iter().flat_map(f32::to_ne_bytes)
    });
    let fractions: Vec<u8> = fractions.collect();
    gst::Structure::builder("keypoints")
        .field("format", TEXTS.keypoints)
        .field("dims", gst::Array::new([Keypoint::COUNT as u32, 2]))
        .field("precision", FP32)
        .field("data_buffer", glib::Variant::array_from_fixed_array(&fractions))
        .field(
            "confidence",
            gst::Array::new(pose.iter().map(|keypoint| keypoint.confidence)),
        )
        .field("point_names", &TEXTS.point_names)
        .field("point_connections", &TEXTS.point_connections)
        .field("element_id", TEXTS.element)
        .build()
}
