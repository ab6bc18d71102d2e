//! Coverage: how much of each pixel the shapes drawn so far cover.
//!
//! Shapes are drawn into a [`Mask`] first and blended onto the planes afterwards, all at once: overlapping strokes of one
//! skeleton are one shape with one opacity, and no pixel is blended twice.

use crate::cell::Cell;

/// Number of pixels that are blended or skipped together.
pub(crate) const RUN: usize = 32;

/// Bits of a number of dirty runs.
const WORD: usize = u64::BITS as usize;

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
    /// For each row, a bit for each run that may not be zero.
    dirty: Vec<u64>,
    /// Numbers of `dirty` for a row.
    words: usize,
    /// The rows that may not be zero, from and to.
    rows: (usize, usize),
    /// The buffer of [`crate::polygon::fill`].
    pub(crate) cells: Vec<Cell>,
}

/// No rows; grows by `min` and `max`.
const NOTHING: (usize, usize) = (usize::MAX, 0);

impl Mask {
    /// Empties the mask and gives it the size of a frame.
    pub(crate) fn reset(&mut self, width: usize, height: usize) {
        if (width, height) == (self.width, self.height) {
            return self.clear();
        }
        let stride = width.next_multiple_of(RUN);
        let words = (stride / RUN).div_ceil(WORD);
        *self = Self {
            width,
            height,
            stride,
            cover: vec![0; stride * height],
            dirty: vec![0; words * height],
            words,
            rows: NOTHING,
            cells: Vec::new(),
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
    #[inline]
    pub(crate) fn span_mut(&mut self, y: usize, from: usize, to: usize) -> &mut [u8] {
        if from < to {
            let (first, last) = (from / RUN, (to - 1) / RUN);
            let dirty = &mut self.dirty[y * self.words..][..self.words];
            if last < WORD {
                // as in all frames up to 2048 pixels wide
                dirty[0] |= ones_between(first, last);
            } else {
                for (word, bits) in dirty.iter_mut().enumerate().take(last / WORD + 1).skip(first / WORD) {
                    let start = word * WORD;
                    *bits |= ones_between(first.saturating_sub(start), (last - start).min(WORD - 1));
                }
            }
            self.rows = (self.rows.0.min(y), self.rows.1.max(y + 1));
        }
        &mut self.cover[y * self.stride..][from..to]
    }

    /// The runs of row `y`.
    #[inline]
    pub(crate) fn runs(&self, y: usize) -> &[[u8; RUN]] {
        self.cover[y * self.stride..][..self.stride].as_chunks().0
    }

    /// The numbers of the runs that may not be zero in row `a` or row `b`.
    #[inline]
    pub(crate) fn dirty_runs(&self, a: usize, b: usize) -> impl Iterator<Item = usize> {
        let row = |y: usize| self.dirty[y * self.words..][..self.words].iter();
        let words = row(a).zip(row(b)).map(|(a, b)| a | b);
        words
            .enumerate()
            .flat_map(|(word, bits)| ones(bits).map(move |bit| word * WORD + bit))
    }

    /// The rows that may not be zero, from and to; `from >= to` when there are none.
    pub(crate) fn dirty_rows(&self) -> (usize, usize) {
        self.rows
    }

    /// At an odd frame's right edge a chroma sample has one column: copies it to the column right of it.
    pub(crate) fn double_odd_edge(&mut self) {
        if self.width % 2 == 1 {
            for y in self.rows.0..self.rows.1 {
                let row = &mut self.cover[y * self.stride..][..self.stride];
                row[self.width] = row[self.width - 1];
            }
        }
    }

    /// Removes all shapes.
    pub(crate) fn clear(&mut self) {
        for y in self.rows.0..self.rows.1 {
            let runs = self.cover[y * self.stride..][..self.stride].as_chunks_mut::<RUN>().0;
            for (word, bits) in self.dirty[y * self.words..][..self.words].iter_mut().enumerate() {
                for bit in ones(std::mem::take(bits)) {
                    runs[word * WORD + bit] = [0; RUN];
                }
            }
        }
        self.rows = NOTHING;
    }
}

/// A number with ones from one place to another, both included.
#[inline(always)]
fn ones_between(first: usize, last: usize) -> u64 {
    (u64::MAX << first) & (u64::MAX >> (WORD - 1 - last))
}

/// The places of the ones in a number, the lowest first.
#[inline(always)]
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        lowest
    })
}

/// Raises one pixel's coverage to at least `cover`, 0..1.
#[inline(always)]
pub(crate) fn unite(pixel: &mut u8, cover: f32) {
    // adding 2^23 leaves the number, rounded to nearest, in the low bits of the float: `as u8` costs more
    let cover = (cover * 255.0 + 8_388_608.0).to_bits() as u8;
    *pixel = (*pixel).max(cover);
}
