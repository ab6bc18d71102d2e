//! A colour as the bytes of one sample of a plane.

use vision::image::{Colorimetry, PixelFormat};

use crate::Color;

/// The bytes of one sample of `plane` in `color`; only the first [`PixelFormat::pixel_stride`] are used.
///
/// The fourth byte of 4-byte formats is 255: opaque alpha, or ignored padding.
pub(crate) fn sample(format: PixelFormat, colorimetry: Colorimetry, plane: usize, color: Color) -> [u8; 4] {
    let mut bytes = [255; 4];
    if let Some(offsets) = format.rgb_offsets() {
        for (offset, value) in offsets.into_iter().zip(color.0) {
            bytes[offset] = value;
        }
        return bytes;
    }
    let [y, u, v] = colorimetry.yuv_from_rgb(color.0);
    match format.uv_places() {
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

#[cfg(test)]
mod tests {
    use super::*;

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
            let got = sample(format, Colorimetry::default(), plane, red);
            assert_eq!(got[..want.len()], want, "{format:?} plane {plane}");
        }
    }
}
