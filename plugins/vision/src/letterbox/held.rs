//! Rows of content that are interpolated between two stored rows, columns first.
//!
//! Bytes are cheaper to gather than blended rows are, and a stored row is blended once for all rows of the content that are
//! between it and its neighbours.

use fearless_simd::Level;

use super::kernels::{self, Halves};
use super::pairs::{GROUP, Pairs};
use super::taps::Taps;

/// Stored rows of one component with blended columns: the two that the latest row of the content was made of.
#[derive(Default)]
pub(super) struct Held {
    /// The numbers of the stored rows: an even one is the first, an odd one the second.
    numbers: [Option<usize>; 2],
    /// Weighted sums of two bytes, with 8 fraction bits.
    rows: [Vec<u16>; 2],
}

impl Held {
    /// Forgets the rows of another image or with another filter.
    pub fn clear(&mut self) {
        self.numbers = [None; 2];
    }

    /// Row `y` of the content as two stored rows with blended columns. `row`: the bytes of a stored row, from the component's
    /// first one on.
    pub fn row<'a>(
        &mut self,
        level: Level,
        (columns, rows): (&Pairs, &Taps),
        y: usize,
        row: impl Fn(usize) -> &'a [u8],
    ) -> Halves<'_> {
        for row in &mut self.rows {
            row.resize(columns.groups().len() * GROUP, 0);
        }
        let mut weights = [0; 2];
        for (number, weight) in rows.of(y) {
            let place = number % 2;
            weights[place] = weight;
            if self.numbers[place] != Some(number) {
                self.numbers[place] = Some(number);
                kernels::blend_pairs(level, columns, row(number), &mut self.rows[place]);
            }
        }
        Halves {
            rows: self.rows.each_ref().map(Vec::as_slice),
            weights,
        }
    }
}
