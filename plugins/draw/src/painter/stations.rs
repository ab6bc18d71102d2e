//! Workstations: outlines, filled while active and dashed while unknown, with name, state and seconds.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use people::{Activity, Station, StationStatus};
use vision::{Point, Rect};

use super::brush::{Brush, SHADE, Words, length, shortened};
use super::kept::Drawings;
use super::plates::Plates;
use crate::{Color, Typeface, color, polygon, stroke};

/// Longest name on a plate, in characters.
const MAX_NAME: usize = 28;

/// The colour of an unassigned station.
const ANYONE: Color = Color::hex(0xdf_e6ee);

/// Opacity of the filling of an active station: obvious, while the work stays visible through it.
const FILLING: f32 = 0.24;

/// The stations of a stream. What is drawn of them is kept, since few change from one frame to the next.
#[derive(Debug, Default)]
pub(super) struct Stations {
    /// The form of the frames for which it is kept.
    form: Option<(usize, usize, bool)>,
    areas: Drawings<AreaKey>,
    labels: Drawings<(LabelKey, Rect)>,
    layouts: Vec<Layout>,
    /// Where the labels were placed, as far as there was room, and the notice that was placed before them.
    places: Vec<Option<Rect>>,
    notice: Option<&'static str>,
}

/// What the drawing of an area depends on.
#[derive(Clone, Debug)]
struct AreaKey {
    station: Arc<Station>,
    activity: Activity,
    color: Color,
}

impl PartialEq for AreaKey {
    fn eq(&self, other: &Self) -> bool {
        let is_same = Arc::ptr_eq(&self.station, &other.station) || self.station == other.station;
        (self.activity, self.color) == (other.activity, other.color) && is_same
    }
}

/// What a label says.
#[derive(Clone, Debug, PartialEq)]
struct LabelKey {
    area: AreaKey,
    /// Whole seconds.
    lasted: u64,
    total: u64,
}

/// A label before it is placed.
#[derive(Debug)]
struct Layout {
    key: LabelKey,
    /// Size of the plate, and the station's bounds, in pixels.
    size: (f32, f32),
    area: Rect,
}

impl Stations {
    /// Forgets what was drawn, since the frame's form or the glyphs are others.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Outlines and fillings.
    pub(super) fn areas(&mut self, brush: &mut Brush, views: &[StationStatus]) {
        let form = Some(brush.canvas.form());
        if self.form != form {
            self.forget();
            self.form = form;
        }
        self.areas.truncate(views.len());
        for (index, view) in views.iter().enumerate() {
            self.areas
                .draw(brush, index, AreaKey::of(view), |brush| area(brush, view));
        }
    }

    /// The plates of all stations, beside them, so that the work inside stays visible; `notice` is on a plate that
    /// was placed before.
    pub(super) fn labels(
        &mut self,
        brush: &mut Brush,
        plates: &mut Plates,
        views: &[StationStatus],
        notice: Option<&'static str>,
    ) {
        if self.lay_out(brush, views) || self.notice != notice {
            plates.keep_clear(self.layouts.iter().map(|layout| layout.area));
            self.places = self.layouts.iter().map(|layout| place(brush, plates, layout)).collect();
            self.notice = notice;
        } else {
            self.places.iter().flatten().for_each(|place| plates.occupy(*place));
        }
        self.labels.truncate(views.len());
        for (index, (view, layout)) in views.iter().zip(&self.layouts).enumerate() {
            if let Some(place) = self.places[index] {
                let key = (layout.key.clone(), place);
                self.labels.draw(brush, index, key, |brush| label(brush, view, place));
            }
        }
    }

    /// Whether labels have other sizes or stations are at other places than before.
    fn lay_out(&mut self, brush: &mut Brush, views: &[StationStatus]) -> bool {
        let mut is_changed = self.layouts.len() != views.len();
        self.layouts.truncate(views.len());
        for (index, view) in views.iter().enumerate() {
            let key = LabelKey {
                area: AreaKey::of(view),
                lasted: view.lasted.as_secs(),
                total: view.totals.active.as_secs(),
            };
            let before = self.layouts.get(index);
            if before.is_some_and(|layout| layout.key == key) {
                continue;
            }
            let layout = Layout {
                key,
                size: Texts::of(brush, view).size(brush),
                area: Rect::around(corners_of(brush, view)),
            };
            is_changed |= before.is_none_or(|before| (before.size, before.area) != (layout.size, layout.area));
            if index < self.layouts.len() {
                self.layouts[index] = layout;
            } else {
                self.layouts.push(layout);
            }
        }
        is_changed
    }
}

impl AreaKey {
    fn of(view: &StationStatus) -> Self {
        Self {
            station: view.station.clone(),
            activity: view.activity,
            color: color_of(view),
        }
    }
}

/// Outline and filling of one station.
fn area(brush: &mut Brush, view: &StationStatus) {
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

/// What is written on a plate: the name, and under it state, seconds and total.
struct Texts {
    name: [Words; 1],
    times: Vec<Words>,
}

impl Texts {
    fn of(brush: &mut Brush, view: &StationStatus) -> Self {
        const DIM: Color = Color::hex(0xaa_b4bf);
        let (size, small) = (brush.look.text, small(brush));
        let name = [brush.words(&name_of(view), size, Color::WHITE)];
        let state = format!("{} {}", view.activity.name(), clock(view.lasted));
        let active = view.activity == Activity::Active;
        let state_color = if active {
            color_of(view).mix(Color::WHITE, 0.35)
        } else {
            DIM
        };
        let mut times = vec![brush.words(&state, small, state_color)];
        let total = brush.words(&format!(" · total {}", clock(view.totals.active)), small, DIM);
        // a small frame has no room for it
        if length(&times) + length(std::slice::from_ref(&total)) < brush.frame().width() / 5.0 {
            times.push(total);
        }
        Self { name, times }
    }

    /// Size of the plate, in pixels.
    fn size(&self, brush: &Brush) -> (f32, f32) {
        let width = bar(brush) + 2.0 * pad(brush) + length(&self.name).max(length(&self.times));
        (width, brush.look.text * 1.35 + small(brush) * 1.25)
    }
}

/// Size of the second line's text, in pixels.
fn small(brush: &Brush) -> f32 {
    brush.look.text * 0.86
}

/// Width of the coloured bar of a plate, in pixels.
fn bar(brush: &Brush) -> f32 {
    (brush.look.text * 0.22).max(2.0)
}

/// Space on both sides of a plate's text, in pixels.
fn pad(brush: &Brush) -> f32 {
    brush.look.text * 0.5
}

/// The place of a label, unless the station is outside of the frame or other plates would hide most of it.
fn place(brush: &Brush, plates: &mut Plates, layout: &Layout) -> Option<Rect> {
    let visible = layout.area.intersection(&brush.frame());
    if visible.area() <= 0.0 {
        return None;
    }
    let (width, height) = layout.size;
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
    plates.place_if_free(width, height, &corners)
}

/// A dark plate with the station's colour along its left side.
fn label(brush: &mut Brush, view: &StationStatus, plate: Rect) {
    let size = brush.look.text;
    let texts = Texts::of(brush, view);
    let (bar, pad) = (bar(brush), pad(brush));
    plate_with_bar(brush, plate, bar, color_of(view), size * 0.25);
    let first = plate.top + size * 0.42 + Typeface::cap_height(size);
    let second = plate.bottom - size * 0.42;
    brush.write(&texts.name, plate.left + bar + pad, first);
    brush.write(&texts.times, plate.left + bar + pad, second);
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
