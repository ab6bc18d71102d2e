//! Workstations and their status.

use std::sync::Arc;
use std::time::Duration;

use crate::{Activity, Totals, VestName};
use vision::{Point, Rect};

/// Largest distance, normalised to the frame, of a point on an edge: a hundredth of a pixel of a frame 10,000 wide.
const ON_EDGE: f64 = 1e-6;

/// Room around a polygon's bounds: a point on the boundary is inside, and [`Station::contains`] calls a point so near to it on it.
pub(crate) const MARGIN: f32 = 2e-6;

/// Largest number of corners: all pairs of edges are compared.
const MAX_CORNERS: usize = 1000;

/// A workstation: a named polygon, optionally assigned to one worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Station {
    /// Unique in its file; shown on the image and in events.
    pub name: Arc<str>,
    /// At least three corners, normalised to the frame (0..1), not self-crossing.
    pub polygon: Vec<Point>,
    /// The vest of the assigned worker; `None` if unassigned: anyone may use the station.
    pub vest: Option<VestName>,
}

impl Station {
    /// The smallest box around the polygon, normalised to the frame.
    pub fn bounds(&self) -> Rect {
        Rect::around(self.polygon.iter().copied())
    }

    /// Whether a point of `area`, normalised to the frame, may lie inside: not, if `area` is beside the polygon's bounds.
    pub fn may_meet(&self, area: Rect) -> bool {
        let bounds = self.bounds().grown(MARGIN);
        area.left <= bounds.right && area.right >= bounds.left && area.top <= bounds.bottom && area.bottom >= bounds.top
    }

    /// Whether `point`, normalised to the frame, lies inside; the boundary belongs to the inside.
    ///
    /// Uses the even-odd rule, which is exact for concave and convex polygons that do not cross themselves.
    pub fn contains(&self, point: Point) -> bool {
        let (x, y) = (f64::from(point.x), f64::from(point.y));
        let mut inside = false;
        let previous = self.polygon.iter().cycle().skip(self.polygon.len().saturating_sub(1));
        for (a, b) in previous.zip(&self.polygon) {
            // from the point to both ends of the edge
            let (ax, ay) = (f64::from(a.x) - x, f64::from(a.y) - y);
            let (bx, by) = (f64::from(b.x) - x, f64::from(b.y) - y);
            // few edges are near enough to look at closely
            let is_near = |a: f64, b: f64| a.min(b) <= ON_EDGE && a.max(b) >= -ON_EDGE;
            if is_near(ax, bx) && is_near(ay, by) && is_on_edge((ax, ay), (bx, by)) {
                return true;
            }
            // A ray to the right crosses the edge. The half-open comparison counts a corner on the ray once.
            if (ay > 0.0) != (by > 0.0) && ax + (bx - ax) * ay / (ay - by) > 0.0 {
                inside = !inside;
            }
        }
        inside
    }
}

/// Whether the origin lies on the edge from `a` to `b`, by its distance from the nearest point of the edge.
fn is_on_edge(a: (f64, f64), b: (f64, f64)) -> bool {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length2 = dx * dx + dy * dy;
    let along = if length2 > 0.0 {
        (-(a.0 * dx + a.1 * dy) / length2).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (a.0 + along * dx).hypot(a.1 + along * dy) <= ON_EDGE
}

/// Checks that points, in order, are the corners of a simple polygon with an area.
///
/// # Errors
/// The first of: fewer than three points or more than a thousand, equal neighbours, all points on one line, edges that cross or
/// touch.
pub fn check_polygon(polygon: &[Point]) -> Result<(), PolygonError> {
    let count = polygon.len();
    if count < 3 {
        return Err(PolygonError::TooFewPoints { count });
    }
    if count > MAX_CORNERS {
        return Err(PolygonError::TooManyPoints { count });
    }
    let next = |i: usize| (i + 1) % count;
    if let Some(i) = (0..count).find(|i| polygon[*i] == polygon[next(*i)]) {
        return Err(PolygonError::RepeatedPoint {
            first: i,
            second: next(i),
        });
    }
    let (a, b) = (polygon[0], polygon[1]);
    if polygon.iter().all(|point| turn(a, b, *point) == Turn::Straight) {
        return Err(PolygonError::NoArea);
    }
    for i in 0..count {
        for j in i + 1..count {
            let (p, q, r, s) = (polygon[i], polygon[next(i)], polygon[j], polygon[next(j)]);
            let crosses = if j == next(i) {
                folds_back(p, q, s)
            } else if i == next(j) {
                folds_back(r, p, q)
            } else {
                cross(p, q, r, s)
            };
            if crosses {
                return Err(PolygonError::CrossingEdges {
                    first: (i, next(i)),
                    second: (j, next(j)),
                });
            }
        }
    }
    Ok(())
}

/// Why points are not a valid polygon; corners are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the messages describe the fields
pub enum PolygonError {
    #[error("a polygon needs at least three points, found {count}")]
    TooFewPoints { count: usize },
    #[error("a polygon may have up to {MAX_CORNERS} points, found {count}; draw it more coarsely")]
    TooManyPoints { count: usize },
    #[error("points {first} and {second} are the same; leave one out (the last edge closes by itself)")]
    RepeatedPoint { first: usize, second: usize },
    #[error("the polygon has no area: all its points lie on one line; move one off it")]
    NoArea,
    #[error(
        "the edge from point {} to {} crosses or touches the one from {} to {}; list the corners in the order in which one walks around",
        first.0, first.1, second.0, second.1
    )]
    CrossingEdges {
        first: (usize, usize),
        second: (usize, usize),
    },
}

/// The side of a directed line on which a point lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Left,
    Right,
    Straight,
}

fn turn(a: Point, b: Point, c: Point) -> Turn {
    let (ax, ay) = (f64::from(a.x), f64::from(a.y));
    let (ux, uy) = (f64::from(b.x) - ax, f64::from(b.y) - ay);
    let (vx, vy) = (f64::from(c.x) - ax, f64::from(c.y) - ay);
    let cross = ux * vy - uy * vx;
    // the distance of c from the line, compared with the tolerance
    if cross.abs() <= ON_EDGE * ux.hypot(uy) {
        Turn::Straight
    } else if cross > 0.0 {
        Turn::Left
    } else {
        Turn::Right
    }
}

/// Whether two edges, p to q and r to s, have a point in common.
fn cross(p: Point, q: Point, r: Point, s: Point) -> bool {
    let on = |a: Point, b: Point, c: Point| {
        let relative = |point: Point| (f64::from(point.x - c.x), f64::from(point.y - c.y));
        is_on_edge(relative(a), relative(b))
    };
    let apart = |a, b| a != b && a != Turn::Straight && b != Turn::Straight;
    let properly = apart(turn(p, q, r), turn(p, q, s)) && apart(turn(r, s, p), turn(r, s, q));
    properly || on(p, q, r) || on(p, q, s) || on(r, s, p) || on(r, s, q)
}

/// Whether the path from `a` over `b` to `c` reverses onto itself.
fn folds_back(a: Point, b: Point, c: Point) -> bool {
    let ahead = f64::from(b.x - a.x) * f64::from(c.x - b.x) + f64::from(b.y - a.y) * f64::from(c.y - b.y);
    turn(a, b, c) == Turn::Straight && ahead < 0.0
}

/// A station's status at one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct StationStatus {
    /// The station.
    pub station: Arc<Station>,
    /// Its state.
    pub activity: Activity,
    /// Who is (or was last) working there: the assigned worker, or the person with a hand inside.
    pub worker: Option<VestName>,
    /// Running time at which `activity` began.
    pub since: Duration,
    /// How long `activity` has lasted at this frame.
    pub lasted: Duration,
    /// Time in each state up to this frame.
    pub totals: Totals,
}
