//! Blending of a colour onto the planes of a surface, by the coverage of a mask.

use fearless_simd::{Level, Simd, dispatch};

use crate::mask::RUN;
use crate::sample::sample;
use crate::{Color, Mask, Surface};

/// Number of chroma samples of a run.
const HALF: usize = RUN / 2;

/// A surface and the mask that shapes are drawn into before they are painted on it.
#[derive(Debug)]
pub struct Canvas<'s, 'a> {
    surface: &'s mut Surface<'a>,
    /// The coverage for the next [`fill`](Self::fill).
    pub mask: &'s mut Mask,
}

impl<'s, 'a> Canvas<'s, 'a> {
    /// A canvas with an empty mask.
    pub fn new(surface: &'s mut Surface<'a>, mask: &'s mut Mask) -> Self {
        mask.reset(surface.width(), surface.height());
        Self { surface, mask }
    }

    /// Frame width in pixels.
    pub fn width(&self) -> f32 {
        self.surface.width() as f32
    }

    /// Frame height in pixels.
    pub fn height(&self) -> f32 {
        self.surface.height() as f32
    }

    /// Paints the covered pixels with `color` at `alpha` (0..1) and empties the mask.
    ///
    /// Bytes of other pixels are unchanged. Chroma is blended with the mean coverage of
    /// the (up to four) pixels that share it.
    pub fn fill(&mut self, color: Color, alpha: f32) {
        let alpha = (alpha.clamp(0.0, 1.0) * 255.0).round() as u8;
        if self.surface.planes() > 1 {
            self.mask.double_odd_edge();
        }
        for plane in 0..self.surface.planes() {
            let sample = sample(self.surface.format(), self.surface.colorimetry(), plane, color);
            match self.surface.format().pixel_stride(plane) {
                1 => self.fill_plane::<1>(plane, sample, alpha),
                2 => self.fill_plane::<2>(plane, sample, alpha),
                3 => self.fill_plane::<3>(plane, sample, alpha),
                _ => self.fill_plane::<4>(plane, sample, alpha),
            }
        }
        self.mask.clear();
    }

    fn fill_plane<const N: usize>(&mut self, plane: usize, sample: [u8; 4], alpha: u8) {
        let ink = Ink::new(std::array::from_fn::<u8, N, _>(|i| sample[i]), alpha);
        let level = Level::new();
        if plane == 0 {
            dispatch!(level, simd => self.fill_pixels(simd, &ink));
        } else {
            dispatch!(level, simd => self.fill_chroma(simd, plane, &ink));
        }
    }

    /// The plane that has a sample for each pixel.
    #[inline(always)]
    fn fill_pixels<S: Simd, const N: usize>(&mut self, _: S, ink: &Ink<N>) {
        let (top, bottom) = self.mask.dirty_rows();
        for y in top..bottom {
            let (runs, rest) = self.surface.row_mut(0, y).as_chunks_mut().0.as_chunks_mut::<RUN>();
            let covers = self.mask.runs(y);
            for run in self.mask.dirty_runs(y, y) {
                match runs.get_mut(run) {
                    Some(pixels) => blend_pixels(ink, pixels, &covers[run]),
                    None => on_rest(rest, |pixels| blend_pixels(ink, pixels, &covers[run])),
                }
            }
        }
    }

    /// A plane that has a sample for each 2×2 pixels: their mean coverage counts.
    #[inline(always)]
    fn fill_chroma<S: Simd, const N: usize>(&mut self, _: S, plane: usize, ink: &Ink<N>) {
        let (top, bottom) = self.mask.dirty_rows();
        if top >= bottom {
            return;
        }
        for y in top / 2..bottom.div_ceil(2) {
            // at an odd frame's bottom a sample has one row
            let (upper, lower) = (2 * y, (2 * y + 1).min(self.mask.height() - 1));
            let (halves, rest) = self.surface.row_mut(plane, y).as_chunks_mut().0.as_chunks_mut::<HALF>();
            let covers = (self.mask.runs(upper), self.mask.runs(lower));
            for run in self.mask.dirty_runs(upper, lower) {
                let (upper, lower) = (&covers.0[run], &covers.1[run]);
                match halves.get_mut(run) {
                    Some(samples) => blend_chroma(ink, samples, upper, lower),
                    None => on_rest(rest, |samples| blend_chroma(ink, samples, upper, lower)),
                }
            }
        }
    }
}

/// A colour to blend over samples of `N` bytes, in lanes of 16 bits.
struct Ink<const N: usize> {
    sample: [u16; N],
    alpha: u16,
}

impl<const N: usize> Ink<N> {
    fn new(sample: [u8; N], alpha: u8) -> Self {
        Self {
            sample: sample.map(u16::from),
            alpha: u16::from(alpha),
        }
    }

    /// Blends over samples, each by its coverage, 0..255.
    #[inline(always)]
    fn blend<const M: usize>(&self, row: &mut [[u8; N]; M], cover: &[u16; M]) {
        let inks = [self.sample; M];
        let mut weights = [[0; N]; M];
        for (weight, cover) in weights.iter_mut().zip(cover) {
            *weight = [div_255(cover * self.alpha); N];
        }
        let inks = inks.as_flattened().iter().zip(weights.as_flattened());
        for (byte, (ink, weight)) in row.as_flattened_mut().iter_mut().zip(inks) {
            *byte = div_255(u16::from(*byte) * (255 - weight) + ink * weight) as u8;
        }
    }
}

/// Blends over a run of pixels.
#[inline(always)]
fn blend_pixels<const N: usize>(ink: &Ink<N>, row: &mut [[u8; N]; RUN], cover: &[u8; RUN]) {
    let mut wide = [0; RUN];
    wide.iter_mut().zip(cover).for_each(|(wide, c)| *wide = u16::from(*c));
    ink.blend(row, &wide);
}

/// Blends over a run's chroma, with the mean coverage of each 2×2 pixels of two rows.
#[inline(always)]
fn blend_chroma<const N: usize>(ink: &Ink<N>, row: &mut [[u8; N]; HALF], upper: &[u8; RUN], lower: &[u8; RUN]) {
    let mut sums = [0; RUN];
    for ((sum, u), l) in sums.iter_mut().zip(upper).zip(lower) {
        *sum = u16::from(*u) + u16::from(*l);
    }
    let mut mean = [0; HALF];
    for i in 0..HALF {
        mean[i] = (sums[2 * i] + sums[2 * i + 1] + 2) / 4;
    }
    ink.blend(row, &mean);
}

/// Blends the samples that are left at the end of a row, in a copy that is filled up to a whole run or half.
#[inline(always)]
fn on_rest<const N: usize, const M: usize>(rest: &mut [[u8; N]], blend: impl FnOnce(&mut [[u8; N]; M])) {
    let mut run = [[0; N]; M];
    run[..rest.len()].copy_from_slice(rest);
    blend(&mut run);
    rest.copy_from_slice(&run[..rest.len()]);
}

/// `v / 255` rounded to nearest, exact for `v` up to 255².
#[inline(always)]
fn div_255(v: u16) -> u16 {
    let v = v + 128;
    (v + (v >> 8)) >> 8
}
