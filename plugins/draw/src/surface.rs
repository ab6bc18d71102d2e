//! A raw frame that can be drawn on: its planes, mutable, with their strides.

use vision::image::{Colorimetry, ImageError, PixelFormat, check_plane};

use crate::Color;

/// One writable plane: rows of samples, `stride` bytes apart.
#[derive(Debug, Default)]
pub struct PlaneMut<'a> {
    /// The bytes, from the first row's first; the last row needs no padding.
    pub data: &'a mut [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A raw frame to draw on; every row of every plane is known to be there.
#[derive(Debug)]
pub struct Surface<'a> {
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: Vec<PlaneMut<'a>>,
    colorimetry: Colorimetry,
}

impl<'a> Surface<'a> {
    /// Looks at `planes`, in memory order (`GstVideoFrame`'s), as a frame of `width`×`height` pixels.
    ///
    /// # Errors
    /// When the frame is empty, or a plane is missing or too small for its stride and rows.
    pub fn new(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: Vec<PlaneMut<'a>>,
        colorimetry: Colorimetry,
    ) -> Result<Self, ImageError> {
        if width == 0 || height == 0 {
            return Err(ImageError::Empty { width, height });
        }
        if planes.len() != format.planes() {
            return Err(ImageError::Planes {
                format: format.name(),
                expected: format.planes(),
                got: planes.len(),
            });
        }
        for (index, plane) in planes.iter().enumerate() {
            check_plane(format, index, width, height, plane.data.len(), plane.stride)?;
        }
        Ok(Self {
            format,
            width,
            height,
            planes,
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

    /// How many planes there are.
    pub(crate) fn planes(&self) -> usize {
        self.planes.len()
    }

    /// Columns and rows of a plane.
    pub(crate) fn plane_size(&self, plane: usize) -> (usize, usize) {
        self.format.plane_size(plane, self.width, self.height)
    }

    /// A row of a plane without its padding.
    pub(crate) fn row(&mut self, plane: usize, row: usize) -> &mut [u8] {
        let bytes = self.plane_size(plane).0 * self.format.pixel_stride(plane);
        let PlaneMut { data, stride } = &mut self.planes[plane];
        &mut data[row * *stride..][..bytes]
    }

    /// The bytes of one sample of `plane` that shows `color`, as many as the plane's pixel stride.
    ///
    /// What a 4-byte format has besides R, G and B is 255: opaque where it is alpha, anything where it is padding.
    pub(crate) fn sample(&self, plane: usize, color: Color) -> [u8; 4] {
        let mut bytes = [255; 4];
        if let Some(offsets) = self.format.rgb_offsets() {
            for (offset, value) in offsets.into_iter().zip(color.0) {
                bytes[offset] = value;
            }
            return bytes;
        }
        let [y, u, v] = self.colorimetry.yuv_from_rgb(color.0);
        match self.format.uv_places() {
            Some(places) if plane > 0 => {
                for ((at, offset), value) in places.into_iter().zip([u, v]) {
                    if at == plane {
                        bytes[offset] = value;
                    }
                }
            }
            _ => bytes[0] = y,
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(format: PixelFormat, sizes: &[(usize, usize)]) -> Result<(), ImageError> {
        let mut bytes: Vec<Vec<u8>> = sizes.iter().map(|(len, _)| vec![0; *len]).collect();
        let planes = bytes
            .iter_mut()
            .zip(sizes)
            .map(|(data, (_, stride))| PlaneMut { data, stride: *stride });
        Surface::new(format, 5, 3, planes.collect(), Colorimetry::default()).map(drop)
    }

    #[test]
    fn planes_are_checked() {
        assert_eq!(surface(PixelFormat::I420, &[(15, 5), (6, 3), (6, 3)]), Ok(()));
        assert_eq!(surface(PixelFormat::Nv12, &[(21, 8), (14, 8)]), Ok(()));
        assert!(matches!(
            surface(PixelFormat::I420, &[(15, 5), (6, 3)]),
            Err(ImageError::Planes { .. })
        ));
        assert!(matches!(
            surface(PixelFormat::I420, &[(15, 5), (6, 3), (5, 3)]),
            Err(ImageError::Plane { .. })
        ));
        assert!(matches!(
            surface(PixelFormat::Rgb, &[(99, 14)]),
            Err(ImageError::Stride { .. })
        ));
    }

    #[test]
    fn samples_are_the_formats_bytes() {
        let red = Color([255, 0, 0]);
        for (format, plane, want) in [
            (PixelFormat::I420, 0, vec![81]),
            (PixelFormat::I420, 1, vec![90]),
            (PixelFormat::I420, 2, vec![240]),
            (PixelFormat::Yv12, 1, vec![240]),
            (PixelFormat::Nv12, 1, vec![90, 240]),
            (PixelFormat::Nv21, 1, vec![240, 90]),
            (PixelFormat::Gray8, 0, vec![81]),
            (PixelFormat::Bgr, 0, vec![0, 0, 255]),
            (PixelFormat::Argb, 0, vec![255, 255, 0, 0]),
            (PixelFormat::Rgbx, 0, vec![255, 0, 0, 255]),
        ] {
            let mut bytes = [[0; 64], [0; 64], [0; 64]];
            let planes = bytes
                .iter_mut()
                .take(format.planes())
                .map(|data| PlaneMut { data, stride: 8 });
            let surface = Surface::new(format, 2, 2, planes.collect(), Colorimetry::default()).unwrap();
            assert_eq!(
                surface.sample(plane, red)[..want.len()],
                want,
                "{format:?} plane {plane}"
            );
        }
    }
}
