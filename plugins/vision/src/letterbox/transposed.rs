//! Content whose rows are the stored frame's columns: sampled as it is stored, then transposed.

use fearless_simd::Level;

use super::content::Content;
use super::placement::Placement;
use crate::image::Image;

/// Stored rows that are transposed together, so that neighbouring bytes are written together.
const ROWS: usize = 16;

/// The content with its axes exchanged.
#[derive(Default)]
pub(super) struct Transposed {
    /// R, G and B of [`ROWS`] rows as they are stored.
    stored: [Vec<u8>; 3],
    /// R, G and B of the whole content, row by row.
    planes: [Vec<u8>; 3],
    /// Columns of the content.
    width: usize,
}

impl Transposed {
    /// Samples the content of an image that `content` is prepared for. Columns are in the order of the stored rows.
    pub fn fill(&mut self, content: &mut Content, level: Level, image: &Image<'_>, placement: &Placement) {
        let (length, width) = placement.stored_size();
        self.width = width;
        for rows in &mut self.stored {
            rows.resize(ROWS * length, 0);
        }
        for plane in &mut self.planes {
            plane.resize(width * length, 0);
        }
        for first in (0..width).step_by(ROWS) {
            let count = ROWS.min(width - first);
            for row in 0..count {
                let rgb = self.stored.each_mut().map(|rows| &mut rows[row * length..][..length]);
                content.row(level, image, first + row, rgb);
            }
            for (rows, plane) in self.stored.iter().zip(&mut self.planes) {
                for (column, out) in plane.chunks_exact_mut(width).enumerate() {
                    let column = rows[column..].iter().step_by(length);
                    out[first..first + count]
                        .iter_mut()
                        .zip(column)
                        .for_each(|(out, pixel)| *out = *pixel);
                }
            }
        }
    }

    /// R, G and B of row `y` of the content.
    pub fn row(&self, y: usize) -> [&[u8]; 3] {
        let width = self.width;
        self.planes.each_ref().map(|plane| &plane[y * width..][..width])
    }
}
