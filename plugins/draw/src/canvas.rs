//! Blending of a colour onto the planes of a surface, by the coverage of a mask.

use crate::mask::RUN;
use crate::sample::sample;
use crate::{Color, Mask, Surface};

/// Number of pixels, or of chroma samples of a whole run, that are blended together.
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
        let sample = std::array::from_fn(|i| sample[i]);
        if plane == 0 {
            self.fill_pixels::<N>(&Ink::new(sample, alpha));
        } else {
            self.fill_chroma::<N>(plane, &Ink::new(sample, alpha));
        }
    }

    /// The plane that has a sample for each pixel.
    fn fill_pixels<const N: usize>(&mut self, ink: &Ink<N>) {
        let (top, bottom) = self.mask.dirty_rows();
        for y in top..bottom {
            let (from, to) = self.mask.dirty_runs(y);
            let Some(row) = part(self.surface.row_mut(0, y), from * RUN) else {
                continue;
            };
            let covers = self.mask.runs(y, from, to).as_flattened().as_chunks().0;
            let (halves, rest) = row.as_chunks_mut();
            for (half, cover) in halves.iter_mut().zip(covers) {
                if *cover != [0; HALF] {
                    blend_pixels(ink, half, cover);
                }
            }
            if let Some(cover) = covers.get(halves.len()) {
                on_rest(rest, |half| blend_pixels(ink, half, cover));
            }
        }
    }

    /// A plane that has a sample for each 2×2 pixels: their mean coverage counts.
    fn fill_chroma<const N: usize>(&mut self, plane: usize, ink: &Ink<N>) {
        let (top, bottom) = self.mask.dirty_rows();
        if top >= bottom {
            return;
        }
        for y in top / 2..bottom.div_ceil(2) {
            // at an odd frame's bottom a sample has one row
            let (upper, lower) = (2 * y, (2 * y + 1).min(self.mask.height() - 1));
            let (a, b) = (self.mask.dirty_runs(upper), self.mask.dirty_runs(lower));
            let (from, to) = (a.0.min(b.0), a.1.max(b.1));
            let Some(row) = part(self.surface.row_mut(plane, y), from * HALF) else {
                continue;
            };
            let (upper, lower) = (self.mask.runs(upper, from, to), self.mask.runs(lower, from, to));
            let (halves, rest) = row.as_chunks_mut();
            for ((half, upper), lower) in halves.iter_mut().zip(upper).zip(lower) {
                if *upper != [0; RUN] || *lower != [0; RUN] {
                    blend_chroma(ink, half, upper, lower);
                }
            }
            if let (Some(upper), Some(lower)) = (upper.get(halves.len()), lower.get(halves.len())) {
                on_rest(rest, |half| blend_chroma(ink, half, upper, lower));
            }
        }
    }
}

/// The samples of a row from `from` on, if it has any.
fn part<const N: usize>(row: &mut [u8], from: usize) -> Option<&mut [[u8; N]]> {
    row.as_chunks_mut().0.get_mut(from..)
}

/// A colour to blend over half runs of samples of `N` bytes: 8 lanes of 16 bits, as the oldest SIMD has them.
struct Ink<const N: usize> {
    run: [[u8; N]; HALF],
    alpha: u16,
}

impl<const N: usize> Ink<N> {
    fn new(sample: [u8; N], alpha: u8) -> Self {
        Self {
            run: [sample; HALF],
            alpha: u16::from(alpha),
        }
    }

    /// Blends over a run of samples, each by its coverage, 0..255.
    #[inline(always)]
    fn blend(&self, row: &mut [[u8; N]; HALF], cover: &[u16; HALF]) {
        let mut weights = [[0; N]; HALF];
        for (weight, cover) in weights.iter_mut().zip(cover) {
            *weight = [div_255(cover * self.alpha); N];
        }
        let inks = self.run.as_flattened().iter().zip(weights.as_flattened());
        for (byte, (ink, weight)) in row.as_flattened_mut().iter_mut().zip(inks) {
            *byte = div_255(u16::from(*byte) * (255 - weight) + u16::from(*ink) * weight) as u8;
        }
    }
}

// Two kernels, separate from the loops that call them and over arrays of fixed lengths: otherwise the compiler does not
// vectorise all of them.

/// Blends over half a run of pixels.
#[inline(never)]
fn blend_pixels<const N: usize>(ink: &Ink<N>, row: &mut [[u8; N]; HALF], cover: &[u8; HALF]) {
    let mut wide = [0; HALF];
    wide.iter_mut().zip(cover).for_each(|(wide, c)| *wide = u16::from(*c));
    ink.blend(row, &wide);
}

/// Blends over a run's chroma, with the mean coverage of each 2×2 pixels of two rows.
#[inline(never)]
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

/// Blends the samples that are left at the end of a row, in a copy that is filled up to a half run.
fn on_rest<const N: usize>(rest: &mut [[u8; N]], blend: impl FnOnce(&mut [[u8; N]; HALF])) {
    let mut half = [[0; N]; HALF];
    half[..rest.len()].copy_from_slice(rest);
    blend(&mut half);
    rest.copy_from_slice(&half[..rest.len()]);
}

/// `v / 255` rounded to nearest, exact for `v` up to 255².
#[inline]
fn div_255(v: u16) -> u16 {
    let v = v + 128;
    (v + (v >> 8)) >> 8
}
