//! Conversion of a region of a frame, of any format, into a tensor in one pass.

use std::ops::Range;

use fearless_simd::Level;

use super::content::Content;
use super::copy;
use super::elements::Elements;
use super::error::SampleError;
use super::format::TensorFormat;
use super::placement::{Letterbox, Placement};
use super::presentation::View;
use super::transposed::Transposed;
use crate::Rect;
use crate::image::Image;

/// Writes regions of frames as one model's input: fits, scales, converts, normalises and lays out in one pass
/// over the rows, without an intermediate image. Only a frame that is to be turned by 90° is sampled as it is stored, into
/// bytes of the content's size, and these are turned.
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
/// 4. Of a frame that is not stored upright, 1 to 3 make the content as it is stored, which is then turned.
/// 5. The element is `(pixel · scale - mean) / std`, for padding, too.
pub struct Sampler {
    format: TensorFormat,
    /// The instruction set.
    level: Level,
    elements: Elements,
    scratch: Scratch,
}

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
        if !format.is_finite() {
            return Err(SampleError::Normalization { scale, mean, std });
        }
        Ok(Self::with_level(Level::new(), format))
    }

    fn with_level(level: Level, format: TensorFormat) -> Self {
        Self {
            format,
            level,
            elements: Elements::new(level, format),
            scratch: Scratch::default(),
        }
    }

    /// The tensor to be filled.
    pub fn format(&self) -> &TensorFormat {
        &self.format
    }

    /// Fills `out` with `region` of a frame, an [`Image`] or a [`View`] of one. The region is in pixels of the stored frame, need
    /// not be integral and may reach outside the frame. Pixels outside the frame's crop are not used.
    ///
    /// # Errors
    /// [`SampleError::Region`] if the region is empty, not finite or too far away; [`SampleError::Output`] if `out` has
    /// another length than [`TensorFormat::bytes`].
    pub fn sample<'a>(
        &mut self,
        frame: impl Into<View<'a>>,
        region: Rect,
        out: &mut [u8],
    ) -> Result<Letterbox, SampleError> {
        self.sample_view(&frame.into(), region, out)
    }

    fn sample_view(&mut self, view: &View<'_>, region: Rect, out: &mut [u8]) -> Result<Letterbox, SampleError> {
        let TensorFormat { width, height, fit, .. } = self.format;
        let expected = self.format.bytes();
        if out.len() != expected {
            return Err(SampleError::Output {
                expected,
                got: out.len(),
            });
        }
        let placement = Placement::new(region, view.presentation(), width, height, fit)?;
        let (image, region) = (&view.seen, view.region(region));
        let Self {
            format,
            level,
            elements,
            scratch,
        } = self;
        if elements.are_pixels() && copy::copy(format, image, region, &placement, out) {
            return Ok(placement.letterbox);
        }
        scratch.prepare(*level, format, image, region, &placement);
        for y in 0..height {
            let rows = if placement.rows.contains(&y) {
                scratch.row(*level, image, y - placement.rows.start, &placement)
            } else {
                [scratch.padding.as_slice(); 3]
            };
            elements.write(rows, y, out);
        }
        Ok(placement.letterbox)
    }
}

/// The row buffers and filters that a [`Sampler`] keeps from one call to the next.
#[derive(Default)]
struct Scratch {
    content: Content,
    /// The content of a frame that is turned by 90°.
    transposed: Transposed,
    /// A row of padding.
    padding: Vec<u8>,
    /// A row of R, G, B: padding on both sides, content between.
    rgb: [Vec<u8>; 3],
    /// The columns of `rgb` with content.
    columns: Range<usize>,
}

impl Scratch {
    /// Prepares for `region` of `image`, in its pixels, and for others like it.
    fn prepare(&mut self, level: Level, format: &TensorFormat, image: &Image<'_>, region: Rect, placement: &Placement) {
        self.content.prepare(image, region, placement.stored_size());
        if self.padding.is_empty() || self.columns != placement.columns {
            self.padding.resize(format.width, format.pad);
            for row in &mut self.rgb {
                row.clone_from(&self.padding);
            }
            self.columns.clone_from(&placement.columns);
        }
        if placement.orientation.transposed {
            self.transposed.fill(&mut self.content, level, image, placement);
        }
    }

    /// R, G and B of a row that has content: row `y` of the content.
    fn row(&mut self, level: Level, image: &Image<'_>, y: usize, placement: &Placement) -> [&[u8]; 3] {
        let orientation = placement.orientation;
        let y = if orientation.mirrored_y {
            placement.rows.len() - 1 - y
        } else {
            y
        };
        let mut content = self.rgb.each_mut().map(|row| &mut row[placement.columns.clone()]);
        if orientation.transposed {
            for (row, transposed) in content.iter_mut().zip(self.transposed.row(y)) {
                row.copy_from_slice(transposed);
            }
        } else {
            let content = content.each_mut().map(|row| &mut **row);
            self.content.row(level, image, y, content);
        }
        if orientation.mirrored_x {
            content.iter_mut().for_each(|row| row.reverse());
        }
        self.rgb.each_ref().map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::Simd;

    use super::*;
    use crate::image::{Colorimetry, PixelFormat, Plane};
    use crate::letterbox::{ChannelOrder, Element, Fit, Layout};

    /// The processor's instruction sets, all of which are compiled.
    fn levels() -> Vec<Level> {
        let best = Level::new();
        let mut levels = vec![best, Level::baseline()];
        #[cfg(target_arch = "x86_64")]
        levels.extend(
            [best.as_sse4_2().map(Simd::level), best.as_avx2().map(Simd::level)]
                .into_iter()
                .flatten(),
        );
        levels
    }

    #[test]
    fn copied_rows_are_what_sampling_gives() {
        let noise: Vec<u8> = (0..40 * 30 * 4_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let regions = [
            Rect::new(0.0, 0.0, 32.0, 24.0),
            Rect::new(8.0, 6.0, 40.0, 30.0),
            Rect::new(3.0, 5.0, 35.0, 15.0),  // padding above and below
            Rect::new(4.0, 1.0, 8.0, 25.0),   // and beside
            Rect::new(0.5, 0.0, 32.5, 24.0),  // between pixels
            Rect::new(10.0, 8.0, 42.0, 32.0), // beyond the edges
            Rect::new(0.0, 0.0, 16.0, 12.0),  // scaled
            Rect::new(0.0, 0.0, 40.0, 30.0),  // the frame, which is as large as one of the tensors
            Rect::new(0.0, 10.0, 40.0, 30.0), // as wide as that
        ];
        for format in PixelFormat::ALL.into_iter().filter(|format| format.planes() == 1) {
            let stride = 40 * format.pixel_stride(0);
            let plane = Plane {
                data: noise.as_slice(),
                stride,
            };
            let image = Image::new(format, 40, 30, [plane], Colorimetry::default()).unwrap();
            for (order, layout, (width, height)) in [
                (ChannelOrder::Rgb, Layout::Nhwc, (32, 24)),
                (ChannelOrder::Bgr, Layout::Nhwc, (32, 24)),
                (ChannelOrder::Rgb, Layout::Nchw, (32, 24)),
                (ChannelOrder::Rgb, Layout::Nhwc, (40, 30)),
                (ChannelOrder::Bgr, Layout::Nhwc, (40, 30)),
            ] {
                let bytes = TensorFormat {
                    width,
                    height,
                    layout,
                    element: Element::U8,
                    order,
                    scale: 1.0,
                    mean: [0.0; 3],
                    std: [1.0; 3],
                    pad: 114,
                    fit: Fit::Letterbox,
                };
                // Floats are never copied.
                let floats = TensorFormat {
                    element: Element::F32,
                    ..bytes
                };
                for region in regions {
                    let sample = |tensor: TensorFormat| {
                        let mut out = vec![0; tensor.bytes()];
                        Sampler::new(tensor).unwrap().sample(&image, region, &mut out).unwrap();
                        out
                    };
                    let sampled = sample(floats);
                    let sampled = sampled
                        .as_chunks::<4>()
                        .0
                        .iter()
                        .map(|value| f32::from_le_bytes(*value) as u8);
                    assert!(sampled.eq(sample(bytes)), "{format:?} {order:?} {layout:?} {region:?}");
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_writes_the_same_bytes() {
        let noise: Vec<u8> = (0..300 * 200 * 4_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        for (element, layout) in [
            (Element::U8, Layout::Nhwc),
            (Element::F32, Layout::Nchw),
            (Element::F32, Layout::Nhwc),
            (Element::F16, Layout::Nchw),
            (Element::F16, Layout::Nhwc),
        ] {
            let tensor = TensorFormat {
                width: 101,
                height: 67,
                layout,
                element,
                order: ChannelOrder::Rgb,
                scale: if element == Element::U8 { 1.0 } else { 1.0 / 255.0 },
                mean: [0.0; 3],
                std: [1.0; 3],
                pad: 114,
                fit: Fit::Letterbox,
            };
            for format in PixelFormat::ALL {
                let planes = (0..format.planes()).map(|plane| {
                    let (columns, _) = format.plane_size(plane, 300, 200);
                    Plane {
                        data: noise.as_slice(),
                        stride: columns * format.pixel_stride(plane),
                    }
                });
                let image = Image::new(format, 300, 200, planes, Colorimetry::default()).unwrap();
                for region in [
                    Rect::new(0.0, 0.0, 300.0, 200.0),
                    Rect::new(20.0, 30.0, 121.0, 97.0),
                    Rect::new(-3.0, 8.5, 61.0, 70.0),
                ] {
                    let outputs = levels().into_iter().map(|level| {
                        let mut out = vec![0; tensor.bytes()];
                        Sampler::with_level(level, tensor)
                            .sample(&image, region, &mut out)
                            .unwrap();
                        out
                    });
                    let outputs: Vec<_> = outputs.collect();
                    let equal = outputs.iter().all(|out| *out == outputs[0]);
                    assert!(equal, "{format:?} {element:?} {layout:?} {region:?}: {:?}", levels());
                }
            }
        }
    }
}
