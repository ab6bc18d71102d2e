//! The form of a network's image input.

use half::f16;

/// How a region is fitted into a tensor of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Keeps the aspect ratio and pads the rest.
    #[default]
    Letterbox,
    /// Fills the tensor, each axis with its own scale.
    Stretch,
}

/// The order of a tensor's dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Three planes of height×width.
    #[default]
    Nchw,
    /// Height×width pixels of three channels.
    Nhwc,
}

/// The type of a tensor's elements, little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Element {
    /// 32-bit float, KServe's `FP32`.
    #[default]
    F32,
    /// 16-bit float, KServe's `FP16`; values are rounded to nearest, ties to even.
    F16,
    /// Byte, KServe's `UINT8`; values are rounded to nearest and clamped.
    U8,
}

impl Element {
    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::U8 => 1,
        }
    }
}

/// The order of a tensor's channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first.
    Bgr,
}

/// The image input of a network, for one image; a batch is several of them, one after another.
///
/// An element is `(pixel · scale - mean) / std`, computed in `f32`, for pixels 0..255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorFormat {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// The order of dimensions.
    pub layout: Layout,
    /// The type of elements.
    pub element: Element,
    /// The order of channels.
    pub order: ChannelOrder,
    /// Factor of pixels, e.g. 1/255.
    pub scale: f32,
    /// Subtracted from scaled pixels: a value for each channel, in the tensor's order.
    pub mean: [f32; 3],
    /// Divisor after that, likewise.
    pub std: [f32; 3],
    /// The pixel value of padding in all channels, before normalisation.
    pub pad: u8,
    /// How regions of another aspect ratio are fitted.
    pub fit: Fit,
}

impl TensorFormat {
    /// Bytes of an image; `usize::MAX` if the number overflows.
    pub const fn bytes(&self) -> usize {
        let pixels = self.width.saturating_mul(self.height);
        pixels.saturating_mul(3 * self.element.size())
    }

    /// The dimensions of an image, without a batch dimension.
    pub const fn shape(&self) -> [usize; 3] {
        match self.layout {
            Layout::Nchw => [3, self.height, self.width],
            Layout::Nhwc => [self.height, self.width, 3],
        }
    }

    /// The element of a pixel value in a channel, before it is rounded to its type.
    pub(super) fn value(&self, channel: usize, pixel: u8) -> f32 {
        self.terms(channel).value(pixel)
    }

    /// Whether the elements of all pixels are finite.
    pub(super) fn is_finite(&self) -> bool {
        // elements are linear in the pixel: checking both ends is enough
        (0..3).all(|channel| {
            [0, 255].iter().all(|pixel| {
                let value = self.value(channel, *pixel);
                match self.element {
                    Element::F16 => f16::from_f32(value).is_finite(),
                    Element::F32 | Element::U8 => value.is_finite(),
                }
            })
        })
    }

    /// How a channel's elements are computed.
    pub(super) fn terms(&self, channel: usize) -> Terms {
        Terms {
            scale: self.scale,
            mean: self.mean[channel],
            std: self.std[channel],
        }
    }
}

/// The numbers that make pixels elements of one channel.
pub(super) struct Terms {
    scale: f32,
    mean: f32,
    std: f32,
}

impl Terms {
    #[inline(always)]
    pub(super) fn value(&self, pixel: u8) -> f32 {
        (f32::from(pixel) * self.scale - self.mean) / self.std
    }
}
