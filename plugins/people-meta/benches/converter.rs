//! The sampler beside GStreamer's conversion of the same frames, in one run and one thread.
//!
//! ```text
//! cargo bench -p people-meta --bench converter
//! ```
//!
//! The peers are `GstVideoConverter`s with the options of the elements: bilinear with 2 taps and borders as `videoscale
//! method=bilinear add-borders=true` has them, then a conversion as `videoconvert` does it; and both at once, as
//! `videoconvertscale`. Frames are mapped before the measurement, so that neither side pays for elements, caps or buffers.

#[path = "../../vision/benches/cpu_time/mod.rs"]
mod cpu_time;

use cpu_time::CpuTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use gst_video::prelude::*;
use gst_video::video_frame::{Readable, Writable};
use gst_video::{VideoConverter, VideoConverterConfig, VideoFormat, VideoFrame, VideoInfo, VideoResamplerMethod};
use vision::Rect;
use vision::image::{Colorimetry, Image, PixelFormat, Plane};
use vision::letterbox::{ChannelOrder, Element, Fit, Layout, Sampler, TensorFormat};

/// RGB bytes without normalisation.
fn tensor(width: usize, height: usize) -> TensorFormat {
    TensorFormat {
        width,
        height,
        layout: Layout::Nhwc,
        element: Element::U8,
        order: ChannelOrder::Rgb,
        scale: 1.0,
        mean: [0.0; 3],
        std: [1.0; 3],
        pad: 0,
        fit: Fit::Letterbox,
    }
}

fn info(format: VideoFormat, (width, height): (u32, u32)) -> VideoInfo {
    VideoInfo::builder(format, width, height)
        .build()
        .expect("the size is usable")
}

/// A frame of pseudo-random bytes.
fn noise(info: &VideoInfo) -> VideoFrame<Readable> {
    let mut state = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(info.size())
    .collect();
    VideoFrame::from_buffer_readable(gst::Buffer::from_slice(bytes), info).expect("the buffer is a frame")
}

fn blank(info: &VideoInfo) -> VideoFrame<Writable> {
    let buffer = gst::Buffer::with_size(info.size()).expect("memory is available");
    VideoFrame::from_buffer_writable(buffer, info).expect("the buffer is a frame")
}

/// The options of `videoscale`, which are also those of `videoconvertscale`.
fn bilinear(from: (u32, u32), to: (u32, u32)) -> VideoConverterConfig {
    let scale = (f64::from(to.0) / f64::from(from.0)).min(f64::from(to.1) / f64::from(from.1));
    let (width, height) = (
        (f64::from(from.0) * scale).round() as i32,
        (f64::from(from.1) * scale).round() as i32,
    );
    let mut config = VideoConverterConfig::new();
    config.set_resampler_method(VideoResamplerMethod::Linear);
    config.set_resampler_taps(0);
    config.set("GstVideoResampler.max-taps", 2);
    config.set_dest_x((to.0 as i32 - width) / 2);
    config.set_dest_y((to.1 as i32 - height) / 2);
    config.set_dest_width(Some(width));
    config.set_dest_height(Some(height));
    config.set_threads(1);
    config
}

fn sampler(group: &mut BenchmarkGroup<CpuTime>, format: PixelFormat, frame: &VideoFrame<Readable>, to: (u32, u32)) {
    let planes = frame.planes_data().into_iter().zip(frame.info().stride().to_vec());
    let planes = planes.take(format.planes()).map(|(data, stride)| Plane {
        data,
        stride: stride as usize,
    });
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let image = Image::new(format, width, height, planes, Colorimetry::default()).expect("the frame has its planes");
    let region = Rect::new(0.0, 0.0, width as f32, height as f32);
    let mut sampler = Sampler::new(tensor(to.0 as usize, to.1 as usize)).expect("the tensor is usable");
    let mut out = vec![0; sampler.format().bytes()];
    group.bench_function("sampler", |b| b.iter(|| sampler.sample(&image, region, &mut out)));
}

fn case(c: &mut Criterion<CpuTime>, name: &str, format: PixelFormat, from: (u32, u32), to: (u32, u32)) {
    let mut group = c.benchmark_group(format!("converter/{name}"));
    let video = VideoFormat::from_string(format.name());
    let (source, rgb) = (info(video, from), info(VideoFormat::Rgb, to));
    let scaled = info(video, to);
    let frame = noise(&source);
    sampler(&mut group, format, &frame, to);

    let mut out = blank(&rgb);
    let at_once = VideoConverter::new(&source, &rgb, Some(bilinear(from, to))).expect("the conversion exists");
    group.bench_function("videoconvertscale", |b| b.iter(|| at_once.frame(&frame, &mut out)));

    // the scaled frame is written and read: once as the one, once as the other
    let mut small = blank(&scaled);
    let scale = VideoConverter::new(&source, &scaled, Some(bilinear(from, to))).expect("the conversion exists");
    let small_again = noise(&scaled);
    let mut single = VideoConverterConfig::new();
    single.set_threads(1);
    let convert = VideoConverter::new(&scaled, &rgb, Some(single)).expect("the conversion exists");
    group.bench_function("videoscale ! videoconvert", |b| {
        b.iter(|| {
            scale.frame(&frame, &mut small);
            convert.frame(&small_again, &mut out);
        });
    });
    group.finish();
}

fn converter(c: &mut Criterion<CpuTime>) {
    gst::init().expect("GStreamer starts");
    case(c, "1080p I420 to 640²", PixelFormat::I420, (1920, 1080), (640, 640));
    case(c, "1080p NV12 to 640²", PixelFormat::Nv12, (1920, 1080), (640, 640));
    case(c, "768×576 I420 to 640×480", PixelFormat::I420, (768, 576), (640, 480));
    case(c, "640×480 I420 to 640×480", PixelFormat::I420, (640, 480), (640, 480));
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = converter);
criterion_main!(benches);
