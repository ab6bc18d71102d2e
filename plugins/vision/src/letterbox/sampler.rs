//! A region of a frame, of whatever format, becomes a tensor in one pass.

use super::content::Content;
use super::{ChannelOrder, Element, Layout, Letterbox, Placement, SampleError, TensorFormat};
use crate::Rect;
use crate::image::Image;

/// Writes regions of frames as one model's input: fits, scales, converts, normalises and lays out in one pass
/// over the rows, without a picture in between.
///
/// # Definition
/// 1. Every component (R, G, B; or Y, U, V in their own planes) of a content pixel is
///    `(Σ wy·wx·sample + 2^15) >> 16`, a byte, over the samples and weights of 8 fraction bits that the plane has
///    for that column and row: linear interpolation between pixel centres, or, where the plane is scaled down
///    by more than 1.5, the average over the pixel's area. Beyond its edges a plane goes on as its outermost samples.
/// 2. Chroma is sited at the centre of its 2×2 luma pixels, so a region has half the coordinates there.
/// 3. YUV becomes RGB by [`RgbFromYuv::convert`](crate::image::RgbFromYuv::convert).
/// 4. The element is `(pixel · scale - mean) / std`, of the padding as well.
pub struct Sampler {
    format: TensorFormat,
    table: Table,
}

/// Every element that there can be, by the tensor's channel and the pixel's value, as it is stored.
enum Table {
    F32(Entries<4>),
    U8(Entries<1>),
}

type Entries<const N: usize> = Box<[[[u8; N]; 256]; 3]>;

impl Sampler {
    /// Prepares for one kind of tensor.
    ///
    /// # Errors
    /// [`SampleError::Size`] when the tensor is empty, [`SampleError::Normalization`] when an element would not be
    /// finite.
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
        // values are linear in the pixel, so that both ends tell
        if (0..3).any(|c| [0, 255].iter().any(|p| !format.value(c, *p).is_finite())) {
            return Err(SampleError::Normalization { scale, mean, std });
        }
        let table = match format.element {
            Element::F32 => Table::F32(entries(|c, p| format.value(c, p).to_le_bytes())),
            Element::U8 => Table::U8(entries(|c, p| [format.value(c, p).round() as u8])),
        };
        Ok(Self { format, table })
    }

    /// The tensor it makes.
    pub fn format(&self) -> &TensorFormat {
        &self.format
    }

    /// Fills `out` with `region` of `image`; the region is in frame pixels, need not be whole and may reach outside.
    ///
    /// # Errors
    /// [`SampleError::Region`] when the region is empty, not finite or absurdly far; [`SampleError::Output`] when
    /// `out` has another length than [`TensorFormat::bytes`].
    pub fn sample(&self, image: &Image<'_>, region: Rect, out: &mut [u8]) -> Result<Letterbox, SampleError> {
        let TensorFormat { width, height, fit, .. } = self.format;
        let expected = self.format.bytes();
        if out.len() != expected {
            return Err(SampleError::Output {
                expected,
                got: out.len(),
            });
        }
        let placement = Placement::new(region, width, height, fit)?;
        match &self.table {
            Table::F32(entries) => self.fill(entries, image, region, &placement, out),
            Table::U8(entries) => self.fill(entries, image, region, &placement, out),
        }
        Ok(placement.letterbox)
    }

    fn fill<const N: usize>(
        &self,
        entries: &[[[u8; N]; 256]; 3],
        image: &Image<'_>,
        region: Rect,
        placement: &Placement,
        out: &mut [u8],
    ) {
        let mut content = Content::new(image, region, placement);
        let padding = [(); 3].map(|()| vec![self.format.pad; self.format.width]);
        // left and right of the content the padding stays
        let mut rgb = padding.clone();
        for y in 0..self.format.height {
            let row = if placement.rows.contains(&y) {
                let columns = rgb.each_mut().map(|row| &mut row[placement.columns.clone()]);
                content.row(y - placement.rows.start, columns);
                &rgb
            } else {
                &padding
            };
            let [r, g, b] = row.each_ref().map(Vec::as_slice);
            let channels = match self.format.order {
                ChannelOrder::Rgb => [r, g, b],
                ChannelOrder::Bgr => [b, g, r],
            };
            match self.format.layout {
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
