//! Shapes compared with a slow reference: each pixel sampled on a fine grid.

use crate::frames::Frame;
use draw::{Canvas, Color, polygon, stroke};
use proptest::prelude::*;
use vision::image::{ColorRange, Colorimetry, PixelFormat};
use vision::{Point, Rect};

const SIZE: (usize, usize) = (24, 18);
/// Samples across and down a pixel.
const FINE: usize = 24;

/// The coverage, 0..255, that a shape gives each pixel: white on black in full-range grey.
fn drawn(shape: impl Fn(&mut Canvas)) -> Vec<u8> {
    let colorimetry = Colorimetry {
        range: ColorRange::Full,
        ..Colorimetry::default()
    };
    let mut frame = Frame::plain(PixelFormat::Gray8, SIZE, 0, colorimetry, [0; 3]);
    frame.with_canvas(|canvas| {
        shape(canvas);
        canvas.fill(Color::WHITE, 1.0);
    });
    frame.planes.remove(0)
}

/// The largest difference from the share of samples that are `inside`.
fn worst(got: &[u8], inside: impl Fn(Point) -> bool) -> f32 {
    let mut worst = 0.0_f32;
    for (i, got) in got.iter().enumerate() {
        let (x, y) = (i % SIZE.0, i / SIZE.0);
        let fine = |at: usize, step: usize| at as f32 + (step as f32 + 0.5) / FINE as f32;
        let hits = (0..FINE * FINE)
            .filter(|s| inside(Point::new(fine(x, s % FINE), fine(y, s / FINE))))
            .count();
        worst = worst.max((f32::from(*got) - 255.0 * hits as f32 / (FINE * FINE) as f32).abs());
    }
    worst
}

fn distance(p: Point, a: Point, b: Point) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let t = (((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
    (p.x - a.x - t * dx).hypot(p.y - a.y - t * dy)
}

fn winds_around(p: Point, corners: &[Point]) -> bool {
    let mut winding = 0;
    for (i, b) in corners.iter().enumerate() {
        let a = corners[(i + corners.len() - 1) % corners.len()];
        let side = (b.x - a.x) * (p.y - a.y) - (p.x - a.x) * (b.y - a.y);
        if a.y <= p.y && b.y > p.y && side > 0.0 {
            winding += 1;
        } else if a.y > p.y && b.y <= p.y && side < 0.0 {
            winding -= 1;
        }
    }
    winding != 0
}

fn point() -> impl Strategy<Value = Point> {
    (-8.0_f32..32.0, -8.0_f32..26.0).prop_map(|(x, y)| Point::new(x, y))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn triangles_cover_their_exact_area(corners in prop::collection::vec(point(), 3)) {
        // the grid itself is off by up to a sample at each edge
        let worst = worst(&drawn(|c| polygon::fill(c.mask, &corners)), |p| winds_around(p, &corners));
        prop_assert!(worst < 12.0, "{worst}");
    }

    #[test]
    fn lines_are_capsules(a in point(), b in point(), width in 1.5_f32..7.0) {
        // by distance instead of area: a diagonal edge is off by a fifteenth, a cap's end by a little more
        let worst = worst(&drawn(|c| stroke::line(c.mask, a, b, width)), |p| distance(p, a, b) <= width / 2.0);
        prop_assert!(worst < 36.0, "{worst}");
    }
}

#[test]
fn rounded_boxes_and_discs_are_round() {
    let rect = Rect::new(3.3, 2.8, 20.6, 15.1);
    let inner = Rect::new(3.3 + 4.0, 2.8 + 4.0, 20.6 - 4.0, 15.1 - 4.0);
    let inside = |p: Point| {
        let nearest = Point::new(p.x.clamp(inner.left, inner.right), p.y.clamp(inner.top, inner.bottom));
        (p.x - nearest.x).hypot(p.y - nearest.y) <= 4.0
    };
    let worst_box = worst(&drawn(|c| polygon::rounded_rect(c.mask, rect, 4.0)), inside);
    assert!(worst_box < 16.0, "{worst_box}");
    let center = Point::new(11.2, 8.7);
    let worst_disc = worst(&drawn(|c| stroke::disc(c.mask, center, 6.3)), |p| {
        distance(p, center, center) <= 6.3
    });
    assert!(worst_disc < 24.0, "{worst_disc}");
}

#[test]
fn axis_aligned_edges_are_exact() {
    let got = drawn(|c| stroke::line(c.mask, Point::new(-9.0, 5.0), Point::new(40.0, 5.0), 3.0));
    let column: Vec<u8> = (0..9).map(|y| got[y * SIZE.0 + 12]).collect();
    assert_eq!(column, [0, 0, 0, 128, 255, 255, 128, 0, 0]);
    let hairline = drawn(|c| stroke::line(c.mask, Point::new(-9.0, 5.5), Point::new(40.0, 5.5), 0.5));
    assert_eq!(hairline[5 * SIZE.0 + 12], 128);
    let quarter = [(2.5, 2.5), (8.0, 2.5), (8.0, 8.0), (2.5, 8.0)].map(|(x, y)| Point::new(x, y));
    let got = drawn(|c| polygon::fill(c.mask, &quarter));
    assert_eq!(
        [
            got[2 * SIZE.0 + 2],
            got[2 * SIZE.0 + 5],
            got[5 * SIZE.0 + 5],
            got[8 * SIZE.0 + 8]
        ],
        [64, 128, 255, 0]
    );
}

#[test]
fn one_fill_blends_no_pixel_twice() {
    let cross = |c: &mut Canvas| {
        stroke::line(c.mask, Point::new(0.0, 9.0), Point::new(24.0, 9.0), 4.0);
        stroke::line(c.mask, Point::new(12.0, 0.0), Point::new(12.0, 18.0), 4.0);
        stroke::disc(c.mask, Point::new(12.0, 9.0), 3.0);
        c.fill(Color::WHITE, 0.5);
    };
    let got = drawn(cross);
    assert_eq!(got[9 * SIZE.0 + 12], 128);
    assert_eq!(got[9 * SIZE.0 + 3], 128);
}

#[test]
fn dashes_have_gaps_and_keep_their_period_round_corners() {
    let path = [Point::new(2.0, 4.0), Point::new(22.0, 4.0), Point::new(22.0, 14.0)];
    let got = drawn(|c| stroke::dashes(c.mask, &path, false, 2.0, 4.0, 4.0));
    let row: Vec<bool> = (0..24).map(|x| got[4 * SIZE.0 + x] > 100).collect();
    // a period is dash, gap and the caps' width: 10 pixels; dashes begin at 2 and 12, and at 22 on the corner
    let want = |x: usize| (1..7).contains(&x) || (11..17).contains(&x) || x >= 21;
    assert_eq!(row, (0..24).map(|x| want(x) && x < 23).collect::<Vec<_>>());
}

#[test]
fn a_shape_cut_by_the_frame_covers_its_part() {
    let all = drawn(|c| {
        polygon::fill(
            c.mask,
            &[(-1e9, -1e9), (1e9, -1e9), (1e9, 1e9), (-1e9, 1e9)].map(|(x, y)| Point::new(x, y)),
        )
    });
    assert!(all.iter().all(|c| *c == 255));
    let right = drawn(|c| polygon::rounded_rect(c.mask, Rect::new(12.0, -50.0, 1e6, 80.0), 3.0));
    assert!(
        right
            .chunks(SIZE.0)
            .all(|row| row[..12].iter().all(|c| *c == 0) && row[12..].iter().all(|c| *c == 255))
    );
}
