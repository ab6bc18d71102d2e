//! Frames for tests.

use vision::image::{Colorimetry, Image, PixelFormat, Plane};

/// A frame that owns its bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    pub format: PixelFormat,
    pub width: usize,
    pub height: usize,
    pub planes: Vec<Vec<u8>>,
    pub strides: Vec<usize>,
    pub colorimetry: Colorimetry,
}

impl Frame {
    /// Pseudo-random bytes, `padding` of them after each row but the last.
    pub fn noise(format: PixelFormat, width: usize, height: usize, padding: usize, seed: u64) -> Self {
        let mut state = seed;
        let mut byte = || {
            // Knuth's 64-bit linear congruential generator (MMIX)
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        let (mut planes, mut strides) = (Vec::new(), Vec::new());
        for plane in 0..format.planes() {
            let (columns, rows) = format.plane_size(plane, width, height);
            let row = columns * format.pixel_stride(plane);
            let stride = row + padding;
            planes.push((0..stride * (rows - 1) + row).map(|_| byte()).collect());
            strides.push(stride);
        }
        Self {
            format,
            width,
            height,
            planes,
            strides,
            colorimetry: Colorimetry::default(),
        }
    }

    /// The view of it.
    pub fn image(&self) -> Image<'_> {
        let planes = self
            .planes
            .iter()
            .zip(&self.strides)
            .map(|(data, &stride)| Plane { data, stride });
        Image::new(self.format, self.width, self.height, planes, self.colorimetry)
            .expect("a test's frame has its planes")
    }
}
