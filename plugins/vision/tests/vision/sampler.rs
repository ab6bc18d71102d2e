//! The one-pass sampler compared bit by bit with a slow one that follows the definition pixel by pixel.

use crate::frames::Frame;
use proptest::prelude::*;
use vision::Rect;
use vision::image::{ColorMatrix, ColorRange, Colorimetry, Image, PixelFormat};
use vision::letterbox::{ChannelOrder, Element, Fit, Layout, Letterbox, SampleError, Sampler, TensorFormat};

const RGB_F32: TensorFormat = TensorFormat {
    width: 32,
    height: 24,
    layout: Layout::Nchw,
    element: Element::F32,
    order: ChannelOrder::Rgb,
    scale: 1.0 / 255.0,
    mean: [0.0; 3],
    std: [1.0; 3],
    pad: 114,
    fit: Fit::Letterbox,
};

const IMAGENET: TensorFormat = TensorFormat {
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    fit: Fit::Stretch,
    ..RGB_F32
};

const BGR_U8: TensorFormat = TensorFormat {
    layout: Layout::Nhwc,
    element: Element::U8,
    order: ChannelOrder::Bgr,
    scale: 1.0,
    ..RGB_F32
};

const BGR_F16: TensorFormat = TensorFormat {
    layout: Layout::Nhwc,
    element: Element::F16,
    order: ChannelOrder::Bgr,
    ..IMAGENET
};

mod reference {
    //! Each output pixel on its own, with clamped coordinates and a sum over two axes.

    use super::*;

    /// The samples (perhaps outside the plane) and weights of output `i`.
    fn weights(start: f64, step: f64, i: usize) -> Vec<(i64, i64)> {
        if step <= 1.5 {
            let centre = start + (i as f64 + 0.5) * step - 0.5;
            let left = centre.floor();
            let right_weight = (256.0 * (centre - left)).round() as i64;
            return vec![(left as i64, 256 - right_weight), (left as i64 + 1, right_weight)];
        }
        let a = start + i as f64 * step;
        let below = |t: i64| (256.0 * (t as f64 - a).clamp(0.0, step) / step).round() as i64;
        let samples = a.floor() as i64..(a + step).ceil() as i64;
        samples.map(|j| (j, below(j + 1) - below(j))).collect()
    }

    /// The content's place in the tensor along one axis: padding before it, and its length.
    fn content(region: (f64, f64), tensor: (usize, usize), fit: Fit) -> [(usize, usize); 2] {
        if fit == Fit::Stretch {
            return [(0, tensor.0), (0, tensor.1)];
        }
        let scale = f64::min(tensor.0 as f64 / region.0, tensor.1 as f64 / region.1);
        [(region.0, tensor.0), (region.1, tensor.1)].map(|(length, tensor)| {
            let content = ((length * scale).round_ties_even() as usize).clamp(1, tensor);
            ((tensor - content) / 2, content)
        })
    }

    /// The component of plane `plane` at byte `offset`, for the content's pixel `x`, `y`.
    fn component(
        frame: &Frame,
        (plane, offset): (usize, usize),
        region: Rect,
        content: [usize; 2],
        x: usize,
        y: usize,
    ) -> u8 {
        let halving = if plane == 0 { 1.0 } else { 2.0 };
        let axis = |from: f32, to: f32, outputs: usize, i: usize| {
            let (from, to) = (f64::from(from), f64::from(to));
            weights(from / halving, (to - from) / halving / outputs as f64, i)
        };
        let (columns, rows) = frame.format.plane_size(plane, frame.width, frame.height);
        let mut sum = 1 << 15;
        for (row, wy) in axis(region.top, region.bottom, content[1], y) {
            for (column, wx) in axis(region.left, region.right, content[0], x) {
                let row = row.clamp(0, rows as i64 - 1) as usize;
                let column = column.clamp(0, columns as i64 - 1) as usize;
                let sample = frame.planes[plane]
                    [row * frame.strides[plane] + column * frame.format.pixel_stride(plane) + offset];
                sum += wy * wx * i64::from(sample);
            }
        }
        u8::try_from(sum >> 16).expect("a mean of bytes is a byte")
    }

    fn rgb(frame: &Frame, region: Rect, content: [usize; 2], x: usize, y: usize) -> [u8; 3] {
        let at = |place| component(frame, place, region, content, x, y);
        if let Some(offsets) = frame.format.rgb_offsets() {
            return offsets.map(|offset| at((0, offset)));
        }
        let [u, v] = frame.format.uv_places().map_or([128, 128], |uv| uv.map(at));
        frame.colorimetry.rgb_from_yuv().convert(at((0, 0)), u, v)
    }

    pub fn sample(frame: &Frame, region: Rect, format: &TensorFormat) -> Vec<u8> {
        let size = (
            f64::from(region.right) - f64::from(region.left),
            f64::from(region.bottom) - f64::from(region.top),
        );
        let [(left, columns), (top, rows)] = content(size, (format.width, format.height), format.fit);
        let mut out = vec![0; format.bytes()];
        for y in 0..format.height {
            for x in 0..format.width {
                let inside = (left..left + columns).contains(&x) && (top..top + rows).contains(&y);
                let mut pixel = [format.pad; 3];
                if inside {
                    pixel = rgb(frame, region, [columns, rows], x - left, y - top);
                }
                if format.order == ChannelOrder::Bgr {
                    pixel.reverse();
                }
                for (c, pixel) in pixel.into_iter().enumerate() {
                    let value = (f32::from(pixel) * format.scale - format.mean[c]) / format.std[c];
                    let index = match format.layout {
                        Layout::Nchw => (c * format.height + y) * format.width + x,
                        Layout::Nhwc => (y * format.width + x) * 3 + c,
                    };
                    match format.element {
                        Element::F32 => out[index * 4..][..4].copy_from_slice(&value.to_le_bytes()),
                        Element::F16 => {
                            out[index * 2..][..2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes());
                        }
                        Element::U8 => out[index] = value.round().clamp(0.0, 255.0) as u8,
                    }
                }
            }
        }
        out
    }
}

/// A single call of a new sampler.
fn sample(image: &Image<'_>, region: Rect, format: &TensorFormat, out: &mut [u8]) -> Result<Letterbox, SampleError> {
    Sampler::new(*format)?.sample(image, region, out)
}

#[track_caller]
fn check(sampler: &mut Sampler, frame: &Frame, region: Rect) {
    let format = &sampler.format().clone();
    let mut got = vec![0xAA; format.bytes()];
    sampler.sample(&frame.image(), region, &mut got).unwrap();
    let want = reference::sample(frame, region, format);
    let differing = got.iter().zip(&want).position(|(got, want)| got != want);
    let Frame {
        format: pixels,
        width,
        height,
        ..
    } = frame;
    assert_eq!(differing, None, "{pixels:?} {width}×{height} {region:?} {format:?}");
}

#[test]
fn equals_the_reference_for_every_format() {
    let regions = |w: f32, h: f32| {
        [
            Rect::new(0.0, 0.0, w, h),
            Rect::new(w * 0.25, h * 0.125, w * 0.75, h * 0.875),
            Rect::new(-3.3, -7.9, w + 1.4, h * 0.6),
            Rect::new(w + 5.0, h + 5.0, w + 9.5, h + 20.0),
            Rect::new(2.25, 1.5, 2.5, 3.0),
        ]
    };
    let sizes = [(32, 24), (64, 36), (37, 91), (161, 90), (1, 1), (2, 300), (301, 3)];
    // the same samplers for all: what they keep from one region, size or format must not show in the next
    let mut samplers = [RGB_F32, IMAGENET, BGR_U8, BGR_F16].map(|tensor| Sampler::new(tensor).unwrap());
    for format in PixelFormat::ALL {
        for (width, height) in sizes {
            let frame = Frame::noise(format, width, height, 5, width as u64);
            for region in regions(width as f32, height as f32) {
                for sampler in &mut samplers {
                    check(sampler, &frame, region);
                }
            }
        }
    }
}

prop_compose! {
    fn frame()(
        format in proptest::sample::select(PixelFormat::ALL.as_slice()),
        width in 1..140usize,
        height in 1..140usize,
        padding in 0..9usize,
        seed: u64,
        matrix in proptest::sample::select(vec![ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020]),
        range in proptest::sample::select(vec![ColorRange::Limited, ColorRange::Full]),
    ) -> Frame {
        Frame { colorimetry: Colorimetry { matrix, range }, ..Frame::noise(format, width, height, padding, seed) }
    }
}

prop_compose! {
    fn tensor_format()(
        width in 1..48usize,
        height in 1..48usize,
        layout in proptest::sample::select(vec![Layout::Nchw, Layout::Nhwc]),
        element in proptest::sample::select(vec![Element::F32, Element::F16, Element::U8]),
        order in proptest::sample::select(vec![ChannelOrder::Rgb, ChannelOrder::Bgr]),
        scale in proptest::sample::select(vec![1.0, 1.0 / 255.0, 2.0]),
        mean in proptest::array::uniform3(-1.0..1.0f32),
        std in proptest::array::uniform3(0.1..2.0f32),
        pad: u8,
        fit in proptest::sample::select(vec![Fit::Letterbox, Fit::Stretch]),
    ) -> TensorFormat {
        TensorFormat { width, height, layout, element, order, scale, mean, std, pad, fit }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn equals_the_reference_everywhere(
        frame in frame(),
        format in tensor_format(),
        left in -50.0..150.0f32,
        top in -50.0..150.0f32,
        width in 0.1..300.0f32,
        height in 0.1..300.0f32,
    ) {
        let mut sampler = Sampler::new(format).unwrap();
        let region = Rect::new(left, top, left + width, top + height);
        check(&mut sampler, &frame, region);
        // the next frame of a stream, with the filters of the one before
        let next = Frame { planes: frame.planes.iter().map(|plane| plane.iter().map(|b| !b).collect()).collect(), ..frame };
        check(&mut sampler, &next, region);
    }
}

#[test]
fn an_unscaled_frame_is_only_converted() {
    let (width, height) = (32, 24);
    let bytes = TensorFormat {
        element: Element::U8,
        layout: Layout::Nhwc,
        scale: 1.0,
        ..RGB_F32
    };
    let region = Rect::new(0.0, 0.0, width as f32, height as f32);
    let mut got = vec![0; bytes.bytes()];

    let frame = Frame::noise(PixelFormat::Xbgr, width, height, 3, 7);
    sample(&frame.image(), region, &bytes, &mut got).unwrap();
    let image = frame.image();
    let want: Vec<u8> = (0..height)
        .flat_map(|y| image.row(0, y).chunks(4).flat_map(|p| [p[3], p[2], p[1]]))
        .collect();
    assert_eq!(got, want);

    // with the same chroma all over, siting does not matter either
    let mut frame = Frame::noise(PixelFormat::Nv12, width, height, 0, 7);
    frame.planes[1]
        .chunks_mut(2)
        .for_each(|uv| uv.copy_from_slice(&[90, 170]));
    sample(&frame.image(), region, &bytes, &mut got).unwrap();
    let matrix = frame.colorimetry.rgb_from_yuv();
    let want: Vec<u8> = frame.planes[0]
        .iter()
        .flat_map(|y| matrix.convert(*y, 90, 170))
        .collect();
    assert_eq!(got, want);
}

#[test]
fn a_fine_pattern_scaled_down_is_its_average() {
    // a chequerboard of single pixels: point samples would give black or white
    let mut frame = Frame::noise(PixelFormat::Gray8, 384, 216, 0, 0);
    frame.colorimetry.range = ColorRange::Full;
    for (i, sample) in frame.planes[0].iter_mut().enumerate() {
        *sample = if (i % 384 + i / 384) % 2 == 0 { 0 } else { 255 };
    }
    // by 6, as 4K is for 640 pixels, and by 1.6, as a person of 102 pixels is for 64
    for (width, height, off) in [(64, 36, 3), (240, 135, 10)] {
        let format = TensorFormat {
            width,
            height,
            element: Element::U8,
            scale: 1.0,
            ..RGB_F32
        };
        let mut out = vec![0; format.bytes()];
        sample(&frame.image(), Rect::new(0.0, 0.0, 384.0, 216.0), &format, &mut out).unwrap();
        let (min, max) = (out.iter().min().unwrap(), out.iter().max().unwrap());
        assert!(*min >= 128 - off && *max <= 128 + off, "{min}..{max}");
    }
}

#[test]
fn unusable_regions_outputs_and_formats_are_errors() {
    let frame = Frame::noise(PixelFormat::I420, 8, 8, 0, 0);
    let whole = Rect::new(0.0, 0.0, 8.0, 8.0);
    let mut sampler = Sampler::new(RGB_F32).unwrap();
    let mut out = vec![0; RGB_F32.bytes()];
    for region in [
        Rect::new(0.0, 0.0, 0.0, 8.0),
        Rect::new(4.0, 0.0, 2.0, 8.0),
        Rect::new(0.0, f32::NAN, 8.0, 8.0),
        Rect::new(f32::NEG_INFINITY, 0.0, 8.0, 8.0),
        Rect::new(0.0, 0.0, 1e-44, 1e-44),
    ] {
        let got = sampler.sample(&frame.image(), region, &mut out);
        assert!(matches!(got, Err(SampleError::Region(_))), "{region:?}: {got:?}");
    }
    let got = sampler.sample(&frame.image(), whole, &mut out[1..]).unwrap_err();
    assert_eq!(
        got.to_string(),
        "the tensor has 9216 bytes, the memory to write it to 9215"
    );

    let boundless = TensorFormat {
        width: usize::MAX,
        ..RGB_F32
    };
    let got = sample(&frame.image(), whole, &boundless, &mut out);
    assert!(matches!(got, Err(SampleError::Output { .. })), "{got:?}");

    let unusable = |format| Sampler::new(format).err().map(|e| e.to_string());
    for format in [
        TensorFormat {
            std: [1.0, 0.0, 1.0],
            ..RGB_F32
        },
        TensorFormat {
            mean: [f32::NAN; 3],
            ..RGB_F32
        },
        TensorFormat {
            scale: f32::INFINITY,
            ..RGB_F32
        },
        TensorFormat { width: 0, ..RGB_F32 },
        // beyond the largest FP16, 65504
        TensorFormat {
            element: Element::F16,
            scale: 260.0,
            ..RGB_F32
        },
    ] {
        assert!(unusable(format).is_some(), "{format:?}");
    }
}

#[test]
fn the_time_for_enormous_regions_is_bounded() {
    let frame = Frame::noise(PixelFormat::I420, 8, 8, 0, 0);
    let mut out = vec![0; RGB_F32.bytes()];
    for region in [Rect::new(-1e9, -1e9, 1e9, 1e9), Rect::new(1e20, 0.0, 2e20, 8.0)] {
        let letterbox = sample(&frame.image(), region, &RGB_F32, &mut out).unwrap();
        assert!(letterbox.scale_x > 0.0);
    }
}
