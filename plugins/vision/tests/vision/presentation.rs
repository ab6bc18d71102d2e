//! Frames that are stored in another way than they are seen: turned, with pixels that are not square, cropped, interlaced.

use vision::image::{Field, PixelFormat};
use vision::letterbox::{
    ChannelOrder, Crop, Element, Fit, Layout, Letterbox, Orientation, Presentation, SampleError, Sampler, TensorFormat,
    View,
};
use vision::{Point, Rect};

use crate::frames::Frame;

const TENSOR: TensorFormat = TensorFormat {
    width: 40,
    height: 32,
    layout: Layout::Nhwc,
    element: Element::U8,
    order: ChannelOrder::Rgb,
    scale: 1.0,
    mean: [0.0; 3],
    std: [1.0; 3],
    pad: 114,
    fit: Fit::Letterbox,
};

fn whole(frame: &Frame) -> Rect {
    Rect::new(0.0, 0.0, frame.width as f32, frame.height as f32)
}

fn oriented(orientation: Orientation) -> Presentation {
    Presentation {
        orientation,
        ..Presentation::default()
    }
}

fn sample(frame: &Frame, presentation: Presentation, region: Rect, tensor: TensorFormat) -> (Vec<u8>, Letterbox) {
    let mut out = vec![0xAA; tensor.bytes()];
    let image = frame.image();
    let view = View::new(&image, presentation).unwrap();
    let letterbox = Sampler::new(tensor).unwrap().sample(view, region, &mut out).unwrap();
    (out, letterbox)
}

/// The frame with its pixels turned, as `videoflip` does.
fn turned(frame: &Frame, orientation: Orientation) -> Frame {
    let (width, height) = orientation.exchanged(frame.width, frame.height);
    let mut upright = Frame::noise(frame.format, width, height, 0, 0);
    for plane in 0..frame.format.planes() {
        let bytes = frame.format.pixel_stride(plane);
        let (columns, rows) = frame.format.plane_size(plane, width, height);
        for y in 0..rows {
            for x in 0..columns {
                let along_x = if orientation.mirrored_x { columns - 1 - x } else { x };
                let along_y = if orientation.mirrored_y { rows - 1 - y } else { y };
                let (from_x, from_y) = orientation.exchanged(along_x, along_y);
                let from = from_y * frame.strides[plane] + from_x * bytes;
                let to = y * upright.strides[plane] + x * bytes;
                upright.planes[plane][to..to + bytes].copy_from_slice(&frame.planes[plane][from..from + bytes]);
            }
        }
    }
    upright
}

/// The region of the upright frame that shows `region` of the stored one.
fn turned_region(region: Rect, frame: &Frame, orientation: Orientation) -> Rect {
    let (x, y) = orientation.exchanged(
        ([region.left, region.right], frame.width as f32),
        ([region.top, region.bottom], frame.height as f32),
    );
    let along = |(edges, length): ([f32; 2], f32), is_mirrored| match edges {
        [from, to] if is_mirrored => [length - to, length - from],
        edges => edges,
    };
    let ([left, right], [top, bottom]) = (along(x, orientation.mirrored_x), along(y, orientation.mirrored_y));
    Rect::new(left, top, right, bottom)
}

#[test]
fn a_stored_frame_is_sampled_as_the_turned_one() {
    let regions = |w: f32, h: f32| {
        [
            Rect::new(0.0, 0.0, w, h),
            Rect::new(w * 0.25, h * 0.125, w * 0.75, h * 0.875),
            Rect::new(-3.25, -7.5, w + 1.5, h * 0.625),
            Rect::new(4.0, 2.0, 12.0, 30.0),
        ]
    };
    let tensors = [
        TENSOR,
        TensorFormat {
            fit: Fit::Stretch,
            layout: Layout::Nchw,
            ..TENSOR
        },
    ];
    // the same samplers for all: what they keep from one orientation must not show in the next
    let mut samplers = tensors.map(|tensor| Sampler::new(tensor).unwrap());
    let mut out = vec![0; TENSOR.bytes()];
    for format in PixelFormat::ALL {
        for (width, height) in [(32, 32), (64, 36), (38, 90), (160, 96)] {
            let frame = Frame::noise(format, width, height, 5, 1);
            for region in regions(width as f32, height as f32) {
                for orientation in Orientation::ALL {
                    let image = frame.image();
                    let view = View::new(&image, oriented(orientation)).unwrap();
                    let upright = turned(&frame, orientation);
                    let upright_region = turned_region(region, &frame, orientation);
                    for sampler in &mut samplers {
                        sampler.sample(view, region, &mut out).unwrap();
                        let (want, _) = sample(&upright, Presentation::default(), upright_region, *sampler.format());
                        let most = out.iter().zip(&want).map(|(a, b)| a.abs_diff(*b)).max();
                        // Weights are rounded in the order of the samples, which differs where they lie in the middle
                        // between two numbers; of noise in YUV that makes up to three levels.
                        let limit = if region == whole(&frame) { 1 } else { 3 };
                        assert!(
                            most <= Some(limit),
                            "{most:?}: {format:?} {width}×{height} {region:?} {orientation:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn corners_are_where_the_orientation_puts_them() {
    use Orientation as O;
    // the tensor's corners, from the upper left clockwise, of a frame whose corners are named by their x and y
    for (orientation, corners) in [
        (O::IDENTITY, ["00", "10", "11", "01"]),
        (O::ROTATE_90, ["01", "00", "10", "11"]),
        (O::ROTATE_180, ["11", "01", "00", "10"]),
        (O::ROTATE_270, ["10", "11", "01", "00"]),
        (O::MIRROR_HORIZONTALLY, ["10", "00", "01", "11"]),
        (O::MIRROR_VERTICALLY, ["01", "11", "10", "00"]),
        (O::TRANSPOSE, ["00", "01", "11", "10"]),
        (O::TRANSVERSE, ["11", "10", "00", "01"]),
    ] {
        let frame = Rect::new(0.0, 0.0, 64.0, 48.0);
        let letterbox = Letterbox::fit_presented(frame, &oriented(orientation), 10, 10, Fit::Stretch).unwrap();
        let at = |x, y| {
            let p = letterbox.to_frame(Point::new(x, y));
            format!("{}{}", (p.x / 64.0).round() as u8, (p.y / 48.0).round() as u8)
        };
        let got = [at(0.0, 0.0), at(10.0, 0.0), at(10.0, 10.0), at(0.0, 10.0)];
        assert_eq!(got, corners, "{orientation:?}");
    }
}

/// Every combination of orientation, pixel aspect and region; more of them than a stream has.
fn presentations() -> impl Iterator<Item = (Presentation, Rect)> {
    let aspects = [1.0, 2.0, 0.5, 12.0 / 11.0, 64.0 / 45.0];
    let regions = [
        Rect::new(0.0, 0.0, 768.0, 576.0),
        Rect::new(100.0, 40.0, 500.0, 560.0),
        Rect::new(-20.5, 300.25, 64.0, 400.0),
    ];
    Orientation::ALL.into_iter().flat_map(move |orientation| {
        aspects.into_iter().flat_map(move |pixel_aspect| {
            regions.into_iter().map(move |region| {
                let presentation = Presentation {
                    pixel_aspect,
                    ..oriented(orientation)
                };
                (presentation, region)
            })
        })
    })
}

#[test]
fn a_map_to_the_tensor_and_back_is_the_identity() {
    for (presentation, region) in presentations() {
        for fit in [Fit::Letterbox, Fit::Stretch] {
            let letterbox = Letterbox::fit_presented(region, &presentation, 640, 480, fit).unwrap();
            assert_eq!(letterbox.orientation(), presentation.orientation);
            for scaled in [letterbox, letterbox.of_scaled_frame(0.5, 0.25)] {
                let p = Point::new(region.left + 3.0, region.bottom - 7.0);
                let q = scaled.to_frame(scaled.to_tensor(p));
                assert!(
                    (p.x - q.x).abs() < 0.01 && (p.y - q.y).abs() < 0.01,
                    "{p:?} {q:?} {presentation:?}"
                );
            }
            let [a, b] = [(region.left, region.top), (region.right, region.bottom)]
                .map(|(x, y)| letterbox.to_tensor(Point::new(x, y)));
            let inside = Rect::new(a.x.min(b.x), a.y.min(b.y), a.x.max(b.x), a.y.max(b.y));
            let back = letterbox.rect_to_frame(inside);
            let edges = |r: Rect| [r.left, r.top, r.right, r.bottom];
            for (edge, back) in edges(region).into_iter().zip(edges(back)) {
                assert!((edge - back).abs() < 0.01, "{region:?} {back:?} {presentation:?}");
            }
            // the content is inside of the tensor and touches it
            assert!(inside.left > -0.01 && inside.top > -0.01 && inside.right < 640.01 && inside.bottom < 480.01);
            assert!(inside.width() > 639.0 || inside.height() > 479.0, "{inside:?}");
        }
    }
}

#[test]
fn content_has_the_aspect_of_the_region_as_it_is_seen() {
    for (presentation, region) in presentations() {
        let letterbox = Letterbox::fit_presented(region, &presentation, 640, 480, Fit::Letterbox).unwrap();
        let (seen_width, seen_height) = presentation.orientation.exchanged(
            f64::from(region.width()) * presentation.pixel_aspect,
            f64::from(region.height()),
        );
        let (stored_x, stored_y) = presentation.orientation.exchanged(region.width(), region.height());
        let content = [stored_x * letterbox.scale_x.abs(), stored_y * letterbox.scale_y.abs()];
        let scale = (640.0 / seen_width).min(480.0 / seen_height);
        // whole pixels
        assert!(
            (f64::from(content[0]) - seen_width * scale).abs() <= 0.51,
            "{presentation:?}"
        );
        assert!(
            (f64::from(content[1]) - seen_height * scale).abs() <= 0.51,
            "{presentation:?}"
        );
    }
}

#[test]
fn a_box_that_is_scaled_after_sampling_follows() {
    let region = Rect::new(0.0, 0.0, 768.0, 576.0);
    for orientation in Orientation::ALL {
        let letterbox = Letterbox::fit_presented(region, &oriented(orientation), 640, 480, Fit::Letterbox).unwrap();
        let inside = Rect::new(300.0, 200.0, 340.0, 300.0);
        let scaled = letterbox.of_scaled_frame(0.5, 0.25).rect_to_frame(inside);
        let want = letterbox.rect_to_frame(inside).scaled(0.5, 0.25);
        assert!(
            want.area() > 0.0 && scaled.iou(&want) > 0.9999,
            "{orientation:?} {scaled:?} {want:?}"
        );
    }
}

#[test]
fn a_box_with_exchanged_edges_stays_empty() {
    let region = Rect::new(0.0, 0.0, 768.0, 576.0);
    for orientation in Orientation::ALL {
        let letterbox = Letterbox::fit_presented(region, &oriented(orientation), 640, 480, Fit::Letterbox).unwrap();
        assert_eq!(
            letterbox.rect_to_frame(Rect::new(300.0, 200.0, 280.0, 300.0)).area(),
            0.0
        );
    }
}

#[test]
fn a_crop_is_sampled_as_the_cut_out_pixels() {
    for format in PixelFormat::ALL {
        // chroma is shared by two pixels: a crop at an odd one has no exact equal
        for (left, top, width, height) in [(8, 6, 40, 32), (2, 0, 30, 47), (0, 10, 64, 18)] {
            let frame = Frame::noise(format, 64, 48, 3, 9);
            let crop = Crop {
                left,
                top,
                width,
                height,
            };
            let mut cut = Frame::noise(format, width, height, 0, 0);
            for plane in 0..format.planes() {
                let (shared, bytes) = (if plane > 0 { 2 } else { 1 }, format.pixel_stride(plane));
                let (columns, rows) = format.plane_size(plane, width, height);
                for y in 0..rows {
                    let from = (top / shared + y) * frame.strides[plane] + left / shared * bytes;
                    let to = y * cut.strides[plane];
                    let length = columns * bytes;
                    cut.planes[plane][to..to + length].copy_from_slice(&frame.planes[plane][from..from + length]);
                }
            }
            for orientation in Orientation::ALL {
                let presentation = Presentation {
                    crop: Some(crop),
                    ..oriented(orientation)
                };
                let (got, letterbox) = sample(&frame, presentation, crop.rect(), TENSOR);
                let (want, of_cut) = sample(&cut, oriented(orientation), whole(&cut), TENSOR);
                assert_eq!(got, want, "{format:?} {crop:?} {orientation:?}");
                let (p, q) = (Point::new(20.0, 16.0), Point::new(left as f32, top as f32));
                let (got, want) = (letterbox.to_frame(p), of_cut.to_frame(p));
                assert!((got.x - want.x - q.x).abs() < 0.01 && (got.y - want.y - q.y).abs() < 0.01);
            }
        }
    }
}

#[test]
fn crops_at_odd_pixels_and_beyond_the_frame() {
    let frame = Frame::noise(PixelFormat::I420, 33, 21, 0, 4);
    let image = frame.image();
    for (left, top, width, height, has_pixels) in [
        (5, 7, 11, 9, true),
        (32, 20, 1, 1, true),
        (0, 0, 100, 100, true),
        (33, 0, 4, 4, false),
        (0, 0, 0, 4, false),
        (usize::MAX, 0, 4, 4, false),
    ] {
        for field in [None, Some(Field::Top), Some(Field::Bottom)] {
            let crop = Crop {
                left,
                top,
                width,
                height,
            };
            let presentation = Presentation {
                crop: Some(crop),
                field,
                ..Presentation::default()
            };
            let view = View::new(&image, presentation);
            match view {
                Ok(view) => {
                    let mut out = vec![0; TENSOR.bytes()];
                    let mut sampler = Sampler::new(TENSOR).unwrap();
                    sampler.sample(view, crop.rect(), &mut out).unwrap();
                }
                Err(SampleError::Region(_)) => {
                    assert!(!has_pixels || field == Some(Field::Bottom), "{crop:?} {field:?}")
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_field_is_sampled_without_the_lines_of_the_other() {
    for format in PixelFormat::ALL {
        for (field, other) in [(Field::Top, 1), (Field::Bottom, 0)] {
            // the picture brightens downwards; the other field is noise
            let mut frame = Frame::noise(format, 64, 48, 3, 9);
            for plane in 0..format.planes() {
                let (columns, rows) = format.plane_size(plane, 64, 48);
                let bytes = columns * format.pixel_stride(plane);
                for y in (0..rows).filter(|y| y % 2 != other) {
                    let value = if plane == 0 { (y * 5) as u8 } else { 128 };
                    frame.planes[plane][y * frame.strides[plane]..][..bytes].fill(value);
                }
            }
            let mut progressive = frame.clone();
            for plane in 0..format.planes() {
                let (columns, rows) = format.plane_size(plane, 64, 48);
                let bytes = columns * format.pixel_stride(plane);
                for y in 0..rows {
                    let value = if plane == 0 { (y * 5) as u8 } else { 128 };
                    progressive.planes[plane][y * frame.strides[plane]..][..bytes].fill(value);
                }
            }
            for orientation in Orientation::ALL {
                let presentation = Presentation {
                    field: Some(field),
                    ..oriented(orientation)
                };
                let region = Rect::new(8.0, 4.0, 56.0, 44.0);
                let (got, letterbox) = sample(&frame, presentation, region, TENSOR);
                let (want, of_progressive) = sample(&progressive, oriented(orientation), region, TENSOR);
                let most = got.iter().zip(&want).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(most <= Some(3), "{most:?} {format:?} {field:?} {orientation:?}");
                assert_eq!(letterbox, of_progressive);
            }
        }
    }
}

#[test]
fn frames_of_few_lines_have_fields() {
    for format in PixelFormat::ALL {
        for height in 1..9 {
            let frame = Frame::noise(format, 8, height, 0, 1);
            for field in [Field::Top, Field::Bottom] {
                let presentation = Presentation {
                    field: Some(field),
                    ..Presentation::default()
                };
                sample(&frame, presentation, whole(&frame), TENSOR);
            }
        }
    }
}
