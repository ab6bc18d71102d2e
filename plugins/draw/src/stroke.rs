//! Strokes and discs: lines with round caps and joins, by their distance from each pixel's centre.

use std::ops::Range;

use fearless_simd::{Level, Simd, dispatch};
use vision::Point;

use crate::Mask;
use crate::mask::unite;

/// Largest width of a line, in pixels; wider lines are drawn with this width.
const MAX_WIDTH: f32 = 16_384.0;

/// Number of pixels that are computed together.
const GROUP: usize = 8;
const LANES: [f32; GROUP] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];

/// A disc; centre and radius are in pixels.
pub fn disc(mask: &mut Mask, center: Point, radius: f32) {
    line(mask, center, center, 2.0 * radius);
}

/// A line with round caps; points and width are in pixels.
pub fn line(mask: &mut Mask, a: Point, b: Point, width: f32) {
    if let Some((a, b)) = clip(mask, a, b, width) {
        capsule(mask, a, b, width.min(MAX_WIDTH) / 2.0);
    }
}

/// Lines from point to point, with round joins; from the last back to the first when `closed`.
pub fn polyline(mask: &mut Mask, points: &[Point], closed: bool, width: f32) {
    for (a, b) in segments(points, closed) {
        line(mask, a, b, width);
    }
}

/// A polyline of dashes of `dash` pixels with gaps of `gap` between their round caps.
pub fn dashes(mask: &mut Mask, points: &[Point], closed: bool, width: f32, dash: f32, gap: f32) {
    let dash = f64::from(dash.clamp(0.0, MAX_WIDTH));
    // the caps reach into the gap; at least two pixels, so that a period is never 0
    let period = dash + f64::from((gap + width).clamp(2.0, MAX_WIDTH));
    let mut walked = 0.0;
    for (a, b) in segments(points, closed) {
        let length = f64::from(b.x - a.x).hypot(f64::from(b.y - a.y));
        if let Some((from, to)) = clip(mask, a, b, width) {
            let skipped = f64::from(from.x - a.x).hypot(f64::from(from.y - a.y));
            dashed_segment(mask, from, to, width, dash, period, (walked + skipped) % period);
        }
        walked += length;
    }
}

/// Dashes along one clipped segment that begins `phase` pixels into a period.
fn dashed_segment(mask: &mut Mask, a: Point, b: Point, width: f32, dash: f64, period: f64, phase: f64) {
    let (dx, dy) = (f64::from(b.x - a.x), f64::from(b.y - a.y));
    let length = dx.hypot(dy);
    if length == 0.0 || !phase.is_finite() {
        return;
    }
    let at = |along: f64| {
        let t = along / length;
        Point::new((f64::from(a.x) + t * dx) as f32, (f64::from(a.y) + t * dy) as f32)
    };
    let mut start = -phase;
    while start < length {
        let (from, to) = (start.max(0.0), (start + dash).min(length));
        if from <= to {
            capsule(mask, at(from), at(to), width / 2.0);
        }
        start += period;
    }
}

/// The part of a line that can reach the mask (Liang-Barsky), if any; lines with coordinates that are not finite have none.
fn clip(mask: &Mask, a: Point, b: Point, width: f32) -> Option<(Point, Point)> {
    let finite = [a.x, a.y, b.x, b.y].into_iter().all(f32::is_finite);
    if !finite || width.is_nan() || width <= 0.0 {
        return None;
    }
    let reach = f64::from(width.min(MAX_WIDTH)) / 2.0 + 2.0;
    let (ax, ay) = (f64::from(a.x), f64::from(a.y));
    let (dx, dy) = (f64::from(b.x) - ax, f64::from(b.y) - ay);
    let (mut t0, mut t1) = (0.0_f64, 1.0_f64);
    for (start, delta, size) in [(ax, dx, mask.width()), (ay, dy, mask.height())] {
        let (low, high) = (-reach - start, size as f64 + reach - start);
        if delta == 0.0 {
            if low > 0.0 || high < 0.0 {
                return None;
            }
        } else {
            let (enter, leave) = (low / delta, high / delta);
            t0 = t0.max(enter.min(leave));
            t1 = t1.min(enter.max(leave));
        }
    }
    let at = |t: f64| Point::new((ax + t * dx) as f32, (ay + t * dy) as f32);
    (t0 <= t1).then(|| (at(t0), at(t1)))
}

/// All points within `radius` of the segment from `a` to `b`, which lies in or near the mask.
fn capsule(mask: &mut Mask, a: Point, b: Point, radius: f32) {
    let level = Level::new();
    dispatch!(level, simd => capsule_in(simd, mask, a, b, radius));
}

#[inline(always)]
fn capsule_in<S: Simd>(_: S, mask: &mut Mask, a: Point, b: Point, radius: f32) {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length_2 = dx * dx + dy * dy;
    let inverse = if length_2 > 0.0 { 1.0 / length_2 } else { 0.0 };
    let slope = if dy.abs() > 1e-3 { 1.0 / dy } else { 0.0 };
    let reach = radius + 0.5;
    let (top, bottom) = (a.y.min(b.y) - reach, a.y.max(b.y) + reach);
    // between the ends of an upright line, as boxes have them, all rows are equal
    let (first, last) = ((a.y.min(b.y) + 0.5) as usize, (a.y.max(b.y) - 0.5) as usize);
    let alike = if dx.abs() < 1e-3 {
        first..last.min(mask.height())
    } else {
        0..0
    };
    upright(mask, a.x, alike.clone(), radius);
    for y in pixels(top, bottom, mask.height()) {
        if alike.contains(&y) {
            continue;
        }
        let py = y as f32 + 0.5 - a.y;
        // the part of the segment that is near enough to this row, and from it the columns to look at
        let (s, e) = ((py - reach) * slope, (py + reach) * slope);
        let (s, e) = if slope == 0.0 {
            (0.0, 1.0)
        } else {
            (clamped(s), clamped(e))
        };
        let (x0, x1) = (a.x + s * dx, a.x + e * dx);
        let (low, high) = if x0 < x1 { (x0, x1) } else { (x1, x0) };
        let columns = pixels(low - reach, high + reach, mask.width());
        // whole groups of pixels, for SIMD: pixels beside the line get a coverage of 0
        let (from, to) = (columns.start / GROUP * GROUP, columns.end.next_multiple_of(GROUP));
        if columns.is_empty() {
            continue;
        }
        let mut px = from as f32 + 0.5 - a.x;
        for group in mask.span_mut(y, from, to).as_chunks_mut::<GROUP>().0 {
            let mut cover = [0.0; GROUP];
            for (cover, lane) in cover.iter_mut().zip(LANES) {
                let px = px + lane;
                let t = clamped((px * dx + py * dy) * inverse);
                let (ex, ey) = (px - t * dx, py - t * dy);
                *cover = box_overlap((ex * ex + ey * ey).sqrt(), radius);
            }
            group
                .iter_mut()
                .zip(cover)
                .for_each(|(pixel, cover)| unite(pixel, cover));
            px += GROUP as f32;
        }
    }
}

/// The given rows of an upright line at `x`.
#[inline(always)]
fn upright(mask: &mut Mask, x: f32, rows: Range<usize>, radius: f32) {
    let reach = radius + 0.5;
    let columns = pixels(x - reach, x + reach, mask.width());
    for from in (columns.start / GROUP * GROUP..columns.end).step_by(GROUP) {
        let mut cover = [0; GROUP];
        for (cover, lane) in cover.iter_mut().zip(LANES) {
            unite(cover, box_overlap((from as f32 + lane + 0.5 - x).abs(), radius));
        }
        for y in rows.clone() {
            let group = mask.span_mut(y, from, from + GROUP);
            group
                .iter_mut()
                .zip(cover)
                .for_each(|(pixel, cover)| *pixel = (*pixel).max(cover));
        }
    }
}

/// How much of a pixel (a unit interval) at `distance` from a line's middle the line covers.
#[inline(always)]
fn box_overlap(distance: f32, radius: f32) -> f32 {
    let (far, near) = (distance + 0.5, distance - 0.5);
    let (far, near) = (
        if far < radius { far } else { radius },
        if near > -radius { near } else { -radius },
    );
    clamped(far - near)
}

/// Clamps to 0..1, without the NaN handling of `f32::clamp`.
#[inline(always)]
fn clamped(v: f32) -> f32 {
    let v = if v > 0.0 { v } else { 0.0 };
    if v < 1.0 { v } else { 1.0 }
}

/// The whole pixels that the interval `low..high` touches, of `size` pixels, and perhaps one more.
#[inline(always)]
fn pixels(low: f32, high: f32, size: usize) -> Range<usize> {
    // `as` saturates, so what is left of the frame is 0
    let from = (low as usize).min(size);
    from..if high > 0.0 {
        (high as usize + 1).min(size)
    } else {
        from
    }
}

/// Consecutive pairs of points.
fn segments(points: &[Point], closed: bool) -> impl Iterator<Item = (Point, Point)> {
    let closing = points
        .first()
        .zip(points.last())
        .filter(|_| closed)
        .map(|(first, last)| (*last, *first));
    points.windows(2).map(|pair| (pair[0], pair[1])).chain(closing)
}
