//! Placement of labels: near what they name, inside the frame, not over one another.

use vision::{Point, Rect};

use super::occupancy::Occupancy;

/// The share of a plate that others may cover, beyond which it can be left out: more than half of it could not be read.
const MOST_COVERED: f32 = 0.5;

/// The plates of one frame.
#[derive(Debug)]
pub(super) struct Plates {
    frame: Rect,
    taken: Occupancy,
    /// Areas that plates avoid if there is another place.
    clear: Occupancy,
}

impl Plates {
    pub(super) fn new(frame: Rect) -> Self {
        Self {
            frame,
            taken: Occupancy::new(frame),
            clear: Occupancy::new(frame),
        }
    }

    /// Makes these the areas that plates avoid if there is another place.
    pub(super) fn keep_clear(&mut self, areas: impl IntoIterator<Item = Rect>) {
        self.clear = Occupancy::new(self.frame);
        areas.into_iter().for_each(|area| self.clear.add(area));
    }

    /// Chooses and occupies the best place for a plate of that size; `corners` are candidates for its top left corner, best
    /// first, all in pixels.
    ///
    /// Each candidate is moved into the frame. The weights of the costs, from high to low: overlap with other plates, overlap
    /// with areas to keep clear, distance from the candidate, rank of the candidate.
    pub(super) fn place(&mut self, width: f32, height: f32, corners: &[Point]) -> Rect {
        let (_, plate) = self.best(width, height, corners);
        self.taken.add(plate);
        plate
    }

    /// As [`place`](Self::place), if there is a place at which most of the plate covers no other.
    pub(super) fn place_if_free(&mut self, width: f32, height: f32, corners: &[Point]) -> Option<Rect> {
        let (covered, plate) = self.best(width, height, corners);
        if covered > MOST_COVERED {
            return None;
        }
        self.taken.add(plate);
        Some(plate)
    }

    /// Occupies a place that was chosen before.
    pub(super) fn occupy(&mut self, plate: Rect) {
        self.taken.add(plate);
    }

    /// The best place, and the share of it that other plates cover.
    fn best(&self, width: f32, height: f32, corners: &[Point]) -> (f32, Rect) {
        let mut best = (f32::INFINITY, (0.0, Rect::default()));
        for (rank, corner) in corners.iter().enumerate() {
            // max after min: a plate wider than the frame begins at its left edge, and so does NaN
            let left = corner.x.min(self.frame.right - width).max(0.0);
            let top = corner.y.min(self.frame.bottom - height).max(0.0);
            let plate = Rect::new(left, top, left + width, top + height);
            let share = |occupancy: &Occupancy| occupancy.covered(plate) / plate.area().max(1.0);
            let moved = ((left - corner.x).abs() / width + (top - corner.y).abs() / height).min(4.0);
            let covered = share(&self.taken);
            let cost = 8.0 * covered + 0.25 * moved + 0.1 * rank as f32;
            // what costs too much already need not be compared with the other areas
            if cost < best.0 {
                let cost = cost + share(&self.clear);
                if cost < best.0 {
                    best = (cost, (covered, plate));
                }
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Rect = Rect::new(0.0, 0.0, 100.0, 50.0);

    #[test]
    fn the_first_free_corner_is_chosen() {
        let mut plates = Plates::new(FRAME);
        let corners = [Point::new(10.0, 10.0), Point::new(10.0, 20.0)];
        assert_eq!(plates.place(20.0, 8.0, &corners), Rect::new(10.0, 10.0, 30.0, 18.0));
        assert_eq!(plates.place(20.0, 8.0, &corners), Rect::new(10.0, 20.0, 30.0, 28.0));
        plates.keep_clear([Rect::new(40.0, 0.0, 100.0, 15.0)]);
        let corners = [Point::new(50.0, 5.0), Point::new(50.0, 30.0)];
        assert_eq!(plates.place(20.0, 8.0, &corners).top, 30.0);
    }

    #[test]
    fn a_plate_that_would_mostly_be_hidden_is_left_out() {
        let mut plates = Plates::new(FRAME);
        let mut place = |x, y| plates.place_if_free(20.0, 8.0, &[Point::new(x, y)]).is_some();
        assert!(place(10.0, 10.0));
        assert!(!place(10.0, 10.0) && !place(14.0, 12.0));
        assert!(place(10.0, 15.0), "a third of it is covered");
        // a plate that is required is always placed
        assert_eq!(plates.place(20.0, 8.0, &[Point::new(10.0, 10.0)]).top, 10.0);
    }

    #[test]
    fn plates_stay_in_the_frame() {
        for (x, y) in [(-30.0, -5.0), (95.0, 49.0), (1e30, -1e30), (f32::NAN, 3.0)] {
            let plate = Plates::new(FRAME).place(20.0, 8.0, &[Point::new(x, y), Point::new(y, x)]);
            assert!(
                plate.left >= 0.0 && plate.top >= 0.0 && plate.right <= 100.0 && plate.bottom <= 50.0,
                "{plate:?}"
            );
        }
    }
}
