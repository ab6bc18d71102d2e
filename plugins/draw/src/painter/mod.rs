//! Drawing of a scene: the parts, their order and their sizes.

mod brush;
mod kept;
mod occupancy;
mod persons;
mod plates;
mod redaction;
mod stations;
mod style;

use std::time::Duration;

use people::{Inference, Person, Scene, SkipReason};
use vision::Point;

use crate::{Canvas, Color, Mask, Shaped, Surface, Typeface, polygon};
use brush::{Brush, Look, SHADE, length};
use plates::Plates;
use redaction::Redactor;
use stations::Stations;

pub use redaction::{COASTING, LONGEST_COASTING};
pub use style::{Redaction, Style};

/// Draws scenes. Keeps the typeface, its glyphs, the mask and what was drawn of stations from frame to frame, and who was seen
/// where.
#[derive(Debug, Default)]
pub struct Painter {
    typeface: Typeface,
    mask: Mask,
    redactor: Redactor,
    stations: Stations,
}

impl Painter {
    /// A painter without cached glyphs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what is known about the stream, as after a seek: with [`Redaction::Faces`] or [`Redaction::People`], frames are
    /// obscured as a whole until the next inferred one.
    pub fn reset(&mut self) {
        self.redactor.reset();
    }

    /// Names that need other fonts and are drawn with `scene` for the first time, to be shaped by [`shape`](crate::shape()). Each is
    /// here once, and drawn with the codes of unknown characters until [`add_shaped`](Self::add_shaped).
    pub fn unshaped(&mut self, scene: &Scene, style: &Style) -> Vec<String> {
        if style.labels {
            let guesses = are_guesses(&scene.people);
            let people = scene
                .people
                .iter()
                .filter_map(|person| persons::name_of(person, guesses));
            people.for_each(|name| self.typeface.announce(&name));
        }
        if style.labels && style.stations {
            let stations = scene.stations.iter().map(stations::name_of);
            stations.for_each(|name| self.typeface.announce(&name));
        }
        self.typeface.take_unshaped()
    }

    /// Draws the name `text` as `shaped` from now on.
    pub fn add_shaped(&mut self, text: String, shaped: Shaped) {
        self.typeface.add_shaped(text, shaped);
        self.stations.forget();
    }

    /// Draws `scene` onto the frame at running time `time`, in place. Without a scene nothing is known about the frame: it is
    /// only redacted.
    ///
    /// In this order: redaction of the original frame, stations, people (the nearest last) and labels, placed so that they do
    /// not overlap.
    pub fn paint(&mut self, surface: &mut Surface, time: Duration, scene: Option<&Scene>, style: &Style) {
        let is_obscured = self.redactor.redact(surface, time, scene, style.redact);
        let nothing = Scene::default();
        let notice = if is_obscured { Some("obscured") } else { notice(scene) };
        let scene = scene.unwrap_or(&nothing);
        let mut brush = Brush {
            look: Look::of(surface.width() as f32, surface.height() as f32),
            canvas: Canvas::new(surface, &mut self.mask),
            typeface: &mut self.typeface,
            guesses: are_guesses(&scene.people),
        };
        let people = nearest_last(&scene.people);
        if style.stations {
            self.stations.areas(&mut brush, &scene.stations);
        }
        for person in &people {
            persons::figure(&mut brush, person, style);
        }
        let mut plates = Plates::new(brush.frame());
        if let Some(notice) = notice {
            mark(&mut brush, &mut plates, notice);
        }
        if style.labels && style.stations {
            self.stations.labels(&mut brush, &mut plates, &scene.stations, notice);
        }
        if style.labels {
            persons::labels(&mut brush, &mut plates, &people);
        }
    }
}

/// Whether nobody is tracked, so that people are shown with the likeliest vest.
fn are_guesses(people: &[Person]) -> bool {
    people.iter().all(|person| person.track.is_none())
}

/// People by the lower edge of their boxes: in most views, people lower in the image are nearer.
fn nearest_last(people: &[Person]) -> Vec<&Person> {
    let mut people: Vec<_> = people.iter().collect();
    people.sort_by(|a, b| a.bbox.bottom.total_cmp(&b.bbox.bottom));
    people
}

/// Why a frame was not inferred, if that is overload or failure; a planned interval is not mentioned.
fn notice(scene: Option<&Scene>) -> Option<&'static str> {
    match scene?.inference {
        Inference::Done | Inference::Skipped(SkipReason::Interval) => None,
        Inference::Skipped(SkipReason::Overload) => Some("overload"),
        Inference::Skipped(SkipReason::Failed) => Some("failed"),
    }
}

/// Marks, in a corner, a frame without inference.
fn mark(brush: &mut Brush, plates: &mut Plates, why: &str) {
    const AMBER: Color = Color::hex(0xff_b020);
    const PALE: Color = Color::hex(0xc9_d0d8);
    let size = brush.look.text * 0.9;
    let words = [
        brush.words("no inference", size, AMBER),
        brush.words(&format!(" · {why}"), size, PALE),
    ];
    let (pad, height) = (size * 0.5, size * 1.6);
    let width = length(&words) + 2.0 * pad;
    let corner = Point::new(brush.frame().right - width - pad, pad);
    let plate = plates.place(width, height, &[corner]);
    polygon::rounded_rect(brush.canvas.mask, plate, size * 0.3);
    brush.canvas.fill(SHADE, 0.8);
    let baseline = (plate.top + plate.bottom + Typeface::cap_height(size)) / 2.0;
    brush.write(&words, plate.left + pad, baseline);
}
