//! How a stored frame is meant to be seen: turned, with pixels that are not square, cropped, interlaced.

use super::error::SampleError;
use crate::image::{Field, Image};
use crate::{Point, Rect};

/// How stored pixels are turned and mirrored to be upright. First the axes are exchanged, if so, then mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orientation {
    /// The upright x is the stored y, and the upright y the stored x.
    pub transposed: bool,
    /// The upright x runs against its stored axis.
    pub mirrored_x: bool,
    /// The upright y runs against its stored axis.
    pub mirrored_y: bool,
}

impl Orientation {
    /// Stored upright.
    pub const IDENTITY: Self = Self::new(false, false, false);
    /// To be turned by 90° clockwise.
    pub const ROTATE_90: Self = Self::new(true, true, false);
    /// To be turned by 180°.
    pub const ROTATE_180: Self = Self::new(false, true, true);
    /// To be turned by 90° counter-clockwise.
    pub const ROTATE_270: Self = Self::new(true, false, true);
    /// To be mirrored left to right.
    pub const MIRROR_HORIZONTALLY: Self = Self::new(false, true, false);
    /// To be mirrored top to bottom.
    pub const MIRROR_VERTICALLY: Self = Self::new(false, false, true);
    /// To be mirrored along the diagonal from the upper left.
    pub const TRANSPOSE: Self = Self::new(true, false, false);
    /// To be mirrored along the diagonal from the upper right.
    pub const TRANSVERSE: Self = Self::new(true, true, true);
    /// All eight.
    pub const ALL: [Self; 8] = [
        Self::IDENTITY,
        Self::ROTATE_90,
        Self::ROTATE_180,
        Self::ROTATE_270,
        Self::MIRROR_HORIZONTALLY,
        Self::MIRROR_VERTICALLY,
        Self::TRANSPOSE,
        Self::TRANSVERSE,
    ];

    const fn new(transposed: bool, mirrored_x: bool, mirrored_y: bool) -> Self {
        Self {
            transposed,
            mirrored_x,
            mirrored_y,
        }
    }

    /// A direction or point of the upright frame, from one of the stored frame; both are turned about the origin.
    pub fn to_upright(self, p: Point) -> Point {
        let (x, y) = self.exchanged(p.x, p.y);
        self.mirrored(Point::new(x, y))
    }

    /// The inverse of [`Self::to_upright`].
    pub fn to_stored(self, p: Point) -> Point {
        let p = self.mirrored(p);
        let (x, y) = self.exchanged(p.x, p.y);
        Point::new(x, y)
    }

    fn mirrored(self, p: Point) -> Point {
        let sign = |is_mirrored, value: f32| if is_mirrored { -value } else { value };
        Point::new(sign(self.mirrored_x, p.x), sign(self.mirrored_y, p.y))
    }

    /// What belongs to the stored x and y by the upright axes, or the other way round.
    pub fn exchanged<T>(self, x: T, y: T) -> (T, T) {
        if self.transposed { (y, x) } else { (x, y) }
    }
}

/// How a stored frame is meant to be seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Presentation {
    /// How it is turned.
    pub orientation: Orientation,
    /// The width of a stored pixel divided by its height, finite and positive.
    pub pixel_aspect: f64,
    /// The part that is seen, in stored pixels; `None`: all of it. Samples beyond it are not used.
    pub crop: Option<Crop>,
    /// The field that is seen of an interlaced frame; `None`: all lines are of one moment.
    pub field: Option<Field>,
}

impl Default for Presentation {
    /// Upright, square pixels, all of them.
    fn default() -> Self {
        Self {
            orientation: Orientation::IDENTITY,
            pixel_aspect: 1.0,
            crop: None,
            field: None,
        }
    }
}

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // its edges
pub struct Crop {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

impl Crop {
    /// Its edges.
    pub fn rect(self) -> Rect {
        let (left, top) = (self.left as f32, self.top as f32);
        Rect::new(left, top, left + self.width as f32, top + self.height as f32)
    }
}

/// A frame and how it is seen. Regions of it are in pixels of the whole stored frame.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    presentation: Presentation,
    /// The lines and columns that are seen.
    pub(super) seen: Image<'a>,
    /// The column and row of the stored frame at which the pixels of `seen` begin.
    origin: [f32; 2],
    /// Rows of the stored frame for each of `seen`.
    row_step: f32,
}

impl<'a> From<&Image<'a>> for View<'a> {
    fn from(image: &Image<'a>) -> Self {
        Self {
            presentation: Presentation::default(),
            seen: *image,
            origin: [0.0; 2],
            row_step: 1.0,
        }
    }
}

impl<'a> View<'a> {
    /// A view of `image`. A crop is cut to the image.
    ///
    /// # Errors
    /// [`SampleError::Region`] if the crop has no pixel of the image.
    pub fn new(image: &Image<'a>, presentation: Presentation) -> Result<Self, SampleError> {
        let mut view = Self {
            presentation,
            ..Self::from(image)
        };
        if let Some(field) = presentation.field {
            view.seen = image.field(field);
            view.row_step = 2.0;
            // the centre of the field's line k is that of the frame's line 2·k, or 2·k + 1
            view.origin[1] = field.first_line() as f32 - 0.5;
        }
        if let Some(crop) = presentation.crop {
            let lines = presentation.field.map_or(crop, |field| of_field(crop, field));
            let window = view.seen.window(lines.left, lines.top, lines.width, lines.height);
            let (seen, [left, top]) = window.ok_or(SampleError::Region(crop.rect()))?;
            view.seen = seen;
            view.origin[0] += left as f32;
            view.origin[1] += top as f32 * view.row_step;
        }
        Ok(view)
    }

    /// How it is seen.
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// A region in pixels of `seen`, from one in pixels of the stored frame.
    pub(super) fn region(&self, region: Rect) -> Rect {
        let [x, y] = self.origin;
        Rect::new(
            region.left - x,
            (region.top - y) / self.row_step,
            region.right - x,
            (region.bottom - y) / self.row_step,
        )
    }
}

/// The lines of a crop that are in a field.
fn of_field(crop: Crop, field: Field) -> Crop {
    let line = |line: usize| line.saturating_sub(field.first_line()).div_ceil(2);
    let (top, bottom) = (line(crop.top), line(crop.top.saturating_add(crop.height)));
    Crop {
        top,
        height: bottom.saturating_sub(top),
        ..crop
    }
}
