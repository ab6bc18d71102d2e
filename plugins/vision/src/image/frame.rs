//! Views of raw frames: planes, their sizes and strides, checked once.

use std::ops::Range;

use thiserror::Error;

use super::{Colorimetry, PixelFormat};

/// One plane of a raw frame: rows of samples, `stride` bytes apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct FramePlane<B> {
    /// The bytes, from the first sample of the first row; the last row needs no padding.
    pub data: B,
    /// Bytes from the start of one row to the start of the next.
    pub stride: usize,
}

/// A plane to read.
pub type Plane<'a> = FramePlane<&'a [u8]>;

/// A plane to write.
pub type PlaneMut<'a> = FramePlane<&'a mut [u8]>;

/// One of the two fields of an interlaced frame, whose lines alternate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The lines 0, 2, 4, ….
    Top,
    /// The lines 1, 3, 5, ….
    Bottom,
}

impl Field {
    /// The frame's line that is the field's first one.
    pub const fn first_line(self) -> usize {
        match self {
            Self::Top => 0,
            Self::Bottom => 1,
        }
    }
}

/// A view of a raw frame over borrowed bytes `B`. Every row of every plane is known to be there.
#[derive(Clone, Copy, Debug)]
pub struct Frame<B> {
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: [FramePlane<B>; 3],
    colorimetry: Colorimetry,
}

/// A frame to read.
pub type Image<'a> = Frame<&'a [u8]>;

/// A frame to read and write.
pub type ImageMut<'a> = Frame<&'a mut [u8]>;

impl<B: AsRef<[u8]> + Default> Frame<B> {
    /// A view of `planes`, in memory order (that of `GstVideoFrame`), as a frame of `width`×`height` pixels.
    ///
    /// # Errors
    /// [`ImageError::Empty`] for a frame without pixels, [`ImageError::Planes`] for another number of planes than the
    /// format has, [`ImageError::Stride`] for rows that overlap, [`ImageError::Plane`] for a plane with too few bytes.
    pub fn new(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: impl IntoIterator<Item = FramePlane<B>>,
        colorimetry: Colorimetry,
    ) -> Result<Self, ImageError> {
        if width == 0 || height == 0 {
            return Err(ImageError::Empty { width, height });
        }
        let mut frame = Self {
            format,
            width,
            height,
            planes: Default::default(),
            colorimetry,
        };
        let mut got = 0;
        for plane in planes {
            if let Some(slot) = frame.planes.get_mut(got) {
                *slot = plane;
            }
            got += 1;
        }
        let expected = format.planes();
        if got != expected {
            return Err(ImageError::Planes {
                format: format.name(),
                expected,
                got,
            });
        }
        for plane in 0..expected {
            frame.check(plane)?;
        }
        Ok(frame)
    }
}

impl<B> Frame<B> {
    /// How the bytes are arranged.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The meaning of YUV bytes.
    pub fn colorimetry(&self) -> Colorimetry {
        self.colorimetry
    }

    /// Number of planes, 1 to 3.
    pub fn planes(&self) -> usize {
        self.format.planes()
    }

    /// Columns and rows of a plane, in samples.
    pub fn plane_size(&self, plane: usize) -> (usize, usize) {
        self.format.plane_size(plane, self.width, self.height)
    }

    /// Bytes of a row of a plane, without padding.
    fn row_bytes(&self, plane: usize) -> usize {
        let (columns, _) = self.plane_size(plane);
        columns.saturating_mul(self.format.pixel_stride(plane))
    }

    /// The bytes of a row within its plane, without padding.
    fn row_range(&self, plane: usize, row: usize) -> Range<usize> {
        let start = row * self.planes[plane].stride;
        start..start + self.row_bytes(plane)
    }
}

impl<B: AsRef<[u8]>> Frame<B> {
    /// Checks that a plane has all its rows.
    fn check(&self, plane: usize) -> Result<(), ImageError> {
        let (_, rows) = self.plane_size(plane);
        let row = self.row_bytes(plane);
        let FramePlane { data, stride } = &self.planes[plane];
        let (format, width, height, stride) = (self.format.name(), self.width, self.height, *stride);
        if stride < row {
            return Err(ImageError::Stride {
                format,
                plane,
                width,
                expected: row,
                got: stride,
            });
        }
        let expected = stride.saturating_mul(rows.saturating_sub(1)).saturating_add(row);
        let got = data.as_ref().len();
        if got < expected {
            return Err(ImageError::Plane {
                format,
                plane,
                width,
                height,
                stride,
                expected,
                got,
            });
        }
        Ok(())
    }
}

impl<'a> Frame<&'a [u8]> {
    /// A row of a plane, without padding.
    ///
    /// # Panics
    /// If the frame does not have that plane or row.
    pub fn row(&self, plane: usize, row: usize) -> &'a [u8] {
        &self.planes[plane].data[self.row_range(plane, row)]
    }

    /// All rows of a plane, if there is no padding between them.
    ///
    /// # Panics
    /// If the frame does not have that plane.
    pub fn rows(&self, plane: usize) -> Option<&'a [u8]> {
        let FramePlane { data, stride } = self.planes[plane];
        let (_, rows) = self.plane_size(plane);
        (stride == self.row_bytes(plane)).then(|| &data[..stride * rows])
    }
}

impl Frame<&[u8]> {
    /// The lines of one field of an interlaced frame, as an image of their own, in which every second chroma line is of the
    /// field as well. A frame of too few lines to have the field stays as it is.
    pub fn field(&self, field: Field) -> Self {
        let first = field.first_line();
        let lines = |plane| self.plane_size(plane).1.saturating_sub(first).div_ceil(2);
        // a frame whose height is not a multiple of four may lack the field's last chroma line
        let chroma = (self.planes() > 1).then(|| 2 * lines(1));
        let height = chroma.map_or(lines(0), |chroma| lines(0).min(chroma));
        if height == 0 {
            return *self;
        }
        let planes = self.planes.map(|plane| FramePlane {
            data: plane.data.get(first * plane.stride..).unwrap_or_default(),
            stride: 2 * plane.stride,
        });
        Self {
            height,
            planes,
            ..*self
        }
    }

    /// The pixels in the given columns and rows that the image has, and the column and row of the first of them: it is one
    /// less than asked for where chroma is shared by two pixels. `None` if there are none.
    pub fn window(&self, left: usize, top: usize, width: usize, height: usize) -> Option<(Self, [usize; 2])> {
        let shared = if self.planes() > 1 { 2 } else { 1 };
        let right = left.saturating_add(width).min(self.width);
        let bottom = top.saturating_add(height).min(self.height);
        let (left, top) = (left / shared * shared, top / shared * shared);
        if width == 0 || height == 0 || left >= right || top >= bottom {
            return None;
        }
        let mut window = Self {
            width: right - left,
            height: bottom - top,
            ..*self
        };
        for (index, plane) in window.planes.iter_mut().enumerate().take(self.planes()) {
            let shared = if index == 0 { 1 } else { shared };
            let start = top / shared * plane.stride + left / shared * self.format.pixel_stride(index);
            plane.data = &plane.data[start..];
        }
        Some((window, [left, top]))
    }
}

impl Frame<&mut [u8]> {
    /// A row of a plane, without padding, to write.
    ///
    /// # Panics
    /// If the frame does not have that plane or row.
    pub fn row_mut(&mut self, plane: usize, row: usize) -> &mut [u8] {
        let range = self.row_range(plane, row);
        &mut self.planes[plane].data[range]
    }
}

/// Why bytes are not a frame. Sizes are pixels, lengths and strides bytes; planes are counted from 0.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs)] // the messages describe the fields
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
