//! Conversion of a region of a frame, of any format, into a tensor in one pass.

use super::content::Content;
use super::error::SampleError;
use super::format::{ChannelOrder, Element, Layout, TensorFormat};
use super::placement::{Letterbox, Placement};
use crate::Rect;
use crate::image::Image;

/// Writes regions of frames as one model's input: fits, scales, converts, normalises and lays out in one pass
/// over the rows, without an intermediate image.
///
/// Filters and row buffers are kept between calls: the same region of frames of the same format and size is sampled without
/// computing filters or allocating; another region reuses the memory.
///
/// # Definition
/// 1. Every component (R, G, B; or Y, U, V in their own planes) of a content pixel is
///    `(Σ wy·wx·sample + 2^15) >> 16`, a byte, over the plane's samples for that column and row and their weights of 8
///    fraction bits: linear interpolation between pixel centres, or, where the plane is scaled down
///    by more than 1.5, the average over the pixel's area. Beyond its edges a plane repeats its outermost samples.
/// 2. Chroma is sited at the centre of its 2×2 luma pixels, so the region's coordinates are halved there.
/// 3. YUV becomes RGB by [`RgbFromYuv::convert`](crate::image::RgbFromYuv::convert).
/// 4. The element is `(pixel · scale - mean) / std`, for padding, too.
pub struct Sampler {
    format: TensorFormat,
    table: Table,
    scratch: Scratch,
}

/// Every possible element as stored, by the tensor's channel and the pixel's value.
enum Table {
    F32(Entries<4>),
    U8(Entries<1>),
}

type Entries<const N: usize> = Box<[[[u8; N]; 256]; 3]>;

impl Sampler {
    /// A sampler for one kind of tensor.
    ///
    /// # Errors
    /// [`SampleError::Size`] if the tensor is empty, [`SampleError::Normalization`] if an element would not be finite.
    pub fn new(format: TensorFormat) -> Result<Self, SampleError> {
        let TensorFormat {
            width,
            height,
            scale,
            mean,
            std,
            ..
        } = format;
        if width == 0 || height == 0 {
            return Err(SampleError::Size { width, height });
        }
        // elements are linear in the pixel: checking both ends is enough
        if (0..3).any(|c| [0, 255].iter().any(|p| !format.value(c, *p).is_finite())) {
            return Err(SampleError::Normalization { scale, mean, std });
        }
        let table = match format.element {
            Element::F32 => Table::F32(entries(|c, p| format.value(c, p).to_le_bytes())),
            Element::U8 => Table::U8(entries(|c, p| [format.value(c, p).round() as u8])),
        };
        let scratch = Scratch::default();
        Ok(Self { format, table, scratch })
    }

    /// The tensor to be filled.
    pub fn format(&self) -> &TensorFormat {
        &self.format
    }

    /// Fills `out` with `region` of `image`. The region is in frame pixels, need not be integral and may reach outside the
    /// frame.
    ///
    /// # Errors
    /// [`SampleError::Region`] if the region is empty, not finite or too far away; [`SampleError::Output`] if `out` has
    /// another length than [`TensorFormat::bytes`].
    pub fn sample(&mut self, image: &Image<'_>, region: Rect, out: &mut [u8]) -> Result<Letterbox, SampleError> {
        let TensorFormat { width, height, fit, .. } = self.format;
        let expected = self.format.bytes();
        if out.len() != expected {
            return Err(SampleError::Output {
                expected,
                got: out.len(),
            });
        }
        let placement = Placement::new(region, width, height, fit)?;
        let Self { format, table, scratch } = self;
        scratch.prepare(format, image, region, &placement);
        match table {
            Table::F32(entries) => scratch.fill(format, entries, image, &placement, out),
            Table::U8(entries) => scratch.fill(format, entries, image, &placement, out),
        }
        Ok(placement.letterbox)
    }
}

/// The row buffers and filters that a [`Sampler`] keeps from one call to the next.
#[derive(Default)]
struct Scratch {
    content: Content,
    /// A row of padding.
    padding: Vec<u8>,
    /// A row of R, G, B: padding on both sides, content between.
    rgb: [Vec<u8>; 3],
}

impl Scratch {
    /// Prepares for `region` of frames like `image`.
    fn prepare(&mut self, format: &TensorFormat, image: &Image<'_>, region: Rect, placement: &Placement) {
        if self.content.prepare(image, region, placement) {
            self.padding.resize(format.width, format.pad);
            for row in &mut self.rgb {
                row.clone_from(&self.padding);
            }
        }
    }

    /// Writes the tensor of an image that was prepared for, row by row.
    fn fill<const N: usize>(
        &mut self,
        format: &TensorFormat,
        entries: &[[[u8; N]; 256]; 3],
        image: &Image<'_>,
        placement: &Placement,
        out: &mut [u8],
    ) {
        for y in 0..format.height {
            let [r, g, b] = if placement.rows.contains(&y) {
                let columns = self.rgb.each_mut().map(|row| &mut row[placement.columns.clone()]);
                self.content.row(image, y - placement.rows.start, columns);
                self.rgb.each_ref().map(Vec::as_slice)
            } else {
                [self.padding.as_slice(); 3]
            };
            let channels = match format.order {
                ChannelOrder::Rgb => [r, g, b],
                ChannelOrder::Bgr => [b, g, r],
            };
            match format.layout {
                Layout::Nchw => planar(entries, channels, y, out),
                Layout::Nhwc => interleaved(entries, channels, y, out),
            }
        }
    }
}

fn entries<const N: usize>(value: impl Fn(usize, u8) -> [u8; N]) -> Entries<N> {
    Box::new([0, 1, 2].map(|channel| std::array::from_fn(|pixel| value(channel, pixel as u8))))
}

/// Writes row `y` into each of the tensor's three planes.
fn planar<const N: usize>(entries: &[[[u8; N]; 256]; 3], channels: [&[u8]; 3], y: usize, out: &mut [u8]) {
    let plane = out.len() / 3;
    for ((plane, pixels), entries) in out.chunks_exact_mut(plane).zip(channels).zip(entries) {
        let row = &mut plane[y * pixels.len() * N..][..pixels.len() * N];
        for (element, pixel) in row.as_chunks_mut().0.iter_mut().zip(pixels) {
            *element = entries[usize::from(*pixel)];
        }
    }
}

/// Writes row `y` as pixels of three channels.
fn interleaved<const N: usize>(entries: &[[[u8; N]; 256]; 3], channels: [&[u8]; 3], y: usize, out: &mut [u8]) {
    let [a, b, c] = channels;
    let row = &mut out[y * a.len() * 3 * N..][..a.len() * 3 * N];
    let elements = row.as_chunks_mut::<N>().0.as_chunks_mut::<3>().0;
    for (element, ((a, b), c)) in elements.iter_mut().zip(a.iter().zip(b).zip(c)) {
        let pixel = [*a, *b, *c];
        *element = std::array::from_fn(|i| entries[i][usize::from(pixel[i])]);
    }
}
