//! Parts of a polygon's edges, of which its coverage is summed up.

/// The contribution of one edge to one pixel, and to all pixels right of it in its row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// Row and column as one number, by which cells are sorted.
    pub(crate) place: u64,
    /// Signed height of the edge within the pixel: what the pixels to the right are covered more.
    pub(crate) height: f32,
    /// Signed area of the pixel to the right of the edge.
    pub(crate) area: f32,
}

impl Cell {
    pub(crate) fn y(&self) -> usize {
        (self.place >> 32) as usize
    }

    pub(crate) fn x(&self) -> usize {
        self.place as u32 as usize
    }
}
