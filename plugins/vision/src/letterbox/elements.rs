//! Rows of pixels as elements of a tensor: normalised, in its type and layout.

use fearless_simd::Level;
use half::f16;

use super::format::{ChannelOrder, Element, Layout, TensorFormat};
use super::kernels;

/// Writes rows of pixels into tensors of one format.
pub(super) struct Elements {
    level: Level,
    format: TensorFormat,
    conversion: Conversion,
}

/// How pixels become elements.
enum Conversion {
    /// The elements are the pixels' bytes.
    Pixels,
    /// Looked up by channel and pixel: there are only 256 of each.
    Bytes(Box<Lookup<1>>),
    Halves(Box<Lookup<2>>),
    /// Computed.
    Floats,
}

/// The little-endian element of each pixel value, by the tensor's channel.
type Lookup<const BYTES: usize> = [[[u8; BYTES]; 256]; 3];

impl Elements {
    pub fn new(level: Level, format: TensorFormat) -> Self {
        let conversion = match format.element {
            Element::F32 => Conversion::Floats,
            Element::F16 => Conversion::Halves(lookup(&format, |value| f16::from_f32(value).to_le_bytes())),
            Element::U8 => {
                let bytes = lookup(&format, |value| [value.round() as u8]);
                let is_plain = bytes
                    .iter()
                    .all(|bytes| bytes.as_flattened().iter().copied().eq(0..=255));
                if is_plain {
                    Conversion::Pixels
                } else {
                    Conversion::Bytes(bytes)
                }
            }
        };
        Self {
            level,
            format,
            conversion,
        }
    }

    /// Whether the elements are the pixels' bytes.
    pub fn are_pixels(&self) -> bool {
        matches!(self.conversion, Conversion::Pixels)
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
        match &self.conversion {
            Conversion::Pixels => out.copy_from_slice(pixels),
            Conversion::Bytes(bytes) => look_up(&bytes[channel], pixels, out),
            Conversion::Halves(halves) => look_up(&halves[channel], pixels, out),
            Conversion::Floats => kernels::floats(self.level, pixels, &self.format.terms(channel), out),
        }
    }

    /// A row of all channels.
    fn write_pixels(&self, channels: [&[u8]; 3], out: &mut [u8]) {
        match &self.conversion {
            Conversion::Pixels => kernels::interleave(self.level, channels, out),
            Conversion::Bytes(bytes) => look_up_interleaved(bytes, channels, out),
            Conversion::Halves(halves) => look_up_interleaved(halves, channels, out),
            Conversion::Floats => {
                let terms = [0, 1, 2].map(|channel| self.format.terms(channel));
                kernels::interleaved_floats(self.level, channels, &terms, out);
            }
        }
    }
}

/// The element of each pixel value, by channel.
fn lookup<const BYTES: usize>(format: &TensorFormat, element: impl Fn(f32) -> [u8; BYTES]) -> Box<Lookup<BYTES>> {
    let channel = |channel| std::array::from_fn(|pixel| element(format.value(channel, pixel as u8)));
    Box::new([0, 1, 2].map(channel))
}

/// Writes a row of one channel.
fn look_up<const BYTES: usize>(elements: &[[u8; BYTES]; 256], pixels: &[u8], out: &mut [u8]) {
    for (out, pixel) in out.as_chunks_mut().0.iter_mut().zip(pixels) {
        *out = elements[usize::from(*pixel)];
    }
}

/// Writes a row of pixels.
fn look_up_interleaved<const BYTES: usize>(elements: &Lookup<BYTES>, [a, b, c]: [&[u8]; 3], out: &mut [u8]) {
    let pixels = out.as_chunks_mut::<BYTES>().0.as_chunks_mut().0;
    for (out, ((a, b), c)) in pixels.iter_mut().zip(a.iter().zip(b).zip(c)) {
        let pixel = [*a, *b, *c];
        *out = [0, 1, 2].map(|channel| elements[channel][usize::from(pixel[channel])]);
    }
}
