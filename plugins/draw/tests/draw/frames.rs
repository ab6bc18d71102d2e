//! Frames of any format, made from and read as RGB by the plainest means.

use draw::{Canvas, Mask, PlaneMut, Surface};
use vision::image::{Colorimetry, PixelFormat};

/// A frame with `padding` bytes of 0xa5 after each row.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub format: PixelFormat,
    pub width: usize,
    pub height: usize,
    pub colorimetry: Colorimetry,
    pub planes: Vec<Vec<u8>>,
    pub strides: Vec<usize>,
}

pub const PADDING: u8 = 0xa5;

impl Frame {
    /// A frame in one colour.
    pub fn plain(
        format: PixelFormat,
        (width, height): (usize, usize),
        padding: usize,
        colorimetry: Colorimetry,
        rgb: [u8; 3],
    ) -> Self {
        let mut frame = Self {
            format,
            width,
            height,
            colorimetry,
            planes: vec![],
            strides: vec![],
        };
        for plane in 0..format.planes() {
            let (columns, rows) = format.plane_size(plane, width, height);
            let step = format.pixel_stride(plane);
            let mut sample = vec![7; step];
            if let Some(offsets) = format.rgb_offsets() {
                offsets.into_iter().zip(rgb).for_each(|(offset, v)| sample[offset] = v);
            } else {
                let [y, u, v] = colorimetry.yuv_from_rgb(rgb);
                sample[0] = y;
                for ((at, offset), value) in format.uv_places().into_iter().flatten().zip([u, v]) {
                    if at == plane && plane > 0 {
                        sample[offset] = value;
                    }
                }
            }
            let mut row = sample.repeat(columns);
            row.resize(columns * step + padding, PADDING);
            frame.strides.push(row.len());
            frame.planes.push(row.repeat(rows));
        }
        frame
    }

    /// Limited BT.601 without padding.
    pub fn simple(format: PixelFormat, size: (usize, usize), rgb: [u8; 3]) -> Self {
        Self::plain(format, size, 0, Colorimetry::default(), rgb)
    }

    pub fn with_surface<R>(&mut self, use_it: impl FnOnce(&mut Surface) -> R) -> R {
        let planes = self
            .planes
            .iter_mut()
            .zip(&self.strides)
            .map(|(data, stride)| PlaneMut { data, stride: *stride });
        let mut surface = Surface::new(self.format, self.width, self.height, planes, self.colorimetry).unwrap();
        use_it(&mut surface)
    }

    pub fn with_canvas(&mut self, mut draw: impl FnMut(&mut Canvas)) {
        self.with_surface(|surface| draw(&mut Canvas::new(surface, &mut Mask::default())));
    }

    /// The bytes of one sample.
    pub fn sample(&self, plane: usize, x: usize, y: usize) -> &[u8] {
        let step = self.format.pixel_stride(plane);
        &self.planes[plane][y * self.strides[plane] + x * step..][..step]
    }

    /// A pixel of an RGB format.
    pub fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        self.format
            .rgb_offsets()
            .unwrap()
            .map(|offset| self.sample(0, x, y)[offset])
    }

    /// Every byte in some disorder, the same each time.
    pub fn scramble(&mut self) {
        let mut state = 0x2545_f491_u32;
        for byte in self.planes.iter_mut().flatten() {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = state as u8;
        }
    }
}
