//! Rows of pixels as elements of a tensor: normalised, in its type and layout.

use fearless_simd::Level;

use super::format::{ChannelOrder, Element, Layout, TensorFormat};
use super::kernels;

/// Writes rows of pixels into tensors of one format.
pub(super) struct Elements {
    level: Level,
    format: TensorFormat,
    /// The byte of each pixel value, by the tensor's channel; `None` if they are equal, or elements are floats.
    bytes: Option<Box<[[u8; 256]; 3]>>,
}

impl Elements {
    pub fn new(level: Level, format: TensorFormat) -> Self {
        let byte = |channel, pixel| format.value(channel, pixel).round() as u8;
        let table = [0, 1, 2].map(|channel| std::array::from_fn(|pixel| byte(channel, pixel as u8)));
        let is_plain = table.iter().all(|bytes: &[u8; 256]| bytes.iter().copied().eq(0..=255));
        let bytes = (format.element == Element::U8 && !is_plain).then(|| Box::new(table));
        Self { level, format, bytes }
    }

    /// Whether the elements are the pixels' bytes.
    pub fn are_pixels(&self) -> bool {
        self.format.element == Element::U8 && self.bytes.is_none()
    }

    /// Writes row `y` of the tensor `out`, given its R, G and B.
    pub fn write(&self, [r, g, b]: [&[u8]; 3], y: usize, out: &mut [u8]) {
        let channels = match self.format.order {
            ChannelOrder::Rgb => [r, g, b],
            ChannelOrder::Bgr => [b, g, r],
        };
        let length = self.format.width * self.format.element.size();
        match self.format.layout {
            Layout::Nhwc => self.write_pixels(channels, &mut out[y * 3 * length..][..3 * length]),
            Layout::Nchw => {
                let planes = out.chunks_exact_mut(self.format.height * length);
                for (channel, (plane, pixels)) in planes.zip(channels).enumerate() {
                    self.write_channel(channel, pixels, &mut plane[y * length..][..length]);
                }
            }
        }
    }

    /// A row of one channel.
    fn write_channel(&self, channel: usize, pixels: &[u8], out: &mut [u8]) {
        match (self.format.element, &self.bytes) {
            (Element::F32, _) => kernels::floats(self.level, pixels, &self.format.terms(channel), out),
            (Element::U8, None) => out.copy_from_slice(pixels),
            (Element::U8, Some(bytes)) => {
                out.iter_mut()
                    .zip(pixels)
                    .for_each(|(out, pixel)| *out = bytes[channel][usize::from(*pixel)]);
            }
        }
    }

    /// A row of all channels.
    fn write_pixels(&self, channels: [&[u8]; 3], out: &mut [u8]) {
        match (self.format.element, &self.bytes) {
            (Element::F32, _) => {
                let terms = [0, 1, 2].map(|channel| self.format.terms(channel));
                kernels::interleaved_floats(self.level, channels, &terms, out);
            }
            (Element::U8, None) => kernels::interleave(self.level, channels, out),
            (Element::U8, Some(bytes)) => {
                let [a, b, c] = channels;
                for (out, ((a, b), c)) in out.as_chunks_mut().0.iter_mut().zip(a.iter().zip(b).zip(c)) {
                    let pixel = [*a, *b, *c];
                    *out = [0, 1, 2].map(|channel| bytes[channel][usize::from(pixel[channel])]);
                }
            }
        }
    }
}
