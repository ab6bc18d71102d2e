//! Coverage that is kept: that of one fill, without the parts of a frame that it leaves alone, as the weights of its colour.

use crate::Mask;
use crate::ink::{weight_of, widened};
use crate::mask::RUN;

/// Number of chroma samples of a run.
pub(crate) const HALF: usize = RUN / 2;

/// The weights of the colour of one fill.
#[derive(Debug)]
pub(crate) struct Coverage {
    pub pixels: Runs<RUN>,
    /// The mean of each 2×2 pixels; empty if the surface has no chroma planes.
    pub chroma: Runs<HALF>,
}

/// The runs of `N` samples that are covered, row by row.
#[derive(Debug, Default)]
pub(crate) struct Runs<const N: usize> {
    rows: Vec<Row>,
    /// The numbers of the runs that are covered as a whole.
    full: Vec<u32>,
    /// The numbers of other runs, and the colour's weights there.
    partial: Vec<Partial<N>>,
}

/// The number of a run, and the colour's weight, 0..255, in each of its samples.
pub(crate) type Partial<const N: usize> = (u32, [u8; N]);

/// The runs of one row: from the end of those of the row before.
#[derive(Debug)]
struct Row {
    y: usize,
    full_end: usize,
    partial_end: usize,
}

impl Coverage {
    /// What is in the mask, filled with a colour at `alpha`, 0..255.
    pub fn of(mask: &mut Mask, has_chroma: bool, alpha: u8) -> Self {
        let alpha = u16::from(alpha);
        let (mut pixels, mut chroma) = (Runs::default(), Runs::default());
        let (top, bottom) = mask.dirty_rows();
        for y in top..bottom {
            let covers = mask.runs(y);
            let runs = mask.dirty_runs(y, y).map(|run| (run, widened(&covers[run])));
            pixels.add_row(y, alpha, runs);
        }
        if has_chroma && top < bottom {
            mask.double_odd_edge();
            for y in top / 2..bottom.div_ceil(2) {
                // at an odd frame's bottom a sample has one row
                let (upper, lower) = (2 * y, (2 * y + 1).min(mask.height() - 1));
                let covers = (mask.runs(upper), mask.runs(lower));
                let means = mask
                    .dirty_runs(upper, lower)
                    .map(|run| (run, mean(&covers.0[run], &covers.1[run])));
                chroma.add_row(y, alpha, means);
            }
        }
        Self { pixels, chroma }
    }

    /// Size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.pixels.bytes() + self.chroma.bytes()
    }
}

impl<const N: usize> Runs<N> {
    /// Adds the runs of a row, by their numbers and coverage.
    fn add_row(&mut self, y: usize, alpha: u16, runs: impl Iterator<Item = (usize, [u16; N])>) {
        for (run, cover) in runs {
            if cover == [255; N] {
                self.full.push(run as u32);
            } else if cover != [0; N] {
                self.partial
                    .push((run as u32, cover.map(|cover| weight_of(cover, alpha) as u8)));
            }
        }
        self.rows.push(Row {
            y,
            full_end: self.full.len(),
            partial_end: self.partial.len(),
        });
    }

    /// The rows from the top: each with the numbers of the runs that are covered as a whole, and the others with their weights.
    #[inline(always)]
    pub fn rows(&self) -> impl Iterator<Item = (usize, &[u32], &[Partial<N>])> {
        let (mut full, mut partial) = (0, 0);
        self.rows.iter().map(move |row| {
            let runs = (
                row.y,
                &self.full[full..row.full_end],
                &self.partial[partial..row.partial_end],
            );
            (full, partial) = (row.full_end, row.partial_end);
            runs
        })
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.rows[..]) + size_of_val(&self.full[..]) + size_of_val(&self.partial[..])
    }
}

/// The mean coverage, 0..255, of each 2×2 pixels of a run of two rows.
#[inline(always)]
pub(crate) fn mean(upper: &[u8; RUN], lower: &[u8; RUN]) -> [u16; HALF] {
    let mut sums = [0; RUN];
    for ((sum, u), l) in sums.iter_mut().zip(upper).zip(lower) {
        *sum = u16::from(*u) + u16::from(*l);
    }
    let mut mean = [0; HALF];
    for i in 0..HALF {
        mean[i] = (sums[2 * i] + sums[2 * i + 1] + 2) / 4;
    }
    mean
}
