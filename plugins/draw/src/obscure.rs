//! Removal of what a region of a frame shows, in place, in any format.
//!
//! Only the mean colour of a region remains. A mosaic or a blur keeps several values of each frame, from many of which what
//! was below can be estimated; one mean a frame has nothing of a face's shape.

use vision::Rect;

use crate::sample::sample;
use crate::{Color, Surface};

/// The form of a region within its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Ellipse,
    Rectangle,
}

/// Replaces a region by its mean colour, in every plane; `bounds` are in frame pixels. Outside of the frame, or without an
/// area, there is nothing to replace.
pub(crate) fn obscure(surface: &mut Surface<'_>, bounds: Rect, form: Form) {
    for plane in 0..surface.planes() {
        let shrink = if plane == 0 { 1.0 } else { 0.5 };
        let bounds = bounds.scaled(shrink, shrink);
        match surface.format().pixel_stride(plane) {
            1 => obscure_plane::<1>(surface, plane, bounds, form),
            2 => obscure_plane::<2>(surface, plane, bounds, form),
            3 => obscure_plane::<3>(surface, plane, bounds, form),
            _ => obscure_plane::<4>(surface, plane, bounds, form),
        }
    }
}

/// Replaces every pixel of the frame by `color`.
pub(crate) fn blank(surface: &mut Surface<'_>, color: Color) {
    for plane in 0..surface.planes() {
        let sample = sample(surface.format(), surface.colorimetry(), plane, color);
        let (width, height) = surface.plane_size(plane);
        let step = surface.format().pixel_stride(plane);
        for y in 0..height {
            let row = &mut surface.row_mut(plane, y)[..width * step];
            row.chunks_exact_mut(step)
                .for_each(|to| to.copy_from_slice(&sample[..step]));
        }
    }
}

fn obscure_plane<const N: usize>(surface: &mut Surface<'_>, plane: usize, bounds: Rect, form: Form) {
    let (width, height) = surface.plane_size(plane);
    // `as` saturates: what is left of the plane or above it is 0
    let (left, right) = (bounds.left as usize, (bounds.right.ceil() as usize).min(width));
    let (top, bottom) = (bounds.top as usize, (bounds.bottom.ceil() as usize).min(height));
    if left >= right || top >= bottom {
        return;
    }
    let mut sums = [0_u64; N];
    for y in top..bottom {
        for sample in &surface.row_mut(plane, y).as_chunks::<N>().0[left..right] {
            for (sum, byte) in sums.iter_mut().zip(sample) {
                *sum += u64::from(*byte);
            }
        }
    }
    let count = ((right - left) * (bottom - top)) as u64;
    let mean = sums.map(|sum| ((sum + count / 2) / count) as u8);
    for y in top..bottom {
        let row = surface.row_mut(plane, y).as_chunks_mut::<N>().0;
        match form {
            Form::Rectangle => row[left..right].fill(mean),
            Form::Ellipse => fill_chord(&mut row[..width], mean, chord(bounds, y)),
        }
    }
}

/// Where an ellipse begins and ends in row `y`, in samples: its greatest extent within the row.
fn chord(bounds: Rect, y: usize) -> (f32, f32) {
    let (center, half) = (bounds.center(), bounds.width() / 2.0);
    let nearest = center.y.clamp(y as f32, (y + 1) as f32);
    let height = ((nearest - center.y) / (bounds.height() / 2.0)).clamp(-1.0, 1.0);
    let half = half * (1.0 - height * height).sqrt();
    (center.x - half, center.x + half)
}

/// Fills from one place to another; the samples that the chord ends in are blended.
fn fill_chord<const N: usize>(row: &mut [[u8; N]], mean: [u8; N], (from, to): (f32, f32)) {
    let first = (from as usize).min(row.len());
    let last = (to.ceil() as usize).min(row.len());
    for (x, sample) in row.iter_mut().enumerate().take(last).skip(first) {
        let cover = (to.min((x + 1) as f32) - from.max(x as f32)).clamp(0.0, 1.0);
        for (byte, mean) in sample.iter_mut().zip(mean) {
            *byte = (f32::from(*byte) + (f32::from(mean) - f32::from(*byte)) * cover).round() as u8;
        }
    }
}
