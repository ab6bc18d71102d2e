//! How a stream's frames are meant to be seen: by tags, caps, buffer flags and metas.
//!
//! Pixels stay as they are stored. Only the model's input is upright, and what the model finds is put back into the stored
//! frame.

use gst_video::VideoOrientationMethod;
use gst_video::prelude::*;
use vision::Rect;
use vision::image::Field;
use vision::letterbox::{Crop, Orientation, Presentation};

/// The orientation that a stream's tags (`image-orientation`) state. A stream's own tag wins over one of the whole medium.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OrientationTags {
    stream: Option<Orientation>,
    global: Option<Orientation>,
}

impl OrientationTags {
    /// Takes the orientation from a tag list that has one.
    pub fn update(&mut self, tags: &gst::TagListRef) {
        let Some(orientation) = VideoOrientationMethod::from_tag(tags).and_then(orientation) else {
            return;
        };
        let scope = match tags.scope() {
            gst::TagScope::Stream => &mut self.stream,
            _ => &mut self.global,
        };
        *scope = Some(orientation);
    }

    /// The orientation of the frames that follow.
    pub fn orientation(&self) -> Orientation {
        self.stream.or(self.global).unwrap_or_default()
    }
}

/// GStreamer's orientation in the domain: both state how the stored frame is turned to be upright. `None` if it is none.
fn orientation(method: VideoOrientationMethod) -> Option<Orientation> {
    Some(match method {
        VideoOrientationMethod::Identity => Orientation::IDENTITY,
        VideoOrientationMethod::_90r => Orientation::ROTATE_90,
        VideoOrientationMethod::_180 => Orientation::ROTATE_180,
        VideoOrientationMethod::_90l => Orientation::ROTATE_270,
        VideoOrientationMethod::Horiz => Orientation::MIRROR_HORIZONTALLY,
        VideoOrientationMethod::Vert => Orientation::MIRROR_VERTICALLY,
        VideoOrientationMethod::UlLr => Orientation::TRANSPOSE,
        VideoOrientationMethod::UrLl => Orientation::TRANSVERSE,
        _ => return None,
    })
}

/// How a mapped frame is seen; `orientation` is that of its stream.
pub fn of_frame(
    frame: &gst_video::VideoFrameRef<&gst::BufferRef>,
    info: &gst_video::VideoInfo,
    orientation: Orientation,
) -> Presentation {
    Presentation {
        orientation,
        pixel_aspect: pixel_aspect(info),
        crop: crop(frame.buffer()),
        field: field(frame.flags()),
    }
}

/// Whether the frames of such caps can be sampled: those of one picture. The two fields of a frame may alternate by line.
pub fn is_supported(info: &gst_video::VideoInfo) -> bool {
    use gst_video::VideoInterlaceMode as Mode;
    matches!(
        info.interlace_mode(),
        Mode::Progressive | Mode::Interleaved | Mode::Mixed
    )
}

/// The part of a frame that is seen, in stored pixels.
pub fn seen(buffer: &gst::BufferRef, info: &gst_video::VideoInfo) -> Rect {
    let whole = Rect::new(0.0, 0.0, info.width() as f32, info.height() as f32);
    crop(buffer).map_or(whole, Crop::rect)
}

fn crop(buffer: &gst::BufferRef) -> Option<Crop> {
    let meta = buffer.meta::<gst_video::VideoCropMeta>()?;
    let (left, top, width, height) = meta.rect();
    Some(Crop {
        left: left as usize,
        top: top as usize,
        width: width as usize,
        height: height as usize,
    })
}

/// The width of a pixel divided by its height; 1 if the caps have no usable one.
fn pixel_aspect(info: &gst_video::VideoInfo) -> f64 {
    let par = info.par();
    if par.numer() > 0 && par.denom() > 0 {
        f64::from(par.numer()) / f64::from(par.denom())
    } else {
        1.0
    }
}

/// The field that is seen of an interlaced frame: the top one, which is at most half a frame away in time, unless the frame
/// has the bottom one only.
fn field(flags: gst_video::VideoFrameFlags) -> Option<Field> {
    use gst_video::VideoFrameFlags as Flags;
    let has_bottom_only = flags.contains(Flags::ONEFIELD) && !flags.contains(Flags::TFF);
    flags
        .contains(Flags::INTERLACED)
        .then_some(if has_bottom_only { Field::Bottom } else { Field::Top })
}
