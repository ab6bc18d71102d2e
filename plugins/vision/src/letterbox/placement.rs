//! The geometry: where a region lies in a tensor, and the way back.

use std::ops::Range;

use super::error::SampleError;
use super::format::Fit;
use crate::{Point, Rect};

/// The map from frame pixels to tensor pixels: `tensor = frame · scale + offset`, for each axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// Tensor pixels per frame pixel, horizontally.
    pub scale_x: f32,
    /// Tensor pixels per frame pixel, vertically.
    pub scale_y: f32,
    /// The frame's left edge, in tensor pixels.
    pub offset_x: f32,
    /// The frame's top edge, in tensor pixels.
    pub offset_y: f32,
    /// The tensor's width in pixels, for networks whose outputs are fractions of it.
    pub width: f32,
    /// The tensor's height in pixels.
    pub height: f32,
}

impl Default for Letterbox {
    /// The identity, with a tensor of unknown size (0).
    fn default() -> Self {
        Self {
            scale_x: 1.0,
            scale_y: 1.0,
            offset_x: 0.0,
            offset_y: 0.0,
            width: 0.0,
            height: 0.0,
        }
    }
}

impl Letterbox {
    /// Fits `region`, in frame pixels, into a tensor of `width`×`height` pixels (see [the module](super)).
    ///
    /// # Errors
    /// [`SampleError::Region`] if the region is empty or not finite, or so small or far away that scale or offset are not
    /// finite; [`SampleError::Size`] if the tensor is empty.
    pub fn fit(region: Rect, width: usize, height: usize, fit: Fit) -> Result<Self, SampleError> {
        Placement::new(region, width, height, fit).map(|placement| placement.letterbox)
    }

    /// A point in tensor pixels, from one in frame pixels.
    pub fn to_tensor(&self, p: Point) -> Point {
        Point::new(p.x * self.scale_x + self.offset_x, p.y * self.scale_y + self.offset_y)
    }

    /// A point in frame pixels, from one in tensor pixels.
    pub fn to_frame(&self, p: Point) -> Point {
        Point::new(
            (p.x - self.offset_x) / self.scale_x,
            (p.y - self.offset_y) / self.scale_y,
        )
    }

    /// A box in frame pixels, from one in tensor pixels.
    pub fn rect_to_frame(&self, r: Rect) -> Rect {
        let a = self.to_frame(Point::new(r.left, r.top));
        let b = self.to_frame(Point::new(r.right, r.bottom));
        Rect::new(a.x, a.y, b.x, b.y)
    }

    /// The map to the same tensor from a frame that was scaled by `sx` and `sy` after sampling.
    pub fn of_scaled_frame(&self, sx: f32, sy: f32) -> Self {
        Self {
            scale_x: self.scale_x / sx,
            scale_y: self.scale_y / sy,
            ..*self
        }
    }
}

/// The place of a region's content in a tensor.
pub(super) struct Placement {
    pub letterbox: Letterbox,
    /// Tensor columns of the content; the others are padding.
    pub columns: Range<usize>,
    /// Tensor rows of the content; the others are padding.
    pub rows: Range<usize>,
}

impl Placement {
    /// See [`Letterbox::fit`].
    pub(super) fn new(region: Rect, width: usize, height: usize, fit: Fit) -> Result<Self, SampleError> {
        if width == 0 || height == 0 {
            return Err(SampleError::Size { width, height });
        }
        let (left, top) = (f64::from(region.left), f64::from(region.top));
        let (rw, rh) = (f64::from(region.right) - left, f64::from(region.bottom) - top);
        let (tw, th) = (width as f64, height as f64);
        let (cw, ch) = match fit {
            Fit::Stretch => (tw, th),
            Fit::Letterbox => {
                let scale = (tw / rw).min(th / rh);
                let content = |length: f64, max: f64| (length * scale).round_ties_even().clamp(1.0, max);
                (content(rw, tw), content(rh, th))
            }
        };
        let (x, y) = (((tw - cw) / 2.0).floor(), ((th - ch) / 2.0).floor());
        let (sx, sy) = (cw / rw, ch / rh);
        let letterbox = Letterbox {
            scale_x: sx as f32,
            scale_y: sy as f32,
            offset_x: (x - left * sx) as f32,
            offset_y: (y - top * sy) as f32,
            width: tw as f32,
            height: th as f32,
        };
        let usable = |scale: f32, offset: f32| scale.is_normal() && scale > 0.0 && offset.is_finite();
        if !usable(letterbox.scale_x, letterbox.offset_x) || !usable(letterbox.scale_y, letterbox.offset_y) {
            return Err(SampleError::Region(region));
        }
        let range = |from: f64, length: f64| from as usize..(from + length) as usize;
        Ok(Self {
            letterbox,
            columns: range(x, cw),
            rows: range(y, ch),
        })
    }
}
