//! The geometry: where a region lies in a tensor, and the way back.

use std::ops::Range;

use super::error::SampleError;
use super::format::Fit;
use super::presentation::{Orientation, Presentation};
use crate::{Point, Rect};

/// The map from stored frame pixels to tensor pixels: `tensor = frame · scale + offset`, for each axis of the tensor, with the
/// frame's axes exchanged first if it is `transposed`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// The tensor's x is computed from the frame's y, and its y from the frame's x.
    pub transposed: bool,
    /// Tensor pixels per frame pixel, along the tensor's x; negative if the frame is mirrored along it.
    pub scale_x: f32,
    /// Tensor pixels per frame pixel, along the tensor's y; negative if the frame is mirrored along it.
    pub scale_y: f32,
    /// The tensor's x of the frame's origin.
    pub offset_x: f32,
    /// The tensor's y of the frame's origin.
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
            transposed: false,
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
    /// Fits `region`, in frame pixels, into a tensor of `width`×`height` pixels (see [the module](super)). The frame is upright
    /// and has square pixels.
    ///
    /// # Errors
    /// As [`Self::fit_presented`].
    pub fn fit(region: Rect, width: usize, height: usize, fit: Fit) -> Result<Self, SampleError> {
        Self::fit_presented(region, &Presentation::default(), width, height, fit)
    }

    /// The same of a frame that is presented in another way.
    ///
    /// # Errors
    /// [`SampleError::Region`] if the region is empty or not finite, or so small or far away that scale or offset are not
    /// finite; [`SampleError::Size`] if the tensor is empty.
    pub fn fit_presented(
        region: Rect,
        presentation: &Presentation,
        width: usize,
        height: usize,
        fit: Fit,
    ) -> Result<Self, SampleError> {
        Placement::new(region, presentation, width, height, fit).map(|placement| placement.letterbox)
    }

    /// A point in tensor pixels, from one in frame pixels.
    pub fn to_tensor(&self, p: Point) -> Point {
        let p = self.exchanged(p);
        Point::new(p.x * self.scale_x + self.offset_x, p.y * self.scale_y + self.offset_y)
    }

    /// A point in frame pixels, from one in tensor pixels.
    pub fn to_frame(&self, p: Point) -> Point {
        self.exchanged(Point::new(
            (p.x - self.offset_x) / self.scale_x,
            (p.y - self.offset_y) / self.scale_y,
        ))
    }

    /// A box in frame pixels, from one in tensor pixels.
    pub fn rect_to_frame(&self, r: Rect) -> Rect {
        // What is the left edge of a mirrored box is the right edge of the box.
        let ordered = |from, to, scale: f32| if scale < 0.0 { (to, from) } else { (from, to) };
        let (left, right) = ordered(r.left, r.right, self.scale_x);
        let (top, bottom) = ordered(r.top, r.bottom, self.scale_y);
        let a = self.to_frame(Point::new(left, top));
        let b = self.to_frame(Point::new(right, bottom));
        Rect::new(a.x, a.y, b.x, b.y)
    }

    /// The map to the same tensor from a frame that was scaled by `sx` and `sy` after sampling.
    pub fn of_scaled_frame(&self, sx: f32, sy: f32) -> Self {
        let scaled = self.exchanged(Point::new(sx, sy));
        Self {
            scale_x: self.scale_x / scaled.x,
            scale_y: self.scale_y / scaled.y,
            ..*self
        }
    }

    /// Width and height of the tensor in pixels; `None` if they are unknown.
    pub fn input_size(&self) -> Option<(usize, usize)> {
        let known = self.width >= 1.0 && self.height >= 1.0;
        known.then_some((self.width as usize, self.height as usize))
    }

    /// How the frame was turned to become the tensor.
    pub fn orientation(&self) -> Orientation {
        Orientation {
            transposed: self.transposed,
            mirrored_x: self.scale_x < 0.0,
            mirrored_y: self.scale_y < 0.0,
        }
    }

    /// The point with its axes exchanged if the map is transposed.
    fn exchanged(&self, p: Point) -> Point {
        if self.transposed { Point::new(p.y, p.x) } else { p }
    }
}

/// The place of a region's content in a tensor.
pub(super) struct Placement {
    pub letterbox: Letterbox,
    /// Tensor columns of the content; the others are padding.
    pub columns: Range<usize>,
    /// Tensor rows of the content; the others are padding.
    pub rows: Range<usize>,
    /// How the stored pixels are turned to become the content.
    pub orientation: Orientation,
}

impl Placement {
    /// See [`Letterbox::fit_presented`].
    pub(super) fn new(
        region: Rect,
        presentation: &Presentation,
        width: usize,
        height: usize,
        fit: Fit,
    ) -> Result<Self, SampleError> {
        if width == 0 || height == 0 {
            return Err(SampleError::Size { width, height });
        }
        let Presentation {
            orientation,
            pixel_aspect,
            ..
        } = *presentation;
        // along the upright axes: the region's start and length in frame pixels, and the size of a pixel
        let (along_x, along_y) = orientation.exchanged(
            Axis::new(region.left, region.right, pixel_aspect),
            Axis::new(region.top, region.bottom, 1.0),
        );
        let (tw, th) = (width as f64, height as f64);
        let (cw, ch) = match fit {
            Fit::Stretch => (tw, th),
            Fit::Letterbox => {
                let scale = (tw / along_x.shown()).min(th / along_y.shown());
                let content = |length: f64, max: f64| (length * scale).round_ties_even().clamp(1.0, max);
                (content(along_x.shown(), tw), content(along_y.shown(), th))
            }
        };
        let (x, y) = (((tw - cw) / 2.0).floor(), ((th - ch) / 2.0).floor());
        let (scale_x, offset_x) = along_x.fill(x, cw, orientation.mirrored_x);
        let (scale_y, offset_y) = along_y.fill(y, ch, orientation.mirrored_y);
        let letterbox = Letterbox {
            transposed: orientation.transposed,
            scale_x: scale_x as f32,
            scale_y: scale_y as f32,
            offset_x: offset_x as f32,
            offset_y: offset_y as f32,
            width: tw as f32,
            height: th as f32,
        };
        let is_usable = |length: f64, scale: f32, offset: f32| length > 0.0 && scale.is_normal() && offset.is_finite();
        if !is_usable(along_x.length, letterbox.scale_x, letterbox.offset_x)
            || !is_usable(along_y.length, letterbox.scale_y, letterbox.offset_y)
        {
            return Err(SampleError::Region(region));
        }
        let range = |from: f64, length: f64| from as usize..(from + length) as usize;
        Ok(Self {
            letterbox,
            columns: range(x, cw),
            rows: range(y, ch),
            orientation,
        })
    }

    /// Columns and rows of the content as stored, before it is turned.
    pub(super) fn stored_size(&self) -> (usize, usize) {
        self.orientation.exchanged(self.columns.len(), self.rows.len())
    }
}

/// A region along one axis of the frame.
struct Axis {
    /// In frame pixels.
    start: f64,
    /// In frame pixels.
    length: f64,
    /// The size of a frame pixel, in units that are the same along both axes.
    pixel: f64,
}

impl Axis {
    fn new(from: f32, to: f32, pixel: f64) -> Self {
        let start = f64::from(from);
        Self {
            start,
            length: f64::from(to) - start,
            pixel,
        }
    }

    /// The length as it is shown.
    fn shown(&self) -> f64 {
        self.length * self.pixel
    }

    /// Scale and offset that make this the tensor's pixels from `first` on, `count` of them.
    fn fill(&self, first: f64, count: f64, is_mirrored: bool) -> (f64, f64) {
        let scale = count / self.length;
        if is_mirrored {
            (-scale, first + count + self.start * scale)
        } else {
            (scale, first - self.start * scale)
        }
    }
}
