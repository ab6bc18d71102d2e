//! Stations drawn by hand: clicks become corners, corners a station; the pure heart of `activityzone draw=true`.

use std::sync::Arc;

use crate::Station;
use crate::station::{PolygonError, check_polygon};
use crate::station_file::Stations;
use vision::Point;

/// What a hand does, in normalised frame coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EditAction {
    /// The next corner.
    Corner(Point),
    /// The last corner was none.
    Undo,
    /// Closes the polygon that is being drawn; with none begun, removes the station under the point.
    Finish(Point),
}

/// A polygon in the making.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolygonEditor {
    corners: Vec<Point>,
}

impl PolygonEditor {
    /// The corners so far.
    pub fn corners(&self) -> &[Point] {
        &self.corners
    }

    /// Takes in a stroke; the stations as they are now, if it changed them.
    ///
    /// # Errors
    /// When the corners do not make a polygon: they are kept, so that the hand can undo.
    pub fn stroke(&mut self, stroke: EditAction, stations: &Stations) -> Result<Option<Stations>, PolygonError> {
        match stroke {
            EditAction::Corner(point) => {
                let inside = |v: f32| v.clamp(0.0, 1.0);
                self.corners.push(Point::new(inside(point.x), inside(point.y)));
                Ok(None)
            }
            EditAction::Undo => {
                self.corners.pop();
                Ok(None)
            }
            EditAction::Finish(point) if self.corners.is_empty() => Ok(remove(stations, point)),
            EditAction::Finish(_) => {
                check_polygon(&self.corners)?;
                let station = Station {
                    name: free_name(stations),
                    polygon: std::mem::take(&mut self.corners),
                    vest: None,
                };
                Ok(Some(stations.iter().cloned().chain([Arc::new(station)]).collect()))
            }
        }
    }
}

/// Without the topmost station that holds the point: the one drawn last.
fn remove(stations: &Stations, point: Point) -> Option<Stations> {
    let gone = stations.iter().rposition(|station| station.contains(point))?;
    let kept = stations.iter().enumerate().filter(|(index, _)| *index != gone);
    Some(kept.map(|(_, station)| station.clone()).collect())
}

/// `station N`, N the first number that no station bears.
fn free_name(stations: &Stations) -> Arc<str> {
    let names = (1..).map(|n| format!("station {n}"));
    let mut free = names.filter(|name| stations.iter().all(|station| *station.name != **name));
    free.next().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(
        sketch: &mut PolygonEditor,
        corners: &[(f32, f32)],
        stations: &Stations,
    ) -> Result<Option<Stations>, PolygonError> {
        for (x, y) in corners {
            sketch.stroke(EditAction::Corner(Point::new(*x, *y)), stations)?;
        }
        sketch.stroke(EditAction::Finish(Point::default()), stations)
    }

    fn names(stations: &Stations) -> Vec<&str> {
        stations.iter().map(|station| &*station.name).collect()
    }

    const LEFT: [(f32, f32); 3] = [(0.0, 0.0), (0.4, 0.0), (0.4, 0.8)];
    const RIGHT: [(f32, f32); 3] = [(0.6, 0.0), (1.2, 0.0), (1.0, 0.8)];

    #[test]
    fn corners_make_stations_and_a_click_takes_one_away() {
        let mut sketch = PolygonEditor::default();
        let one = drawn(&mut sketch, &LEFT, &Stations::default()).unwrap().unwrap();
        let two = drawn(&mut sketch, &RIGHT, &one).unwrap().unwrap();
        assert_eq!(names(&two), ["station 1", "station 2"]);
        assert_eq!(two[1].polygon[1], Point::new(1.0, 0.0), "corners stay on the frame");
        let nothing = sketch.stroke(EditAction::Finish(Point::new(0.5, 0.9)), &two).unwrap();
        assert_eq!(nothing, None);
        let right = sketch
            .stroke(EditAction::Finish(Point::new(0.3, 0.1)), &two)
            .unwrap()
            .unwrap();
        assert_eq!(names(&right), ["station 2"]);
        let again = drawn(&mut sketch, &LEFT, &right).unwrap().unwrap();
        assert_eq!(names(&again), ["station 2", "station 1"]);
    }

    #[test]
    fn a_polygon_that_is_none_is_kept_to_be_mended() {
        let mut sketch = PolygonEditor::default();
        let crossing = [(0.0, 0.0), (0.4, 0.4), (0.4, 0.0), (0.0, 0.4)];
        let none = Stations::default();
        assert!(drawn(&mut sketch, &crossing, &none).is_err());
        sketch.stroke(EditAction::Undo, &none).unwrap();
        assert_eq!(sketch.corners().len(), 3);
        assert!(
            sketch
                .stroke(EditAction::Finish(Point::default()), &none)
                .unwrap()
                .is_some()
        );
        assert!(sketch.corners().is_empty());
    }

    #[test]
    fn what_was_drawn_can_be_written_and_read() {
        let stations = drawn(&mut PolygonEditor::default(), &RIGHT, &Stations::default())
            .unwrap()
            .unwrap();
        assert_eq!(Stations::parse(&stations.to_json()).unwrap(), stations);
    }
}
