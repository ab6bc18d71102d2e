//! Filled polygons, with the exact covered area of each pixel.

use std::f32::consts::FRAC_PI_2;

use vision::{Point, Rect};

use crate::Mask;
use crate::cell::Cell;
use crate::mask::unite;

/// A filled polygon, closed from the last point to the first.
///
/// By the non-zero winding rule; points are in frame pixels.
pub fn fill(mask: &mut Mask, points: &[Point]) {
    if points.len() < 3 || points.iter().any(|p| !p.x.is_finite() || !p.y.is_finite()) {
        return;
    }
    let mut cells = std::mem::take(&mut mask.cells);
    cells.clear();
    for (i, b) in points.iter().enumerate() {
        let a = points[(i + points.len() - 1) % points.len()];
        let wide = |p: Point| (f64::from(p.x), f64::from(p.y));
        edge(mask, wide(a), wide(*b), &mut cells);
    }
    cells.sort_unstable_by_key(|cell| cell.place);
    for row in cells.chunk_by(|a, b| a.y() == b.y()) {
        sweep(mask, row);
    }
    mask.cells = cells;
}

/// A filled box with round corners; box and radius are in pixels.
pub fn rounded_rect(mask: &mut Mask, rect: Rect, radius: f32) {
    fill(mask, &rounded(rect, radius));
}

/// Adds the cells of one edge: cut at the mask's top and bottom; what is beside it runs along its side.
fn edge(mask: &Mask, a: (f64, f64), b: (f64, f64), cells: &mut Vec<Cell>) {
    let (width, height) = (mask.width() as f64, mask.height() as f64);
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    if dy == 0.0 {
        return;
    }
    let mut cuts = [
        (0.0 - a.1) / dy,
        (height - a.1) / dy,
        (0.0 - a.0) / dx,
        (width - a.0) / dx,
        0.0,
        1.0,
    ];
    let (low, high) = (cuts[0].min(cuts[1]).max(0.0), cuts[0].max(cuts[1]).min(1.0));
    for cut in &mut cuts {
        // a vertical edge has no cuts left and right: NaN or infinite
        *cut = if cut.is_nan() { low } else { cut.min(high).max(low) };
    }
    cuts.sort_unstable_by(f64::total_cmp);
    let at = |t: f64| ((a.0 + t * dx).clamp(0.0, width), (a.1 + t * dy).clamp(0.0, height));
    for cut in cuts.windows(2).filter(|c| c[0] < c[1]) {
        piece(mask, at(cut[0]), at(cut[1]), cells);
    }
}

/// Adds the cells of an edge that lies in the mask.
fn piece(mask: &Mask, a: (f64, f64), b: (f64, f64), cells: &mut Vec<Cell>) {
    let (sign, (x0, y0), (x1, y1)) = if a.1 <= b.1 { (1.0, a, b) } else { (-1.0, b, a) };
    let slope = (x1 - x0) / (y1 - y0);
    for y in y0 as usize..(y1.ceil() as usize).min(mask.height()) {
        let (top, bottom) = (y0.max(y as f64), y1.min((y + 1) as f64));
        if top >= bottom {
            continue;
        }
        let within = |y: f64| (x0 + (y - y0) * slope).clamp(x0.min(x1), x0.max(x1));
        let (mut left, mut right) = (within(top), within(bottom));
        if left > right {
            (left, right) = (right, left);
        }
        let steepness = (bottom - top) / (right - left);
        for x in left as usize..=(right as usize).min(mask.width() - 1) {
            let (l, r) = (left.max(x as f64), right.min((x + 1) as f64));
            let height = if right - left > 1e-9 {
                (r - l).max(0.0) * steepness
            } else {
                bottom - top
            };
            let area = height * ((x + 1) as f64 - (l + r) / 2.0);
            cells.push(Cell {
                place: Cell::place(x, y),
                height: (sign * height) as f32,
                area: (sign * area) as f32,
            });
            if right - left <= 1e-9 {
                break;
            }
        }
    }
}

/// Covers one row, given its cells from left to right.
fn sweep(mask: &mut Mask, row: &[Cell]) {
    let (y, width, first) = (row[0].y(), mask.width(), row[0].x());
    let end = row[row.len() - 1].x() + 1;
    // edges to the right of the mask have no cells: the winding continues to the end of the row
    let left_over: f32 = row.iter().map(|cell| cell.height).sum();
    let end = if full(left_over) > 0 { width } else { end };
    let pixels = mask.span_mut(y, first, end);
    let (mut winding, mut done) = (0.0_f32, 0);
    for pixel in row.chunk_by(|a, b| a.x() == b.x()) {
        let x = pixel[0].x() - first;
        run(&mut pixels[done..x], winding);
        let area: f32 = pixel.iter().map(|c| c.area).sum();
        unite(&mut pixels[x], (winding + area).abs().min(1.0));
        winding += pixel.iter().map(|c| c.height).sum::<f32>();
        done = x + 1;
    }
    run(&mut pixels[done..], winding);
}

/// The coverage of a pixel that edges wind around, 0..255.
fn full(winding: f32) -> u8 {
    (winding.abs().min(1.0) * 255.0).round() as u8
}

/// Covers pixels uniformly.
fn run(pixels: &mut [u8], winding: f32) {
    match full(winding) {
        0 => {}
        u8::MAX => pixels.fill(u8::MAX),
        cover => pixels.iter_mut().for_each(|p| *p = (*p).max(cover)),
    }
}

/// The outline of a box with round corners, clockwise from the left end of the top edge.
pub fn rounded(rect: Rect, radius: f32) -> Vec<Point> {
    let radius = radius.min(rect.width() / 2.0).min(rect.height() / 2.0).max(0.0);
    // chords that stay within a twentieth of a pixel of the arc: sagitta = radius (1 - cos(angle / 2))
    let steps = (FRAC_PI_2 / (2.0 * (1.0 - 0.05 / radius.max(0.05)).acos()))
        .ceil()
        .clamp(1.0, 32.0) as usize;
    let corners = [
        (rect.left + radius, rect.top + radius, 2.0),
        (rect.right - radius, rect.top + radius, 3.0),
        (rect.right - radius, rect.bottom - radius, 0.0),
        (rect.left + radius, rect.bottom - radius, 1.0),
    ];
    let mut points = Vec::with_capacity(4 * (steps + 1));
    for (x, y, quarter) in corners {
        for step in 0..=steps {
            let (sin, cos) = (FRAC_PI_2 * (quarter + step as f32 / steps as f32)).sin_cos();
            points.push(Point::new(x + radius * cos, y + radius * sin));
        }
    }
    points
}
