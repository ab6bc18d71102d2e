//! Blending of a colour onto the planes of a surface, by the coverage of a mask.

use fearless_simd::{Level, Simd, dispatch};

use crate::coverage::{Coverage, HALF, Runs, mean};
use crate::ink::{Ink, widened};
use crate::mask::RUN;
use crate::sample::sample;
use crate::{Color, Mask, Surface};

/// A surface and the mask that shapes are drawn into before they are painted on it.
#[derive(Debug)]
pub struct Canvas<'s, 'a> {
    surface: &'s mut Surface<'a>,
    /// The coverage for the next [`fill`](Self::fill).
    pub mask: &'s mut Mask,
    /// The fills so far, if they are kept.
    recording: Option<Vec<Fill>>,
}

/// A fill that was kept, to be repeated on other frames of the same size and format.
#[derive(Debug)]
pub(crate) struct Fill {
    coverage: Coverage,
    color: Color,
    alpha: u8,
}

impl Fill {
    /// Size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.coverage.bytes()
    }
}

impl<'s, 'a> Canvas<'s, 'a> {
    /// A canvas with an empty mask.
    pub fn new(surface: &'s mut Surface<'a>, mask: &'s mut Mask) -> Self {
        mask.reset(surface.width(), surface.height());
        Self {
            surface,
            mask,
            recording: None,
        }
    }

    /// Frame width in pixels.
    pub fn width(&self) -> f32 {
        self.surface.width() as f32
    }

    /// What kept fills depend on: the frame's size, and whether it has chroma planes.
    pub(crate) fn form(&self) -> (usize, usize, bool) {
        (self.surface.width(), self.surface.height(), self.surface.planes() > 1)
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
        if let Some(mut fills) = self.recording.take() {
            let coverage = Coverage::of(self.mask, self.surface.planes() > 1, alpha);
            let fill = Fill { coverage, color, alpha };
            self.repeat(&fill);
            fills.push(fill);
            self.recording = Some(fills);
            return self.mask.clear();
        }
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

    /// Keeps the fills from now on.
    pub(crate) fn record(&mut self) {
        self.recording = Some(Vec::new());
    }

    /// The fills since [`record`](Self::record).
    pub(crate) fn recorded(&mut self) -> Vec<Fill> {
        self.recording.take().unwrap_or_default()
    }

    /// Fills as before, to the byte.
    pub(crate) fn repeat(&mut self, fill: &Fill) {
        for plane in 0..self.surface.planes() {
            let sample = sample(self.surface.format(), self.surface.colorimetry(), plane, fill.color);
            match self.surface.format().pixel_stride(plane) {
                1 => self.repeat_plane::<1>(plane, sample, fill),
                2 => self.repeat_plane::<2>(plane, sample, fill),
                3 => self.repeat_plane::<3>(plane, sample, fill),
                _ => self.repeat_plane::<4>(plane, sample, fill),
            }
        }
    }

    fn repeat_plane<const N: usize>(&mut self, plane: usize, sample: [u8; 4], fill: &Fill) {
        let ink = Ink::new(std::array::from_fn::<u8, N, _>(|i| sample[i]), fill.alpha);
        let level = Level::new();
        if plane == 0 {
            dispatch!(level, simd => self.repeat_runs(simd, plane, &ink, &fill.coverage.pixels));
        } else {
            dispatch!(level, simd => self.repeat_runs(simd, plane, &ink, &fill.coverage.chroma));
        }
    }

    #[inline(always)]
    fn repeat_runs<S: Simd, const N: usize, const M: usize>(
        &mut self,
        _: S,
        plane: usize,
        ink: &Ink<N>,
        kept: &Runs<M>,
    ) {
        let whole = [ink.alpha(); M];
        for (y, full, partial) in kept.rows() {
            let (runs, rest) = self.surface.row_mut(plane, y).as_chunks_mut().0.as_chunks_mut::<M>();
            for run in full {
                match runs.get_mut(*run as usize) {
                    Some(samples) => ink.blend(samples, &whole),
                    None => on_rest::<N, M>(rest, |samples| ink.blend(samples, &whole)),
                }
            }
            for (run, weights) in partial {
                let weights = widened(weights);
                match runs.get_mut(*run as usize) {
                    Some(samples) => ink.blend(samples, &weights),
                    None => on_rest(rest, |samples| ink.blend(samples, &weights)),
                }
            }
        }
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
                    Some(pixels) => blend_runs(ink, pixels, &covers[run]),
                    None => on_rest(rest, |pixels| blend_runs(ink, pixels, &covers[run])),
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

/// Blends over a run of samples.
#[inline(always)]
fn blend_runs<const N: usize, const M: usize>(ink: &Ink<N>, row: &mut [[u8; N]; M], cover: &[u8; M]) {
    ink.blend_covered(row, &widened(cover));
}

/// Blends over a run's chroma, with the mean coverage of each 2×2 pixels of two rows.
#[inline(always)]
fn blend_chroma<const N: usize>(ink: &Ink<N>, row: &mut [[u8; N]; HALF], upper: &[u8; RUN], lower: &[u8; RUN]) {
    ink.blend_covered(row, &mean(upper, lower));
}

/// Blends the samples that are left at the end of a row, in a copy that is filled up to a whole run or half.
#[inline(always)]
fn on_rest<const N: usize, const M: usize>(rest: &mut [[u8; N]], blend: impl FnOnce(&mut [[u8; N]; M])) {
    let mut run = [[0; N]; M];
    run[..rest.len()].copy_from_slice(rest);
    blend(&mut run);
    rest.copy_from_slice(&run[..rest.len()]);
}

#[cfg(test)]
mod tests {
    use vision::Point;
    use vision::image::{Colorimetry, PixelFormat, PlaneMut};

    use super::*;
    use crate::{polygon, stroke};

    const COLOR: Color = Color::hex(0x3f_8cff);

    /// The bytes of a patterned frame after `paint`.
    fn painted(format: PixelFormat, (width, height): (usize, usize), paint: impl FnOnce(&mut Canvas)) -> Vec<Vec<u8>> {
        let stride = |plane| format.plane_size(plane, width, height).0 * format.pixel_stride(plane);
        let bytes = |plane| {
            let count = stride(plane) * format.plane_size(plane, width, height).1;
            (0..count).map(|i| (i * 37 % 251) as u8).collect()
        };
        let mut planes: Vec<Vec<u8>> = (0..format.planes()).map(bytes).collect();
        let mapped = planes.iter_mut().enumerate().map(|(plane, data)| PlaneMut {
            data,
            stride: stride(plane),
        });
        let mut surface = Surface::new(format, width, height, mapped, Colorimetry::default()).unwrap();
        paint(&mut Canvas::new(&mut surface, &mut Mask::default()));
        planes
    }

    fn fills(canvas: &mut Canvas) {
        let corners = [(5.0, 3.3), (130.0, 10.0), (120.5, 61.0), (-7.0, 70.0)].map(|(x, y)| Point::new(x, y));
        polygon::fill(canvas.mask, &corners);
        canvas.fill(COLOR, 0.24);
        stroke::polyline(canvas.mask, &corners, true, 3.1);
        canvas.fill(Color::WHITE, 0.8);
        canvas.fill(COLOR, 1.0); // of nothing
    }

    #[test]
    fn a_repeated_fill_gives_the_same_bytes() {
        for format in PixelFormat::ALL {
            for size in [(128, 64), (127, 63), (97, 64), (33, 1), (1, 1), (31, 80)] {
                let drawn = painted(format, size, fills);
                let mut kept = Vec::new();
                let recorded = painted(format, size, |canvas| {
                    canvas.record();
                    fills(canvas);
                    kept = canvas.recorded();
                });
                let repeated = painted(format, size, |canvas| kept.iter().for_each(|fill| canvas.repeat(fill)));
                assert_eq!(drawn, recorded, "{format:?} {size:?}");
                assert_eq!(drawn, repeated, "{format:?} {size:?}");
            }
        }
    }
}
