//! What a network wants its input to look like.

/// How a region is fitted into a tensor of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Keeps the aspect, pads what is left.
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
    /// Byte, KServe's `UINT8`; values are rounded to nearest and clamped.
    U8,
}

impl Element {
    /// Bytes an element.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
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

/// A network's picture input, for one picture (a batch is several of them in a row).
///
/// An element is `(pixel · scale - mean) / std`, computed in `f32`, of a pixel 0..255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorFormat {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The order of dimensions.
    pub layout: Layout,
    /// The type of elements.
    pub element: Element,
    /// The order of channels.
    pub order: ChannelOrder,
    /// What pixels are multiplied with, e.g. 1/255.
    pub scale: f32,
    /// What is subtracted, a value for each of the tensor's channels in the tensor's order.
    pub mean: [f32; 3],
    /// What is divided by, likewise.
    pub std: [f32; 3],
    /// The padding's pixel (the same for all channels), before normalisation.
    pub pad: u8,
    /// How regions of another aspect are fitted.
    pub fit: Fit,
}

impl TensorFormat {
    /// How many bytes a picture has; `usize::MAX` when that is more than there can be.
    pub const fn bytes(&self) -> usize {
        let pixels = self.width.saturating_mul(self.height);
        pixels.saturating_mul(3 * self.element.size())
    }

    /// The dimensions of a picture, without a batch dimension.
    pub const fn shape(&self) -> [usize; 3] {
        match self.layout {
            Layout::Nchw => [3, self.height, self.width],
            Layout::Nhwc => [self.height, self.width, 3],
        }
    }

    /// The element that a pixel value becomes in a channel.
    pub(super) fn value(&self, channel: usize, pixel: u8) -> f32 {
        (f32::from(pixel) * self.scale - self.mean[channel]) / self.std[channel]
    }
}
