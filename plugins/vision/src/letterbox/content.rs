//! The scaled pixels of a region, a row at a time.

use super::Placement;
use super::taps::Taps;
use crate::Rect;
use crate::image::{Image, RgbFromYuv};

/// The content of a letterbox.
pub(super) enum Content<'a> {
    Rgb {
        pixels: Scaled<'a>,
        /// Byte offsets of R, G, B.
        offsets: [usize; 3],
    },
    Yuv {
        luma: Scaled<'a>,
        /// None for grey.
        chroma: Vec<Scaled<'a>>,
        /// Places of U and V: which of `chroma`, byte offset.
        places: [(usize, usize); 2],
        /// A row of Y, U, V.
        yuv: [Vec<u8>; 3],
        matrix: RgbFromYuv,
    },
}

/// The chroma of grey.
const NEUTRAL: u8 = 128;

impl<'a> Content<'a> {
    pub fn new(image: &'a Image<'a>, region: Rect, placement: &Placement) -> Self {
        let plane = |plane| Scaled::new(image, plane, region, placement);
        if let Some(offsets) = image.format().rgb_offsets() {
            return Self::Rgb {
                pixels: plane(0),
                offsets,
            };
        }
        let places = image.format().uv_places();
        Self::Yuv {
            luma: plane(0),
            chroma: (1..image.format().planes()).map(plane).collect(),
            places: places.map_or([(0, 0); 2], |uv| uv.map(|(plane, offset)| (plane - 1, offset))),
            yuv: [(); 3].map(|()| vec![NEUTRAL; placement.columns.len()]),
            matrix: image.colorimetry().rgb_from_yuv(),
        }
    }

    /// Row `y` of the content, its R, G and B.
    pub fn row(&mut self, y: usize, rgb: [&mut [u8]; 3]) {
        match self {
            Self::Rgb { pixels, offsets } => {
                pixels.blend_rows(y);
                for (out, offset) in rgb.into_iter().zip(*offsets) {
                    pixels.blend_columns(offset, out);
                }
            }
            Self::Yuv {
                luma,
                chroma,
                places,
                yuv,
                matrix,
            } => {
                luma.blend_rows(y);
                luma.blend_columns(0, &mut yuv[0]);
                if !chroma.is_empty() {
                    chroma.iter_mut().for_each(|plane| plane.blend_rows(y));
                    for (out, (plane, offset)) in yuv[1..].iter_mut().zip(*places) {
                        chroma[plane].blend_columns(offset, out);
                    }
                }
                convert(matrix, yuv, rgb);
            }
        }
    }
}

fn convert(matrix: &RgbFromYuv, [y, u, v]: &[Vec<u8>; 3], [r, g, b]: [&mut [u8]; 3]) {
    let rgb = r.iter_mut().zip(g).zip(b);
    for (((y, u), v), ((r, g), b)) in y.iter().zip(u).zip(v).zip(rgb) {
        [*r, *g, *b] = matrix.convert(*y, *u, *v);
    }
}

/// One plane, scaled.
pub(super) struct Scaled<'a> {
    image: &'a Image<'a>,
    plane: usize,
    pixel_stride: usize,
    x: Taps,
    y: Taps,
    /// The samples that `x` needs, blended over the rows of one output row; 8 fraction bits.
    sums: Vec<u16>,
}

impl<'a> Scaled<'a> {
    fn new(image: &'a Image<'a>, plane: usize, region: Rect, placement: &Placement) -> Self {
        let subsampling = if plane == 0 { 1.0 } else { 2.0 };
        let (columns, rows) = image.plane_size(plane);
        let axis = |from: f32, to: f32, outputs: usize, samples: usize| {
            let start = f64::from(from) / subsampling;
            let step = (f64::from(to) - f64::from(from)) / subsampling / outputs as f64;
            Taps::new(start, step, outputs, samples)
        };
        let x = axis(region.left, region.right, placement.columns.len(), columns);
        let y = axis(region.top, region.bottom, placement.rows.len(), rows);
        let pixel_stride = image.format().pixel_stride(plane);
        let sums = vec![0; x.reach().max(x.span) * pixel_stride];
        Self {
            image,
            plane,
            pixel_stride,
            x,
            y,
            sums,
        }
    }

    /// Blends the rows that make up row `y`.
    fn blend_rows(&mut self, y: usize) {
        let first = self.x.first * self.pixel_stride;
        let length = self.x.span * self.pixel_stride;
        let sums = &mut self.sums[..length];
        for (tap, (row, weight)) in self.y.of(y).enumerate() {
            let samples = &self.image.row(self.plane, row)[first..][..length];
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
