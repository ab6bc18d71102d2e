//! Coverage: how much of each pixel the shapes drawn so far cover.
//!
//! Shapes are drawn into a [`Mask`] first and blended onto the planes afterwards, all at once: overlapping strokes of one
//! skeleton are one shape with one opacity, and no pixel is blended twice.

/// Number of pixels that are blended or skipped together.
pub(crate) const RUN: usize = 16;

/// A frame of 8-bit coverage, all zero between two fills.
///
/// Overlapping shapes unite: a pixel keeps the largest coverage that any shape gave it.
#[derive(Debug, Default)]
pub struct Mask {
    width: usize,
    height: usize,
    /// Bytes of a row: the width, rounded up to whole runs. Pixels beyond the width are never shown.
    stride: usize,
    cover: Vec<u8>,
    /// For each row, the columns that may not be zero, from and to; empty where `from >= to`.
    spans: Vec<(usize, usize)>,
    /// The rows whose span may not be empty, from and to.
    rows: (usize, usize),
}

/// A span that holds nothing and grows by `min` and `max`.
const NOTHING: (usize, usize) = (usize::MAX, 0);

impl Mask {
    /// Empties the mask and gives it the size of a frame.
    pub(crate) fn reset(&mut self, width: usize, height: usize) {
        if (width, height) == (self.width, self.height) {
            return self.clear();
        }
        let stride = width.next_multiple_of(RUN);
        *self = Self {
            width,
            height,
            stride,
            cover: vec![0; stride * height],
            spans: vec![NOTHING; height],
            rows: NOTHING,
        };
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The columns `from..to` of row `y`, to be written; `to` may go on to the end of the last run.
    pub(crate) fn span_mut(&mut self, y: usize, from: usize, to: usize) -> &mut [u8] {
        let span = &mut self.spans[y];
        *span = (span.0.min(from), span.1.max(to));
        self.rows = (self.rows.0.min(y), self.rows.1.max(y + 1));
        &mut self.cover[y * self.stride..][from..to]
    }

    /// The runs `from..to` of row `y`; none when `from >= to`.
    pub(crate) fn runs(&self, y: usize, from: usize, to: usize) -> &[[u8; RUN]] {
        let row = &self.cover[y * self.stride..][..self.stride];
        row.as_chunks().0.get(from..to).unwrap_or_default()
    }

    /// The runs of row `y` that may not be zero, from and to; `from >= to` when there are none.
    pub(crate) fn dirty_runs(&self, y: usize) -> (usize, usize) {
        let (from, to) = self.spans[y];
        (from / RUN, to.div_ceil(RUN))
    }

    /// The rows that may not be zero, from and to; `from >= to` when there are none.
    pub(crate) fn dirty_rows(&self) -> (usize, usize) {
        self.rows
    }

    /// At an odd frame's right edge a chroma sample has one column: copies it to the column right of it.
    pub(crate) fn double_odd_edge(&mut self) {
        for y in self.rows.0..self.rows.1 {
            if self.width % 2 == 1 && self.spans[y].1 >= self.width {
                let edge = self.cover[y * self.stride + self.width - 1];
                self.span_mut(y, self.width, self.width + 1)[0] = edge;
            }
        }
    }

    /// Removes all shapes.
    pub(crate) fn clear(&mut self) {
        for y in self.rows.0..self.rows.1 {
            let (from, to) = std::mem::replace(&mut self.spans[y], NOTHING);
            if from < to {
                self.cover[y * self.stride..][from..to].fill(0);
            }
        }
        self.rows = NOTHING;
    }
}

/// Raises one pixel's coverage to at least `cover`, 0..1.
#[inline]
pub(crate) fn unite(pixel: &mut u8, cover: f32) {
    // adding 2^23 leaves the number, rounded to nearest, in the low bits of the float: `as u8` costs more
    let cover = (cover * 255.0 + 8_388_608.0).to_bits() as u8;
    *pixel = (*pixel).max(cover);
}
