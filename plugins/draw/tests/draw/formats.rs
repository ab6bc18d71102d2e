//! The same drawing in every format: equal colours for odd sizes, strides, ranges and matrices; other bytes stay unchanged.

use crate::frames::Frame;
use draw::{Canvas, Color, Typeface, polygon, stroke};
use vision::Point;
use vision::image::{ColorMatrix, ColorRange, Colorimetry, PixelFormat};

const SIZES: [(usize, usize); 5] = [(64, 48), (63, 47), (37, 24), (33, 1), (1, 1)];
const ORANGE: Color = Color([255, 138, 31]);

/// Edges at all angles, thin lines and text, in one fill: of two, 4:2:0 cannot know how they overlap within a sample.
fn shapes(canvas: &mut Canvas) {
    polygon::fill(
        canvas.mask,
        &[Point::new(3.3, 2.1), Point::new(44.7, 9.4), Point::new(30.2, 45.8)],
    );
    stroke::line(canvas.mask, Point::new(-5.0, 40.0), Point::new(70.0, -3.0), 2.6);
    stroke::disc(canvas.mask, Point::new(35.5, 2.2), 6.4);
    Typeface::new().draw(canvas.mask, "Åg", 20.0, 1.5, 40.0);
    canvas.fill(ORANGE, 0.85);
}

fn every_colorimetry() -> impl Iterator<Item = Colorimetry> {
    let matrices = [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020];
    let ranges = [ColorRange::Limited, ColorRange::Full];
    matrices
        .into_iter()
        .flat_map(move |matrix| ranges.map(|range| Colorimetry { matrix, range }))
}

#[test]
fn rgb_formats_show_the_same_bytes() {
    for size in SIZES {
        let mut want = Frame::simple(PixelFormat::Rgb, size, [90, 120, 60]);
        want.with_canvas(shapes);
        for format in PixelFormat::ALL.into_iter().filter(|f| f.rgb_offsets().is_some()) {
            let mut got = Frame::plain(format, size, 5, Colorimetry::default(), [90, 120, 60]);
            got.with_canvas(shapes);
            for (x, y) in pixels(size) {
                assert_eq!(got.rgb(x, y), want.rgb(x, y), "{format:?} {size:?} at {x},{y}");
            }
        }
    }
}

#[test]
fn yuv_formats_show_what_converted_rgb_would() {
    let yuv = [
        PixelFormat::I420,
        PixelFormat::Yv12,
        PixelFormat::Nv12,
        PixelFormat::Nv21,
        PixelFormat::Gray8,
    ];
    for (size, colorimetry) in SIZES.into_iter().flat_map(|s| every_colorimetry().map(move |c| (s, c))) {
        let mut rgb = Frame::simple(PixelFormat::Rgb, size, [90, 120, 60]);
        rgb.with_canvas(shapes);
        for format in yuv {
            let mut got = Frame::plain(format, size, 3, colorimetry, [90, 120, 60]);
            got.with_canvas(shapes);
            let near = |got: u8, want: f32, what: &str| {
                assert!(
                    (f32::from(got) - want).abs() <= 2.5,
                    "{format:?} {size:?} {colorimetry:?} {what}: {got} {want}"
                );
            };
            for (x, y) in pixels(size) {
                let want = colorimetry.yuv_from_rgb(rgb.rgb(x, y))[0];
                near(got.sample(0, x, y)[0], f32::from(want), &format!("luma {x},{y}"));
            }
            for (component, (plane, offset)) in format.uv_places().into_iter().flatten().enumerate() {
                for (x, y) in pixels(format.plane_size(plane, size.0, size.1)) {
                    let want = mean_chroma(&rgb, x, y, |p| colorimetry.yuv_from_rgb(p)[1 + component]);
                    near(
                        got.sample(plane, x, y)[offset],
                        want,
                        &format!("chroma {component} {x},{y}"),
                    );
                }
            }
        }
    }
}

/// The mean over the pixels of an RGB frame that share the chroma sample `x`, `y`.
fn mean_chroma(rgb: &Frame, x: usize, y: usize, chroma: impl Fn([u8; 3]) -> u8) -> f32 {
    let shared = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| (2 * x + dx, 2 * y + dy));
    let values: Vec<f32> = shared
        .into_iter()
        .filter(|(x, y)| *x < rgb.width && *y < rgb.height)
        .map(|(x, y)| f32::from(chroma(rgb.rgb(x, y))))
        .collect();
    values.iter().sum::<f32>() / values.len() as f32
}

#[test]
fn only_pixels_of_the_shape_change() {
    for format in PixelFormat::ALL {
        for size in [(40, 30), (41, 31)] {
            let mut before = Frame::plain(format, size, 9, Colorimetry::default(), [0; 3]);
            before.scramble();
            let mut after = before.clone();
            after.with_canvas(|canvas| {
                stroke::disc(canvas.mask, Point::new(20.0, 14.0), 5.0);
                canvas.fill(ORANGE, 1.0);
            });
            for plane in 0..format.planes() {
                let (step, stride) = (format.pixel_stride(plane), before.strides[plane]);
                let shrink = if plane == 0 { 1 } else { 2 };
                let inside = |at: usize| {
                    let (x, y) = (at % stride / step * shrink, at / stride * shrink);
                    (14..=25).contains(&x) && (8..=19).contains(&y)
                };
                let changed: Vec<bool> = before.planes[plane]
                    .iter()
                    .zip(&after.planes[plane])
                    .map(|(a, b)| a != b)
                    .collect();
                assert!(
                    changed.iter().enumerate().all(|(at, c)| !c || inside(at)),
                    "{format:?} plane {plane}"
                );
                assert!(
                    changed.iter().filter(|c| **c).count() > 8,
                    "{format:?} plane {plane}: nothing drawn"
                );
            }
        }
    }
}

#[test]
fn alpha_formats_become_opaque_where_drawn() {
    for (format, alpha) in [(PixelFormat::Rgba, 3), (PixelFormat::Argb, 0)] {
        let mut frame = Frame::simple(format, (20, 20), [10, 20, 30]);
        frame.with_canvas(|canvas| {
            stroke::disc(canvas.mask, Point::new(10.0, 10.0), 5.0);
            canvas.fill(ORANGE, 1.0);
        });
        assert_eq!(frame.sample(0, 10, 10)[alpha], 255);
        assert_eq!(frame.sample(0, 1, 1)[alpha], 7);
    }
}

fn pixels((width, height): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)))
}
