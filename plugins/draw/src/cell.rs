//! What an edge of a polygon covers.

/// The contribution of one edge to one pixel, and to all pixels right of it in its row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// Row and column as one number, by which cells are sorted.
    pub place: u64,
    /// Signed height of the edge within the pixel: what the pixels to the right are covered more.
    pub height: f32,
    /// Signed area of the pixel to the right of the edge.
    pub area: f32,
}

impl Cell {
    /// The number of a pixel.
    pub fn place(x: usize, y: usize) -> u64 {
        ((y as u64) << 32) | x as u64
    }

    pub fn y(&self) -> usize {
        (self.place >> 32) as usize
    }

    pub fn x(&self) -> usize {
        self.place as u32 as usize
    }
}
