//! Points and axis-aligned boxes.

/// A point; its coordinate frame is that of its user.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Coordinate to the right.
    pub x: f32,
    /// Coordinate downwards.
    pub y: f32,
}

impl Point {
    /// A point at `x`, `y`.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }
}

/// An axis-aligned box by its edges; empty if `right <= left` or `bottom <= top`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Smallest x.
    pub left: f32,
    /// Smallest y.
    pub top: f32,
    /// Largest x.
    pub right: f32,
    /// Largest y.
    pub bottom: f32,
}

impl Rect {
    /// The box between the given edges.
    pub const fn new(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self {
            left,
            top,
            right,
            bottom,
        }
    }

    /// The box with the given centre and size.
    pub fn from_center(cx: f32, cy: f32, width: f32, height: f32) -> Self {
        Self::new(cx - width / 2.0, cy - height / 2.0, cx + width / 2.0, cy + height / 2.0)
    }

    /// Horizontal extent, never negative.
    pub fn width(&self) -> f32 {
        (self.right - self.left).max(0.0)
    }

    /// Vertical extent, never negative.
    pub fn height(&self) -> f32 {
        (self.bottom - self.top).max(0.0)
    }

    /// Area, zero for an empty box.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// The middle.
    pub fn center(&self) -> Point {
        Point::new((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    /// The intersection, possibly empty.
    pub fn intersection(&self, other: &Self) -> Self {
        Self::new(
            self.left.max(other.left),
            self.top.max(other.top),
            self.right.min(other.right),
            self.bottom.min(other.bottom),
        )
    }

    /// Intersection over union (Jaccard index), 0..1; 0 if either box is empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let common = self.intersection(other).area();
        let union = self.area() + other.area() - common;
        if union > 0.0 { common / union } else { 0.0 }
    }

    /// The smallest box around points; of no points, one whose edges are infinitely far on the wrong sides.
    pub fn around(points: impl IntoIterator<Item = Point>) -> Self {
        let nothing = Self::new(f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY);
        points.into_iter().fold(nothing, |bounds, point| {
            Self::new(
                bounds.left.min(point.x),
                bounds.top.min(point.y),
                bounds.right.max(point.x),
                bounds.bottom.max(point.y),
            )
        })
    }

    /// The box with all edges moved outwards by `margin`.
    pub fn grown(&self, margin: f32) -> Self {
        Self::new(
            self.left - margin,
            self.top - margin,
            self.right + margin,
            self.bottom + margin,
        )
    }

    /// The box scaled about the origin, by `sx` horizontally and `sy` vertically.
    pub fn scaled(&self, sx: f32, sy: f32) -> Self {
        Self::new(self.left * sx, self.top * sy, self.right * sx, self.bottom * sy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iou_is_intersection_over_union() {
        let a = Rect::new(0.0, 0.0, 2.0, 2.0);
        for (b, want) in [
            (a, 1.0),
            (Rect::new(1.0, 0.0, 3.0, 2.0), 1.0 / 3.0),
            (Rect::new(2.0, 0.0, 4.0, 2.0), 0.0),
            (Rect::new(5.0, 5.0, 4.0, 4.0), 0.0),
        ] {
            assert!((a.iou(&b) - want).abs() < 1e-6, "{b:?}");
        }
        assert_eq!(Rect::default().iou(&Rect::default()), 0.0);
    }
}
