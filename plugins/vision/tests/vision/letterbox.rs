//! The place of frames in tensors, and the inverse.

use proptest::prelude::*;
use vision::letterbox::{Fit, Letterbox, SampleError};
use vision::{Point, Rect};

/// The tensor's box of a box in frame pixels.
fn rect_to_tensor(letterbox: &Letterbox, rect: Rect) -> Rect {
    let a = letterbox.to_tensor(Point::new(rect.left, rect.top));
    let b = letterbox.to_tensor(Point::new(rect.right, rect.bottom));
    Rect::new(a.x, a.y, b.x, b.y)
}

#[test]
fn the_content_is_centred_with_the_frames_aspect() {
    let frame = |w, h| Rect::new(0.0, 0.0, w, h);
    let table = [
        // frame, tensor, scales and offsets
        (frame(640.0, 480.0), (640, 480), [1.0, 1.0, 0.0, 0.0]),
        (
            frame(768.0, 576.0),
            (640, 480),
            [640.0 / 768.0, 480.0 / 576.0, 0.0, 0.0],
        ),
        (frame(1920.0, 1080.0), (640, 480), [1.0 / 3.0, 1.0 / 3.0, 0.0, 60.0]),
        (
            frame(1080.0, 1920.0),
            (640, 640),
            [360.0 / 1080.0, 640.0 / 1920.0, 140.0, 0.0],
        ),
        // 640/1000·333 = 213.12 rows become 213, 267 of padding: 133 above, 134 below
        (frame(1000.0, 333.0), (640, 480), [0.64, 213.0 / 333.0, 0.0, 133.0]),
        (
            Rect::new(100.0, 50.0, 164.0, 178.0),
            (64, 64),
            [0.5, 0.5, 16.0 - 50.0, -25.0],
        ),
    ];
    for (region, (width, height), [scale_x, scale_y, offset_x, offset_y]) in table {
        let got = Letterbox::fit(region, width, height, Fit::Letterbox).unwrap();
        let want = Letterbox {
            transposed: false,
            scale_x,
            scale_y,
            offset_x,
            offset_y,
            width: width as f32,
            height: height as f32,
        };
        assert_eq!(got, want, "{region:?}");
    }
}

#[test]
fn a_stretched_region_fills_the_tensor() {
    let person = Rect::new(-8.0, 16.0, 24.0, 144.0);
    let letterbox = Letterbox::fit(person, 64, 64, Fit::Stretch).unwrap();
    assert_eq!(rect_to_tensor(&letterbox, person), Rect::new(0.0, 0.0, 64.0, 64.0));
    assert_eq!(letterbox.to_frame(Point::new(32.0, 32.0)), person.center());
}

#[test]
fn a_letterbox_follows_a_scaled_frame() {
    let region = Rect::new(0.0, 0.0, 1920.0, 1080.0);
    let letterbox = Letterbox::fit(region, 640, 480, Fit::Letterbox).unwrap();
    let p = Point::new(320.0, 240.0);
    assert_eq!(letterbox.to_frame(p), Point::new(960.0, 540.0));
    assert_eq!(
        letterbox.of_scaled_frame(0.5, 0.25).to_frame(p),
        Point::new(480.0, 135.0)
    );
}

#[test]
fn an_empty_tensor_holds_no_region() {
    let region = Rect::new(0.0, 0.0, 8.0, 8.0);
    for (width, height) in [(0, 480), (640, 0)] {
        for fit in [Fit::Letterbox, Fit::Stretch] {
            let got = Letterbox::fit(region, width, height, fit);
            assert_eq!(got, Err(SampleError::Size { width, height }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_letterbox_can_be_inverted(
        left in -500.0..2000.0f32,
        top in -500.0..2000.0f32,
        width in 1.0..4000.0f32,
        height in 1.0..4000.0f32,
        tensor in (1..2000usize, 1..2000usize),
        fit in proptest::sample::select(vec![Fit::Letterbox, Fit::Stretch]),
    ) {
        let region = Rect::new(left, top, left + width, top + height);
        let letterbox = Letterbox::fit(region, tensor.0, tensor.1, fit).unwrap();
        let inside = rect_to_tensor(&letterbox, region);
        let back = letterbox.rect_to_frame(inside);
        let (tensor_width, tensor_height) = (tensor.0 as f32, tensor.1 as f32);
        for (scale, size, edges, inside, back) in [
            (
                letterbox.scale_x,
                tensor_width,
                [region.left, region.right],
                [inside.left, inside.right],
                [back.left, back.right],
            ),
            (
                letterbox.scale_y,
                tensor_height,
                [region.top, region.bottom],
                [inside.top, inside.bottom],
                [back.top, back.bottom],
            ),
        ] {
            // what f32 cannot tell apart at these distances from the origin, in tensor pixels
            let farthest = edges.iter().fold(size, |max, edge| max.max(edge.abs() * scale));
            let blur = 4.0 * f32::EPSILON * farthest;
            prop_assert!(inside[0] >= -blur && inside[1] <= size + blur, "{inside:?} of {size}");
            for (back, edge) in back.into_iter().zip(edges) {
                prop_assert!((back - edge).abs() <= 2.0 * blur / scale, "{back} {edge}");
            }
        }
    }
}
