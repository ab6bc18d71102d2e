//! The area of a station, for many stations and hands: most hands are far from most stations.

use vision::{Point, Rect};

use crate::Station;
use crate::station::MARGIN;

/// The box around a station's polygon, normalised to the frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area(Rect);

impl Area {
    pub fn of(station: &Station) -> Self {
        Self(station.bounds().grown(MARGIN))
    }

    /// Whether `point` may be inside the station: exactly, if it is not.
    pub fn may_contain(&self, point: Point) -> bool {
        let Self(area) = self;
        (area.left..=area.right).contains(&point.x) && (area.top..=area.bottom).contains(&point.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_point_of_a_station_is_outside_its_area() {
        let corners = [(0.0, 0.0), (0.1, 0.0), (0.7, 0.3), (1.0, 1.0), (0.2, 0.9)];
        let station = Station {
            name: "bench".into(),
            polygon: corners.map(|(x, y)| Point::new(x, y)).into(),
            vest: None,
        };
        let area = Area::of(&station);
        let mut inside = 0;
        // on the corners, a little beside them, and everywhere
        for (x, y) in corners
            .into_iter()
            .chain((0..10_000).map(|i| (i as f32 % 100.0 / 99.0, i as f32 / 9_900.0)))
        {
            for (dx, dy) in [(0.0, 0.0), (1e-6, 0.0), (-1e-6, 0.0), (0.0, 1e-6), (0.0, -1e-6)] {
                let point = Point::new(x + dx, y + dy);
                inside += usize::from(station.contains(point));
                assert!(area.may_contain(point) || !station.contains(point), "{point:?}");
            }
        }
        assert!(inside > 1_000);
        assert!(!area.may_contain(Point::new(0.5, 1.01)) && !area.may_contain(Point::new(f32::NAN, 0.5)));
    }
}
