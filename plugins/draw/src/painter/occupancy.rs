//! How much of a box others cover, without looking at each of them.

use vision::Rect;

/// Cells across and down a frame: about as large as a plate.
const COLUMNS: usize = 24;
const ROWS: usize = 32;

/// Boxes on a frame, in pixels. The frame is divided into cells, each of which knows the boxes that cover it.
#[derive(Debug)]
pub(super) struct Occupancy {
    /// Size of a cell.
    width: f32,
    height: f32,
    /// Row by row.
    cells: Vec<Cell>,
}

/// A part of the frame.
#[derive(Clone, Debug, Default)]
struct Cell {
    /// Number of boxes that cover all of it.
    whole: u32,
    /// Those that cover a part of it.
    parts: Vec<Rect>,
}

impl Occupancy {
    /// Nothing on a frame.
    pub(super) fn new(frame: Rect) -> Self {
        Self {
            width: frame.width() / COLUMNS as f32,
            height: frame.height() / ROWS as f32,
            cells: vec![Cell::default(); COLUMNS * ROWS],
        }
    }

    /// Adds a box; what is outside the frame does not count.
    pub(super) fn add(&mut self, rect: Rect) {
        for (index, place) in self.cells_of(rect) {
            let common = rect.intersection(&place);
            let cell = &mut self.cells[index];
            if common == place {
                cell.whole += 1;
            } else if common.area() > 0.0 {
                cell.parts.push(common);
            }
        }
    }

    /// The sum of the areas of `rect` that each of the boxes covers, in pixels.
    pub(super) fn covered(&self, rect: Rect) -> f32 {
        let covered = |(index, place): (usize, Rect)| {
            let cell: &Cell = &self.cells[index];
            let part = rect.intersection(&place);
            let parts = cell.parts.iter().map(|other| part.intersection(other).area());
            cell.whole as f32 * part.area() + parts.sum::<f32>()
        };
        self.cells_of(rect).map(covered).sum()
    }

    /// The cells that a box may touch, each with its place in the frame.
    fn cells_of(&self, rect: Rect) -> impl Iterator<Item = (usize, Rect)> + use<> {
        // `as` saturates, and makes NaN 0: what is left of the frame or above it begins in the first cell
        let cells = |from: f32, to: f32, size: f32, count: usize| {
            let end = (to / size).ceil() as usize;
            ((from / size) as usize).min(count)..end.min(count)
        };
        let (width, height) = (self.width, self.height);
        let columns = cells(rect.left, rect.right, width, COLUMNS);
        let rows = cells(rect.top, rect.bottom, height, ROWS);
        rows.flat_map(move |row| columns.clone().map(move |column| (column, row)))
            .map(move |(column, row)| {
                let (left, top) = (column as f32 * width, row as f32 * height);
                (row * COLUMNS + column, Rect::new(left, top, left + width, top + height))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_covered_area_is_that_of_all_boxes() {
        let frame = Rect::new(0.0, 0.0, 1920.0, 1080.0);
        let mut occupancy = Occupancy::new(frame);
        let boxes: Vec<Rect> = (0..200)
            .map(|i| {
                let at = |step: i32, size: i32| (i * step % size) as f32 - 40.0;
                let (left, top) = (at(617, 2000), at(331, 1100));
                Rect::new(left, top, left + at(97, 700) + 60.0, top + at(41, 300) + 60.0)
            })
            .chain([frame, Rect::new(-1e9, 500.0, 1e9, 510.0), Rect::new(5.0, 5.0, 5.0, 9.0)])
            .collect();
        boxes.iter().for_each(|rect| occupancy.add(*rect));
        for plate in &boxes {
            let plate = plate.intersection(&frame);
            let want: f32 = boxes.iter().map(|other| plate.intersection(other).area()).sum();
            let got = occupancy.covered(plate);
            assert!(
                (got - want).abs() <= 1e-3 * want + 0.1,
                "{plate:?}: {got} instead of {want}"
            );
        }
    }

    #[test]
    fn boxes_without_an_area_or_outside_cover_nothing() {
        let mut occupancy = Occupancy::new(Rect::new(0.0, 0.0, 100.0, 50.0));
        for rect in [
            Rect::new(f32::NAN, 0.0, 50.0, 50.0),
            Rect::new(f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY),
            Rect::new(200.0, 0.0, 300.0, 50.0),
            Rect::new(-9.0, -9.0, -1.0, -1.0),
        ] {
            occupancy.add(rect);
            occupancy.covered(rect);
        }
        assert_eq!(occupancy.covered(Rect::new(60.0, 0.0, 100.0, 50.0)), 0.0);
    }
}
