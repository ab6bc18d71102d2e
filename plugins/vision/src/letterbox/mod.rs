//! Fitting a region of a frame into a network's input: the geometry here, the pixels in [`Sampler`].
//!
//! # Geometry
//! A region of `rw`×`rh` frame pixels goes into a tensor of `tw`×`th`. With [`Fit::Letterbox`] its content
//! becomes `cw`×`ch` tensor pixels, `cw = round(rw·s)`, `ch = round(rh·s)` with `s = min(tw/rw, th/rh)` (ties
//! to even, at least 1), with `floor((tw - cw)/2)` pixels of padding to its left and `floor((th - ch)/2)`
//! above, the rest right and below. With [`Fit::Stretch`] `cw = tw` and `ch = th`.
//!
//! Rounding makes the content's scale differ between the axes, by less than a pixel over its whole length; the
//! pixels are sampled and the [`Letterbox`] is undone with the true scales `cw/rw` and `ch/rh`, so nothing is lost.
//! All of it is computed in `f64` and kept as `f32`.

mod content;
mod format;
mod sampler;
mod taps;

use std::ops::Range;

use thiserror::Error;

pub use format::{ChannelOrder, Element, Fit, Layout, TensorFormat};
pub use sampler::Sampler;

use crate::image::Image;
use crate::{Point, Rect};

/// Where frame pixels are in a tensor: `tensor = frame · scale + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// Tensor pixels a frame pixel, horizontally.
    pub scale_x: f32,
    /// Tensor pixels a frame pixel, vertically.
    pub scale_y: f32,
    /// The tensor's x of the frame's left edge.
    pub offset_x: f32,
    /// The tensor's y of the frame's top edge.
    pub offset_y: f32,
    /// The tensor's width in pixels, for networks that answer in fractions of it.
    pub width: f32,
    /// The tensor's height in pixels.
    pub height: f32,
}

impl Default for Letterbox {
    /// Tensor pixels are frame pixels, of a tensor whose size is not known (0).
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
    /// Fits `region`, in frame pixels, into a tensor of `width`×`height` pixels (see the module).
    ///
    /// # Errors
    /// [`SampleError::Region`] when the region is empty or not finite, or so small or far that the scale is not;
    /// [`SampleError::Size`] when the tensor is empty.
    pub fn fit(region: Rect, width: usize, height: usize, fit: Fit) -> Result<Self, SampleError> {
        Placement::new(region, width, height, fit).map(|placement| placement.letterbox)
    }

    /// The tensor's point of a frame's point.
    pub fn to_tensor(&self, p: Point) -> Point {
        Point::new(p.x * self.scale_x + self.offset_x, p.y * self.scale_y + self.offset_y)
    }

    /// The frame's point of a tensor's point.
    pub fn to_frame(&self, p: Point) -> Point {
        Point::new(
            (p.x - self.offset_x) / self.scale_x,
            (p.y - self.offset_y) / self.scale_y,
        )
    }

    /// The tensor's box of a frame's box.
    pub fn rect_to_tensor(&self, r: Rect) -> Rect {
        self.corners(r, Self::to_tensor)
    }

    /// The frame's box of a tensor's box.
    pub fn rect_to_frame(&self, r: Rect) -> Rect {
        self.corners(r, Self::to_frame)
    }

    /// The same tensor seen from a frame that was scaled by `sx` and `sy` after it was sampled.
    pub fn of_scaled_frame(&self, sx: f32, sy: f32) -> Self {
        Self {
            scale_x: self.scale_x / sx,
            scale_y: self.scale_y / sy,
            ..*self
        }
    }

    fn corners(&self, r: Rect, map: impl Fn(&Self, Point) -> Point) -> Rect {
        let a = map(self, Point::new(r.left, r.top));
        let b = map(self, Point::new(r.right, r.bottom));
        Rect::new(a.x, a.y, b.x, b.y)
    }
}

/// Where a region's content lies in a tensor.
struct Placement {
    letterbox: Letterbox,
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Placement {
    fn new(region: Rect, width: usize, height: usize, fit: Fit) -> Result<Self, SampleError> {
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

/// Samples once; keep a [`Sampler`] to sample often.
///
/// # Errors
/// As [`Sampler::new`] and [`Sampler::sample`].
pub fn sample(
    image: &Image<'_>,
    region: Rect,
    format: &TensorFormat,
    out: &mut [u8],
) -> Result<Letterbox, SampleError> {
    Sampler::new(*format)?.sample(image, region, out)
}

/// Why a region cannot become a tensor.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SampleError {
    /// Nothing to fill.
    #[error("a tensor of {width}×{height} pixels is empty; the model's input needs a fixed size")]
    #[allow(missing_docs)] // the message says it
    Size { width: usize, height: usize },
    /// Values that would not be numbers.
    #[error(
        "pixels become (pixel·{scale} - mean)/std, which needs finite numbers and no std of 0; \
         got mean {mean:?}, std {std:?}"
    )]
    #[allow(missing_docs)] // the message says it
    Normalization { scale: f32, mean: [f32; 3], std: [f32; 3] },
    /// Not a piece of a picture.
    #[error("{0:?} is no region of a frame: it must be finite, wider and higher than 0, and near the frame")]
    Region(Rect),
    /// The output has another length than the tensor.
    #[error("the tensor has {expected} bytes, the memory to write it to {got}")]
    #[allow(missing_docs)] // the message says it
    Output { expected: usize, got: usize },
}
