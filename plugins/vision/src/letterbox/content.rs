//! The scaled pixels of a region, a row at a time.

use super::placement::Placement;
use super::taps::Taps;
use crate::Rect;
use crate::image::{Image, PixelFormat, RgbFromYuv};

/// The content of a letterbox.
///
/// Filters and buffers are kept: they are computed anew, in the same memory, when another region or a frame of another format
/// or size comes along, so that sampling does not allocate once the buffers have grown.
#[derive(Default)]
pub(super) struct Content {
    /// Format and size of the frames and the region that the planes are prepared for.
    prepared: Option<(PixelFormat, [usize; 2], Rect)>,
    planes: [Scaled; 3],
    /// A row of Y, U, V.
    yuv: [Vec<u8>; 3],
}

/// The chroma of grey.
const NEUTRAL: u8 = 128;

impl Content {
    /// Prepares for `region` of frames like `image`, at `placement`, which must depend on nothing but the region. Returns
    /// whether anything changed.
    pub fn prepare(&mut self, image: &Image<'_>, region: Rect, placement: &Placement) -> bool {
        let wanted = (image.format(), [image.width(), image.height()], region);
        if self.prepared == Some(wanted) {
            return false;
        }
        for (plane, scaled) in self.planes.iter_mut().take(image.planes()).enumerate() {
            scaled.prepare(image, plane, region, placement);
        }
        for row in &mut self.yuv {
            row.clear();
            row.resize(placement.columns.len(), NEUTRAL);
        }
        self.prepared = Some(wanted);
        true
    }

    /// Row `y` of the content of an image that was prepared for: its R, G and B.
    pub fn row(&mut self, image: &Image<'_>, y: usize, rgb: [&mut [u8]; 3]) {
        for (plane, scaled) in self.planes.iter_mut().take(image.planes()).enumerate() {
            scaled.blend_rows(image, plane, y);
        }
        if let Some(offsets) = image.format().rgb_offsets() {
            for (out, offset) in rgb.into_iter().zip(offsets) {
                self.planes[0].blend_columns(offset, out);
            }
            return;
        }
        self.planes[0].blend_columns(0, &mut self.yuv[0]);
        // grey has no chroma: its rows stay neutral
        let places = image.format().uv_places().into_iter().flatten();
        for (out, (plane, offset)) in self.yuv[1..].iter_mut().zip(places) {
            self.planes[plane].blend_columns(offset, out);
        }
        convert(&image.colorimetry().rgb_from_yuv(), &self.yuv, rgb);
    }
}

fn convert(matrix: &RgbFromYuv, [y, u, v]: &[Vec<u8>; 3], [r, g, b]: [&mut [u8]; 3]) {
    let rgb = r.iter_mut().zip(g).zip(b);
    for (((y, u), v), ((r, g), b)) in y.iter().zip(u).zip(v).zip(rgb) {
        [*r, *g, *b] = matrix.convert(*y, *u, *v);
    }
}

/// One plane, scaled.
#[derive(Default)]
struct Scaled {
    pixel_stride: usize,
    x: Taps,
    y: Taps,
    /// The samples that `x` needs, blended over the rows of one output row; 8 fraction bits.
    sums: Vec<u16>,
}

impl Scaled {
    fn prepare(&mut self, image: &Image<'_>, plane: usize, region: Rect, placement: &Placement) {
        let subsampling = if plane == 0 { 1.0 } else { 2.0 };
        let (columns, rows) = image.plane_size(plane);
        let axis = |taps: &mut Taps, from: f32, to: f32, outputs: usize, samples: usize| {
            let start = f64::from(from) / subsampling;
            let step = (f64::from(to) - f64::from(from)) / subsampling / outputs as f64;
            taps.set(start, step, outputs, samples);
        };
        axis(&mut self.x, region.left, region.right, placement.columns.len(), columns);
        axis(&mut self.y, region.top, region.bottom, placement.rows.len(), rows);
        self.pixel_stride = image.format().pixel_stride(plane);
        self.sums.clear();
        self.sums.resize(self.x.reach().max(self.x.span) * self.pixel_stride, 0);
    }

    /// Blends the rows that make up output row `y`.
    fn blend_rows(&mut self, image: &Image<'_>, plane: usize, y: usize) {
        let first = self.x.first * self.pixel_stride;
        let length = self.x.span * self.pixel_stride;
        let sums = &mut self.sums[..length];
        for (tap, (row, weight)) in self.y.of(y).enumerate() {
            let samples = &image.row(plane, row)[first..][..length];
            if tap == 0 {
                sums.iter_mut()
                    .zip(samples)
                    .for_each(|(sum, s)| *sum = u16::from(*s) * weight);
            } else {
                sums.iter_mut()
                    .zip(samples)
                    .for_each(|(sum, s)| *sum += u16::from(*s) * weight);
            }
        }
    }

    /// Blends the columns of the blended rows, of the component at byte `offset` of a pixel.
    fn blend_columns(&self, offset: usize, out: &mut [u8]) {
        match self.pixel_stride {
            1 => blend_columns::<1>(&self.x, &self.sums, out),
            2 => blend_columns::<2>(&self.x, &self.sums[offset..], out),
            3 => blend_columns::<3>(&self.x, &self.sums[offset..], out),
            _ => blend_columns::<4>(&self.x, &self.sums[offset..], out),
        }
    }
}

fn blend_columns<const STRIDE: usize>(taps: &Taps, sums: &[u16], out: &mut [u8]) {
    const HALF: u32 = 1 << 15;
    let product = |sum: u16, weight: u16| u32::from(sum) * u32::from(weight);
    if taps.count == 2 {
        let weights = taps.weights.as_chunks::<2>().0;
        for ((out, start), w) in out.iter_mut().zip(&taps.starts).zip(weights) {
            let at = &sums[start * STRIDE..][..STRIDE + 1];
            *out = ((product(at[0], w[0]) + product(at[STRIDE], w[1]) + HALF) >> 16) as u8;
        }
        return;
    }
    let weights = taps.weights.chunks_exact(taps.count);
    for ((out, start), weights) in out.iter_mut().zip(&taps.starts).zip(weights) {
        let at = sums[start * STRIDE..].iter().step_by(STRIDE);
        let sum: u32 = at.zip(weights).map(|(sum, w)| product(*sum, *w)).sum();
        *out = ((sum + HALF) >> 16) as u8;
    }
}
