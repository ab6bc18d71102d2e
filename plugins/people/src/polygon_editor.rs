//! Stations drawn with the pointer: clicks become corners, corners a station. The logic of `activityzone draw=true`.

use std::sync::Arc;

use crate::Station;
use crate::station::{PolygonError, check_polygon};
use crate::station_file::Stations;
use vision::Point;

/// A user's action; points are in normalised frame coordinates (0..1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EditAction {
    /// Adds a corner.
    Corner(Point),
    /// Removes the last corner.
    Undo,
    /// Closes the polygon that is being drawn; without one, removes the station under the point.
    Finish(Point),
}

/// A polygon that is being drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolygonEditor {
    corners: Vec<Point>,
}

impl PolygonEditor {
    /// The corners so far.
    pub fn corners(&self) -> &[Point] {
        &self.corners
    }

    /// Applies an action; returns the new stations if it changed them.
    ///
    /// # Errors
    /// If the corners are not a valid polygon. They are kept, so that the user can undo.
    pub fn stroke(&mut self, action: EditAction, stations: &Stations) -> Result<Option<Stations>, PolygonError> {
        match action {
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

/// The stations without the topmost one that contains the point, which is the last drawn.
fn remove(stations: &Stations, point: Point) -> Option<Stations> {
    let gone = stations.iter().rposition(|station| station.contains(point))?;
    let kept = stations.iter().enumerate().filter(|(index, _)| *index != gone);
    Some(kept.map(|(_, station)| station.clone()).collect())
}

/// `station N`, N the first number not in use.
fn free_name(stations: &Stations) -> Arc<str> {
    let names = (1..).map(|n| format!("station {n}"));
    let mut free = names.filter(|name| stations.iter().all(|station| *station.name != **name));
    free.next().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(
        editor: &mut PolygonEditor,
        corners: &[(f32, f32)],
        stations: &Stations,
    ) -> Result<Option<Stations>, PolygonError> {
        for (x, y) in corners {
            editor.stroke(EditAction::Corner(Point::new(*x, *y)), stations)?;
        }
        editor.stroke(EditAction::Finish(Point::default()), stations)
    }

    fn names(stations: &Stations) -> Vec<&str> {
        stations.iter().map(|station| &*station.name).collect()
    }

    const LEFT: [(f32, f32); 3] = [(0.0, 0.0), (0.4, 0.0), (0.4, 0.8)];
    const RIGHT: [(f32, f32); 3] = [(0.6, 0.0), (1.2, 0.0), (1.0, 0.8)];

    #[test]
    fn corners_become_stations_and_finishing_without_corners_removes_one() {
        let mut editor = PolygonEditor::default();
        let one = drawn(&mut editor, &LEFT, &Stations::default()).unwrap().unwrap();
        let two = drawn(&mut editor, &RIGHT, &one).unwrap().unwrap();
        assert_eq!(names(&two), ["station 1", "station 2"]);
        assert_eq!(two[1].polygon[1], Point::new(1.0, 0.0), "corners stay on the frame");
        let nothing = editor.stroke(EditAction::Finish(Point::new(0.5, 0.9)), &two).unwrap();
        assert_eq!(nothing, None);
        let right = editor
            .stroke(EditAction::Finish(Point::new(0.3, 0.1)), &two)
            .unwrap()
            .unwrap();
        assert_eq!(names(&right), ["station 2"]);
        let again = drawn(&mut editor, &LEFT, &right).unwrap().unwrap();
        assert_eq!(names(&again), ["station 2", "station 1"]);
    }

    #[test]
    fn an_invalid_polygon_is_kept_for_undo() {
        let mut editor = PolygonEditor::default();
        let crossing = [(0.0, 0.0), (0.4, 0.4), (0.4, 0.0), (0.0, 0.4)];
        let none = Stations::default();
        assert!(drawn(&mut editor, &crossing, &none).is_err());
        editor.stroke(EditAction::Undo, &none).unwrap();
        assert_eq!(editor.corners().len(), 3);
        assert!(
            editor
                .stroke(EditAction::Finish(Point::default()), &none)
                .unwrap()
                .is_some()
        );
        assert!(editor.corners().is_empty());
    }

    #[test]
    fn drawn_stations_survive_writing_and_reading() {
        let stations = drawn(&mut PolygonEditor::default(), &RIGHT, &Stations::default())
            .unwrap()
            .unwrap();
        assert_eq!(Stations::parse(&stations.to_json()).unwrap(), stations);
    }
}
