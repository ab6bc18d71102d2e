//! Regions whose pixels are the tensor's bytes already: rows are copied.

use super::format::{ChannelOrder, Layout, TensorFormat};
use super::placement::Placement;
use super::presentation::Orientation;
use crate::Rect;
use crate::image::Image;

/// Bytes of a pixel of packed RGB, and of a tensor's pixel in [`Layout::Nhwc`].
const PIXEL: usize = 3;

/// Copies `region` into `out` if its pixels are the elements of `format`, whose elements must be the pixels' bytes: three
/// interleaved components in the tensor's order, neither scaled nor turned nor shifted between pixels, inside of the image.
/// `region` is in pixels of the image. Otherwise false, and `out` is as before.
pub(super) fn copy(
    format: &TensorFormat,
    image: &Image<'_>,
    region: Rect,
    placement: &Placement,
    out: &mut [u8],
) -> bool {
    let order = match format.order {
        ChannelOrder::Rgb => [0, 1, 2],
        ChannelOrder::Bgr => [2, 1, 0],
    };
    let is_packed = image.format().rgb_offsets() == Some(order) && image.format().pixel_stride(0) == PIXEL;
    let Some((left, top)) = whole_pixels(image, region) else {
        return false;
    };
    let (columns, rows) = (&placement.columns, &placement.rows);
    let is_one_to_one = columns.len() as f32 == region.width() && rows.len() as f32 == region.height();
    let is_turned = placement.orientation != Orientation::IDENTITY;
    if is_turned || format.layout != Layout::Nhwc || !is_packed || !is_one_to_one {
        return false;
    }
    if let Some(pixels) = image.rows(0).filter(|pixels| pixels.len() == out.len())
        && (columns.len(), rows.len()) == (format.width, format.height)
        && columns.len() == image.width()
    {
        // all at once, which is faster than by rows: the processor need not read what it overwrites
        out.copy_from_slice(pixels);
        return true;
    }
    let width = columns.len() * PIXEL;
    if columns.len() < format.width || rows.len() < format.height {
        out.fill(format.pad);
    }
    let lines = out.chunks_exact_mut(format.width * PIXEL).skip(rows.start);
    for (y, line) in (top..).zip(lines.take(rows.len())) {
        line[columns.start * PIXEL..][..width].copy_from_slice(&image.row(0, y)[left * PIXEL..][..width]);
    }
    true
}

/// The first column and row of a region of whole pixels inside of the image.
fn whole_pixels(image: &Image<'_>, region: Rect) -> Option<(usize, usize)> {
    let is_whole = [region.left, region.top, region.right, region.bottom]
        .iter()
        .all(|edge| edge.fract() == 0.0);
    let is_inside = region.left >= 0.0
        && region.top >= 0.0
        && region.right <= image.width() as f32
        && region.bottom <= image.height() as f32;
    (is_whole && is_inside).then_some((region.left as usize, region.top as usize))
}
