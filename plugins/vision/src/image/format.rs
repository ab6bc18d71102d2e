//! Pixel formats: the arrangement of bytes.

/// How a raw frame's bytes are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are descriptive
pub enum PixelFormat {
    /// Planes Y, U, V.
    I420,
    /// Planes Y, V, U.
    Yv12,
    /// Planes Y and interleaved U, V.
    Nv12,
    /// Planes Y and interleaved V, U.
    Nv21,
    Rgb,
    Bgr,
    Rgbx,
    Bgrx,
    Xrgb,
    Xbgr,
    Rgba,
    Bgra,
    Argb,
    Abgr,
    /// Luma only.
    Gray8,
}

impl PixelFormat {
    /// Every format, in the order of preference for caps.
    pub const ALL: [Self; 15] = [
        Self::I420,
        Self::Nv12,
        Self::Yv12,
        Self::Nv21,
        Self::Rgb,
        Self::Bgr,
        Self::Rgbx,
        Self::Bgrx,
        Self::Xrgb,
        Self::Xbgr,
        Self::Rgba,
        Self::Bgra,
        Self::Argb,
        Self::Abgr,
        Self::Gray8,
    ];

    /// GStreamer's name, e.g. `RGBx`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I420 => "I420",
            Self::Yv12 => "YV12",
            Self::Nv12 => "NV12",
            Self::Nv21 => "NV21",
            Self::Rgb => "RGB",
            Self::Bgr => "BGR",
            Self::Rgbx => "RGBx",
            Self::Bgrx => "BGRx",
            Self::Xrgb => "xRGB",
            Self::Xbgr => "xBGR",
            Self::Rgba => "RGBA",
            Self::Bgra => "BGRA",
            Self::Argb => "ARGB",
            Self::Abgr => "ABGR",
            Self::Gray8 => "GRAY8",
        }
    }

    /// The format with that GStreamer name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Number of planes of a frame.
    pub const fn planes(self) -> usize {
        match self {
            Self::I420 | Self::Yv12 => 3,
            Self::Nv12 | Self::Nv21 => 2,
            _ => 1,
        }
    }

    /// Bytes from one sample of a plane to the next to its right: 2 for NV12's chroma, 4 for RGBx.
    pub const fn pixel_stride(self, plane: usize) -> usize {
        match self {
            Self::I420 | Self::Yv12 | Self::Gray8 => 1,
            Self::Nv12 | Self::Nv21 => 1 + (plane > 0) as usize,
            Self::Rgb | Self::Bgr => 3,
            _ => 4,
        }
    }

    /// Columns and rows of a plane: chroma has half of the frame's, rounded up.
    pub const fn plane_size(self, plane: usize, width: usize, height: usize) -> (usize, usize) {
        if plane == 0 {
            (width, height)
        } else {
            (width.div_ceil(2), height.div_ceil(2))
        }
    }

    /// Byte offsets of R, G and B in a pixel of an RGB format; `None` for YUV and grey.
    pub const fn rgb_offsets(self) -> Option<[usize; 3]> {
        match self {
            Self::Rgb | Self::Rgbx | Self::Rgba => Some([0, 1, 2]),
            Self::Bgr | Self::Bgrx | Self::Bgra => Some([2, 1, 0]),
            Self::Xrgb | Self::Argb => Some([1, 2, 3]),
            Self::Xbgr | Self::Abgr => Some([3, 2, 1]),
            _ => None,
        }
    }

    /// The places of U and V, each as plane and byte offset; `None` for RGB and grey.
    pub const fn uv_places(self) -> Option<[(usize, usize); 2]> {
        match self {
            Self::I420 => Some([(1, 0), (2, 0)]),
            Self::Yv12 => Some([(2, 0), (1, 0)]),
            Self::Nv12 => Some([(1, 0), (1, 1)]),
            Self::Nv21 => Some([(1, 1), (1, 0)]),
            _ => None,
        }
    }
}
