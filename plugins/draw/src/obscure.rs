//! Redaction of faces, in place, in any format.

use vision::Point;

use crate::Surface;

/// Number of means, across and down, that remain of an obscured region: too few to recognise people.
const CELLS: usize = 5;

/// Blurs an ellipse, in frame pixels, beyond recognition: only `CELLS`×`CELLS` means remain of it, blended smoothly.
pub(crate) fn obscure(surface: &mut Surface<'_>, center: Point, radius_x: f32, radius_y: f32) {
    let finite = [center.x, center.y, radius_x, radius_y].into_iter().all(f32::is_finite);
    if !finite || radius_x < 0.5 || radius_y < 0.5 {
        return;
    }
    for plane in 0..surface.planes() {
        let shrink = if plane == 0 { 1.0 } else { 0.5 };
        let ellipse = Ellipse {
            x: center.x * shrink,
            y: center.y * shrink,
            rx: radius_x * shrink,
            ry: radius_y * shrink,
        };
        match surface.format().pixel_stride(plane) {
            1 => obscure_plane::<1>(surface, plane, ellipse),
            2 => obscure_plane::<2>(surface, plane, ellipse),
            3 => obscure_plane::<3>(surface, plane, ellipse),
            _ => obscure_plane::<4>(surface, plane, ellipse),
        }
    }
}

fn obscure_plane<const N: usize>(surface: &mut Surface<'_>, plane: usize, ellipse: Ellipse) {
    let (width, height) = surface.plane_size(plane);
    // `as` saturates: what is left of the plane or above it is 0
    let (left, right) = (
        (ellipse.x - ellipse.rx) as usize,
        ((ellipse.x + ellipse.rx).ceil() as usize).min(width),
    );
    let (top, bottom) = (
        (ellipse.y - ellipse.ry) as usize,
        ((ellipse.y + ellipse.ry).ceil() as usize).min(height),
    );
    if left >= right || top >= bottom {
        return;
    }
    let (columns, rows) = (right - left, bottom - top);
    let mut sums = [[[0_u32; N]; CELLS]; CELLS];
    let mut counts = [[0_u32; CELLS]; CELLS];
    for y in 0..rows {
        let samples = &surface.row_mut(plane, top + y).as_chunks::<N>().0[left..right];
        for (x, sample) in samples.iter().enumerate() {
            let (cx, cy) = (x * CELLS / columns, y * CELLS / rows);
            counts[cy][cx] += 1;
            for (sum, byte) in sums[cy][cx].iter_mut().zip(sample) {
                *sum += u32::from(*byte);
            }
        }
    }
    let mean = |cx: usize, cy: usize, lane: usize| sums[cy][cx][lane] as f32 / counts[cy][cx] as f32;
    let across: Vec<_> = (0..columns).map(|x| between(x, columns)).collect();
    for y in 0..rows {
        let (cy, next_y, ty) = between(y, rows);
        let samples = &mut surface.row_mut(plane, top + y).as_chunks_mut::<N>().0[left..right];
        for ((x, sample), (cx, next_x, tx)) in samples.iter_mut().enumerate().zip(&across) {
            let cover = ellipse.cover(left + x, top + y);
            if cover == 0.0 {
                continue;
            }
            for (lane, byte) in sample.iter_mut().enumerate() {
                let upper = lerp(mean(*cx, cy, lane), mean(*next_x, cy, lane), *tx);
                let lower = lerp(mean(*cx, next_y, lane), mean(*next_x, next_y, lane), *tx);
                *byte = lerp(f32::from(*byte), lerp(upper, lower, ty), cover).round() as u8;
            }
        }
    }
}
/// An ellipse in samples of one plane.
#[derive(Clone, Copy)]
struct Ellipse {
    x: f32,
    y: f32,
    rx: f32,
    ry: f32,
}

impl Ellipse {
    /// How much of a sample is inside, 0..1: its distance from the edge, by the radius it lies on.
    fn cover(&self, x: usize, y: usize) -> f32 {
        let (dx, dy) = ((x as f32 + 0.5 - self.x) / self.rx, (y as f32 + 0.5 - self.y) / self.ry);
        ((1.0 - dx.hypot(dy)) * self.rx.min(self.ry) + 0.5).clamp(0.0, 1.0)
    }
}

/// The two cells that a sample lies between, of `size` samples in a row of cells, and how far it is to the second.
fn between(at: usize, size: usize) -> (usize, usize, f32) {
    // fewer samples than cells: each sample fills the cell that it was summed into
    if size < CELLS {
        let cell = at * CELLS / size;
        return (cell, cell, 0.0);
    }
    let position = ((at as f32 + 0.5) * CELLS as f32 / size as f32 - 0.5).clamp(0.0, (CELLS - 1) as f32);
    let cell = position as usize;
    (cell, (cell + 1).min(CELLS - 1), position.fract())
}

fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}
