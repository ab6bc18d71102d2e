//! Workstations: outlines, filled while active and dashed while unknown, with name, state and seconds.

use std::borrow::Cow;
use std::time::Duration;

use people::{Activity, StationStatus};
use vision::{Point, Rect};

use super::brush::{Brush, SHADE, length, shortened};
use super::plates::Plates;
use crate::{Color, Typeface, color, polygon, stroke};

/// Longest name on a plate, in characters.
const MAX_NAME: usize = 28;

/// The colour of an unassigned station.
const ANYONE: Color = Color::hex(0xdf_e6ee);

/// Opacity of the filling of an active station: obvious, while the work stays visible through it.
const FILLING: f32 = 0.24;

/// Outline and filling of one station.
pub(super) fn area(brush: &mut Brush, view: &StationStatus) {
    let (line, rim) = (brush.look.line, brush.look.rim);
    let corners = corners_of(brush, view);
    let color = color_of(view);
    let strength = match view.activity {
        Activity::Active => 1.0,
        Activity::Idle => 0.8,
        Activity::Absent | Activity::Unknown => 0.45,
    };
    if view.activity == Activity::Active {
        polygon::fill(brush.canvas.mask, &corners);
        brush.canvas.fill(color, FILLING);
    }
    for (width, color, strength) in [(line + 2.0 * rim, SHADE, 0.45 * strength), (line, color, strength)] {
        match view.activity {
            // as the box of someone who is not detected
            Activity::Unknown => {
                stroke::dashes(brush.canvas.mask, &corners, true, width, 4.0 * line, 5.0 * line - width)
            }
            _ => stroke::polyline(brush.canvas.mask, &corners, true, width),
        }
        brush.canvas.fill(color, strength);
    }
}

/// The plates of all stations, beside them, so that the work inside stays visible.
pub(super) fn labels(brush: &mut Brush, plates: &mut Plates, views: &[StationStatus]) {
    let areas: Vec<_> = views.iter().map(|view| bounds(&corners_of(brush, view))).collect();
    plates.keep_clear(areas.iter().copied());
    for (view, area) in views.iter().zip(areas) {
        label(brush, plates, view, area);
    }
}

/// The name on a station's plate.
pub(super) fn name_of(view: &StationStatus) -> Cow<'_, str> {
    shortened(&view.station.name, MAX_NAME)
}

/// The polygon in frame pixels.
fn corners_of(brush: &Brush, view: &StationStatus) -> Vec<Point> {
    let frame = brush.frame();
    view.station
        .polygon
        .iter()
        .map(|p| Point::new(p.x * frame.right, p.y * frame.bottom))
        .collect()
}

/// The assigned worker's colour; at an unassigned station, the colour of the worker who is active there.
fn color_of(view: &StationStatus) -> Color {
    let working = view.worker.as_ref().filter(|_| view.activity == Activity::Active);
    view.station
        .vest
        .as_ref()
        .or(working)
        .map_or(ANYONE, |vest| color::vest(vest))
}

fn bounds(corners: &[Point]) -> Rect {
    let nothing = Rect::new(f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY);
    corners.iter().fold(nothing, |r, p| {
        Rect::new(r.left.min(p.x), r.top.min(p.y), r.right.max(p.x), r.bottom.max(p.y))
    })
}

/// A dark plate with the station's colour along its left side: the name, and under it state, seconds and total. It is left
/// out where other plates would hide most of it.
fn label(brush: &mut Brush, plates: &mut Plates, view: &StationStatus, area: Rect) {
    const DIM: Color = Color::hex(0xaa_b4bf);
    let frame = brush.frame();
    let visible = area.intersection(&frame);
    if visible.area() <= 0.0 {
        return;
    }
    let color = color_of(view);
    let size = brush.look.text;
    let small = size * 0.86;
    let name = [brush.words(&name_of(view), size, Color::WHITE)];
    let state = format!("{} {}", view.activity.name(), clock(view.lasted));
    let active = view.activity == Activity::Active;
    let state_color = if active { color.mix(Color::WHITE, 0.35) } else { DIM };
    let mut times = vec![brush.words(&state, small, state_color)];
    let total = brush.words(&format!(" · total {}", clock(view.totals.active)), small, DIM);
    // a small frame has no room for it
    if length(&times) + length(std::slice::from_ref(&total)) < frame.width() / 5.0 {
        times.push(total);
    }
    let (pad, bar) = (size * 0.5, (size * 0.22).max(2.0));
    let width = bar + 2.0 * pad + length(&name).max(length(&times));
    let height = size * 1.35 + small * 1.25;
    let gap = brush.look.line * 2.0;
    let (right, below) = (visible.right - width, visible.bottom + gap);
    let corners = [
        Point::new(visible.left, below),
        Point::new(visible.left, visible.top - height - gap),
        Point::new(right, below),
        Point::new(right, visible.top - height - gap),
        Point::new(visible.right + gap, visible.top),
        Point::new(visible.left - width - gap, visible.top),
        Point::new(visible.left + gap, visible.bottom - height - gap),
    ];
    let Some(plate) = plates.place_if_free(width, height, &corners) else {
        return;
    };
    plate_with_bar(brush, plate, bar, color, size * 0.25);
    let first = plate.top + size * 0.42 + Typeface::cap_height(size);
    let second = plate.bottom - size * 0.42;
    brush.write(&name, plate.left + bar + pad, first);
    brush.write(&times, plate.left + bar + pad, second);
}

/// A dark plate whose left end, `bar` wide, is coloured.
fn plate_with_bar(brush: &mut Brush, plate: Rect, bar: f32, color: Color, radius: f32) {
    polygon::rounded_rect(brush.canvas.mask, plate, radius);
    brush.canvas.fill(SHADE, 0.78);
    let side = Rect {
        right: plate.left + bar,
        ..plate
    };
    polygon::rounded_rect(brush.canvas.mask, side, bar / 2.0);
    brush.canvas.fill(color, 1.0);
}

/// `12 s`, `1:05` or `1:02:05`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_then_minutes_then_hours() {
        for (seconds, want) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1:00"),
            (3599, "59:59"),
            (3600, "1:00:00"),
        ] {
            assert_eq!(clock(Duration::from_millis(seconds * 1000 + 999)), want);
        }
    }
}
