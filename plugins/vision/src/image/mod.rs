//! Raw video frames as the rest of the crate sees them: pixel formats, colorimetry, a read-only view.
//!
//! Names, plane order and byte order are GStreamer's (`GstVideoFormat`), chroma is 4:2:0, and of the
//! alpha formats the alpha is ignored. Whoever writes pixels uses the same [`PixelFormat`] and
//! [`Colorimetry`].

mod colorimetry;
mod format;

use thiserror::Error;

pub use colorimetry::{ColorMatrix, ColorRange, Colorimetry, RgbFromYuv};
pub use format::PixelFormat;

/// One plane: rows of samples, `stride` bytes apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plane<'a> {
    /// The bytes, from the first row's first; the last row needs no padding.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A read-only view of a raw frame; every row of every plane is known to be there.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: [Plane<'a>; 3],
    colorimetry: Colorimetry,
}

impl<'a> Image<'a> {
    /// Looks at `planes`, in memory order, as a frame of `width`×`height` pixels.
    ///
    /// # Errors
    /// When the frame is empty, or a plane is missing or too small for its stride and rows.
    pub fn new(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: &[Plane<'a>],
        colorimetry: Colorimetry,
    ) -> Result<Self, ImageError> {
        if width == 0 || height == 0 {
            return Err(ImageError::Empty { width, height });
        }
        let expected = format.planes();
        if planes.len() != expected {
            return Err(ImageError::Planes {
                format: format.name(),
                expected,
                got: planes.len(),
            });
        }
        for (index, plane) in planes.iter().enumerate() {
            check_plane(format, index, width, height, plane.data.len(), plane.stride)?;
        }
        let mut all = [Plane::default(); 3];
        all[..expected].copy_from_slice(planes);
        Ok(Self {
            format,
            width,
            height,
            planes: all,
            colorimetry,
        })
    }

    /// How the bytes are arranged.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// What YUV bytes mean.
    pub fn colorimetry(&self) -> Colorimetry {
        self.colorimetry
    }

    /// Columns and rows of a plane.
    pub fn plane_size(&self, plane: usize) -> (usize, usize) {
        self.format.plane_size(plane, self.width, self.height)
    }

    /// A row of a plane without its padding.
    ///
    /// # Panics
    /// When the frame has no such plane or row.
    pub fn row(&self, plane: usize, row: usize) -> &'a [u8] {
        let Plane { data, stride } = self.planes[plane];
        let bytes = self.plane_size(plane).0 * self.format.pixel_stride(plane);
        &data[row * stride..][..bytes]
    }
}

/// Checks that a plane's `bytes` hold its rows at that `stride`; for whoever builds views of frames.
///
/// # Errors
/// [`ImageError::Stride`] when rows overlap, [`ImageError::Plane`] when bytes are missing.
pub fn check_plane(
    format: PixelFormat,
    plane: usize,
    width: usize,
    height: usize,
    bytes: usize,
    stride: usize,
) -> Result<(), ImageError> {
    let (columns, rows) = format.plane_size(plane, width, height);
    let name = format.name();
    let row = columns.saturating_mul(format.pixel_stride(plane));
    if stride < row {
        return Err(ImageError::Stride {
            format: name,
            plane,
            width,
            expected: row,
            got: stride,
        });
    }
    let expected = stride.saturating_mul(rows.saturating_sub(1)).saturating_add(row);
    if bytes < expected {
        return Err(ImageError::Plane {
            format: name,
            plane,
            width,
            height,
            stride,
            expected,
            got: bytes,
        });
    }
    Ok(())
}

/// Why bytes are no frame.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs)] // the messages say it
pub enum ImageError {
    #[error("a frame of {width}×{height} pixels is empty")]
    Empty { width: usize, height: usize },
    #[error("a frame in {format} has {expected} plane(s), got {got}")]
    Planes {
        format: &'static str,
        expected: usize,
        got: usize,
    },
    #[error(
        "plane {plane} of a {format} frame {width} pixels wide needs a stride of at least {expected} bytes, got {got}"
    )]
    Stride {
        format: &'static str,
        plane: usize,
        width: usize,
        expected: usize,
        got: usize,
    },
    #[error(
        "plane {plane} of a {width}×{height} {format} frame with stride {stride} needs {expected} bytes, got {got}"
    )]
    Plane {
        format: &'static str,
        plane: usize,
        width: usize,
        height: usize,
        stride: usize,
        expected: usize,
        got: usize,
    },
}
