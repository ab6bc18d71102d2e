//! The sampler, by case: frames of one format and size into one kind of tensor.
//!
//! ```text
//! cargo bench -p vision --bench letterbox
//! ```
//!
//! The same frames converted by GStreamer: `cargo bench -p people-meta --bench converter`.

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};
use vision::Rect;
use vision::image::{Colorimetry, Field, Image, PixelFormat, Plane};
use vision::letterbox::{ChannelOrder, Element, Fit, Layout, Orientation, Presentation, Sampler, TensorFormat, View};

/// RGB bytes without normalisation, 640×640, as a detector takes them.
const BYTES: TensorFormat = TensorFormat {
    width: 640,
    height: 640,
    layout: Layout::Nhwc,
    element: Element::U8,
    order: ChannelOrder::Rgb,
    scale: 1.0,
    mean: [0.0; 3],
    std: [1.0; 3],
    pad: 114,
    fit: Fit::Letterbox,
};

/// Planes of RGB floats 0..1, 640×640.
const FLOATS: TensorFormat = TensorFormat {
    layout: Layout::Nchw,
    element: Element::F32,
    scale: 1.0 / 255.0,
    ..BYTES
};

/// RGB bytes as MoveNet takes them in the shipped demo.
const DEMO: TensorFormat = TensorFormat { height: 480, ..BYTES };

const FULL_HD: (usize, usize) = (1920, 1080);

/// Planes of pseudo-random bytes, without padding.
fn planes(format: PixelFormat, (width, height): (usize, usize)) -> Vec<(Vec<u8>, usize)> {
    let mut state = 1_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..format.planes())
        .map(|plane| {
            let (columns, rows) = format.plane_size(plane, width, height);
            let stride = columns * format.pixel_stride(plane);
            ((0..stride * rows).map(|_| byte()).collect(), stride)
        })
        .collect()
}

/// Times the conversion of a whole frame, or of `region`.
fn bench(
    c: &mut Criterion<CpuTime>,
    name: &str,
    format: PixelFormat,
    size: (usize, usize),
    tensor: TensorFormat,
    region: Option<Rect>,
) {
    bench_presented(c, name, format, size, tensor, region, Presentation::default());
}

/// The same of frames that are presented in another way.
fn bench_presented(
    c: &mut Criterion<CpuTime>,
    name: &str,
    format: PixelFormat,
    size: (usize, usize),
    tensor: TensorFormat,
    region: Option<Rect>,
    presentation: Presentation,
) {
    let planes = planes(format, size);
    let views = planes.iter().map(|(data, stride)| Plane {
        data: data.as_slice(),
        stride: *stride,
    });
    let image = Image::new(format, size.0, size.1, views, Colorimetry::default()).expect("the frame has its planes");
    let region = region.unwrap_or(Rect::new(0.0, 0.0, size.0 as f32, size.1 as f32));
    let mut sampler = Sampler::new(tensor).expect("the tensor is usable");
    let mut out = vec![0; tensor.bytes()];
    let view = View::new(&image, presentation).expect("the crop is inside of the frame");
    c.bench_function(&format!("letterbox/{name}"), |b| {
        b.iter(|| sampler.sample(view, region, &mut out))
    });
}

fn letterbox(c: &mut Criterion<CpuTime>) {
    use PixelFormat::*;
    bench(c, "1080p I420 to 640² UINT8 NHWC", I420, FULL_HD, BYTES, None);
    bench(c, "1080p NV12 to 640² UINT8 NHWC", Nv12, FULL_HD, BYTES, None);
    bench(c, "1080p RGB to 640² UINT8 NHWC", Rgb, FULL_HD, BYTES, None);
    bench(c, "1080p BGRx to 640² UINT8 NHWC", Bgrx, FULL_HD, BYTES, None);
    bench(c, "1080p GRAY8 to 640² UINT8 NHWC", Gray8, FULL_HD, BYTES, None);
    bench(
        c,
        "1080p I420 to 640² UINT8 NCHW",
        I420,
        FULL_HD,
        TensorFormat {
            layout: Layout::Nchw,
            ..BYTES
        },
        None,
    );
    bench(c, "1080p I420 to 640² FP32 NCHW", I420, FULL_HD, FLOATS, None);
    bench(
        c,
        "1080p I420 to 640² FP32 NHWC",
        I420,
        FULL_HD,
        TensorFormat {
            layout: Layout::Nhwc,
            ..FLOATS
        },
        None,
    );
    bench(c, "640×480 I420 to 640×480 UINT8 NHWC", I420, (640, 480), DEMO, None);
    bench(c, "768×576 I420 to 640×480 UINT8 NHWC", I420, (768, 576), DEMO, None);
    bench(c, "768×576 NV12 to 640×480 UINT8 NHWC", Nv12, (768, 576), DEMO, None);
    bench(c, "2160p I420 to 640² UINT8 NHWC", I420, (3840, 2160), BYTES, None);
    let person = TensorFormat {
        width: 64,
        height: 64,
        fit: Fit::Stretch,
        ..FLOATS
    };
    let upright = Some(Rect::new(300.5, 200.25, 360.0, 330.0));
    bench(c, "60×130 of I420 to 64² FP32 NCHW", I420, (768, 576), person, upright);
    let near = Some(Rect::new(300.5, 200.25, 450.0, 620.0));
    bench(c, "150×420 of I420 to 64² FP32 NCHW", I420, FULL_HD, person, near);
}

/// Frames that are stored in another way than they are seen.
fn presented(c: &mut Criterion<CpuTime>) {
    use PixelFormat::I420;
    for (name, orientation) in [
        ("turned by 90°", Orientation::ROTATE_90),
        ("turned by 180°", Orientation::ROTATE_180),
    ] {
        let presentation = Presentation {
            orientation,
            ..Presentation::default()
        };
        let name = format!("1080p I420, {name}, to 640² UINT8 NHWC");
        bench_presented(c, &name, I420, FULL_HD, BYTES, None, presentation);
    }
    let interlaced = Presentation {
        field: Some(Field::Top),
        ..Presentation::default()
    };
    bench_presented(
        c,
        "1080i I420 to 640² UINT8 NHWC",
        I420,
        FULL_HD,
        BYTES,
        None,
        interlaced,
    );
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = letterbox, presented);
criterion_main!(benches);
