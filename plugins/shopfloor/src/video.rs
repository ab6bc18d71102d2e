//! Video frames as images to read and surfaces to draw on, and the caps of the formats that can be.

use draw::{PlaneMut, Surface};
use gst_video::prelude::*;
use vision::image::{ColorMatrix, ColorRange, Colorimetry, Image, ImageError, PixelFormat, Plane};

/// Caps of raw video in system memory, in all formats that can be read and drawn on.
pub fn caps() -> gst::Caps {
    let formats = PixelFormat::ALL.map(gst_format);
    gst_video::VideoCapsBuilder::new().format_list(formats).build()
}

/// The pad templates of a filter for such video.
pub fn filter_templates() -> Vec<gst::PadTemplate> {
    [gst::PadDirection::Sink, gst::PadDirection::Src]
        .map(|direction| template(direction, &caps()))
        .into()
}

/// The template of an always pad `sink` or `src`.
pub fn template(direction: gst::PadDirection, caps: &gst::Caps) -> gst::PadTemplate {
    let name = match direction {
        gst::PadDirection::Src => "src",
        _ => "sink",
    };
    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps).expect("constant templates are valid")
}

/// A mapped frame as an image to read.
///
/// # Errors
/// When the format is not one of [`caps`], or planes and strides do not match it.
pub fn image<'a>(frame: &'a gst_video::VideoFrameRef<&gst::BufferRef>) -> Result<Image<'a>, ImageError> {
    let info = frame.info();
    let format = known_format(info)?;
    let planes = frame
        .planes_data()
        .into_iter()
        .zip(strides(frame.plane_stride()))
        .take(format.planes())
        .map(|(data, stride)| Plane { data, stride });
    Image::new(
        format,
        info.width() as usize,
        info.height() as usize,
        planes,
        colorimetry(info),
    )
}

/// A mapped frame as a surface to draw on.
///
/// # Errors
/// As for [`image`].
pub fn surface<'a>(frame: &'a mut gst_video::VideoFrameRef<&mut gst::BufferRef>) -> Result<Surface<'a>, ImageError> {
    let info = frame.info().clone();
    let format = known_format(&info)?;
    let planes = frame
        .planes_data_mut()
        .into_iter()
        .zip(strides(info.stride()))
        .take(format.planes())
        .map(|(data, stride)| PlaneMut { data, stride });
    Surface::new(
        format,
        info.width() as usize,
        info.height() as usize,
        planes,
        colorimetry(&info),
    )
}

/// The size of a stored frame in pixels: that of the caps, unless the caps are those of a crop in a meta.
pub fn stored_size(buffer: &gst::BufferRef, caps_size: (u32, u32)) -> (u32, u32) {
    let is_cropped = buffer.meta::<gst_video::VideoCropMeta>().is_some();
    let stored = buffer.meta::<gst_video::VideoMeta>().filter(|_| is_cropped);
    stored.map_or(caps_size, |meta| (meta.width(), meta.height()))
}

/// Takes back what downstream has replied about crops in metas, so that elements upstream crop the pixels themselves.
pub fn refuse_crop_metas(query: &mut gst::query::Allocation) {
    while let Some(index) = query.find_allocation_meta::<gst_video::VideoCropMeta>() {
        query.remove_nth_allocation_meta(index);
    }
}

fn known_format(info: &gst_video::VideoInfo) -> Result<PixelFormat, ImageError> {
    let unknown = ImageError::Planes {
        format: info.format().to_str().as_str(),
        expected: 0,
        got: info.n_planes() as usize,
    };
    pixel_format(info.format()).ok_or(unknown)
}

/// The format in the domain, if it is one of [`caps`].
pub fn pixel_format(format: gst_video::VideoFormat) -> Option<PixelFormat> {
    PixelFormat::from_name(format.to_str())
}

fn gst_format(format: PixelFormat) -> gst_video::VideoFormat {
    gst_video::VideoFormat::from_string(format.name())
}

/// Strides in bytes; a negative one (a frame stored upside down) becomes 0, which `Image` and `Surface` reject.
fn strides(strides: &[i32]) -> impl Iterator<Item = usize> + '_ {
    strides.iter().map(|stride| usize::try_from(*stride).unwrap_or(0))
}

/// The colorimetry of a frame. Matrices without a counterpart in the domain are replaced with the closest one.
pub fn colorimetry(info: &gst_video::VideoInfo) -> Colorimetry {
    use gst_video::{VideoColorMatrix, VideoColorRange};
    let colorimetry = info.colorimetry();
    let matrix = match colorimetry.matrix() {
        VideoColorMatrix::Bt709 | VideoColorMatrix::Smpte240m => ColorMatrix::Bt709,
        VideoColorMatrix::Bt2020 => ColorMatrix::Bt2020,
        _ => ColorMatrix::Bt601,
    };
    let range = match colorimetry.range() {
        VideoColorRange::Range0_255 => ColorRange::Full,
        _ => ColorRange::Limited,
    };
    Colorimetry { matrix, range }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_format_is_a_gstreamer_format() {
        gst::init().unwrap();
        for format in PixelFormat::ALL {
            assert_eq!(pixel_format(gst_format(format)), Some(format));
        }
    }
}
