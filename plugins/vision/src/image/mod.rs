//! Raw video frames: pixel formats, colorimetry, views to read and to write.
//!
//! Names, plane order and byte order are those of `GstVideoFormat`; chroma is 4:2:0. Readers ignore alpha.

mod colorimetry;
mod format;
mod frame;

pub(crate) use colorimetry::RgbFromYuvWords;
pub use colorimetry::{ColorMatrix, ColorRange, Colorimetry, RgbFromYuv};
pub use format::PixelFormat;
pub use frame::{Field, Frame, FramePlane, Image, ImageError, ImageMut, Plane, PlaneMut};
