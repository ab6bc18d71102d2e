//! Drawing of a scene: the parts, their order and their sizes.

mod brush;
mod faces;
mod occupancy;
mod persons;
mod plates;
mod stations;
mod style;

use people::{Inference, Person, Scene, SkipReason};
use vision::Point;

use crate::{Canvas, Color, Mask, Surface, Typeface, polygon};
use brush::{Brush, Look, SHADE, length};
use plates::Plates;

pub use style::Style;

/// Draws scenes. Keeps the typeface, its glyphs and the mask from frame to frame.
#[derive(Debug, Default)]
pub struct Painter {
    typeface: Typeface,
    mask: Mask,
}

impl Painter {
    /// A painter without cached glyphs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws `scene` onto its frame, in place.
    ///
    /// In this order: redaction of the original frame, stations, people (the nearest last) and labels, placed so that they do
    /// not overlap.
    pub fn paint(&mut self, surface: &mut Surface, scene: &Scene, style: &Style) {
        if style.redact {
            faces::redact(surface, scene);
        }
        let mut brush = Brush {
            look: Look::of(surface.width() as f32, surface.height() as f32),
            canvas: Canvas::new(surface, &mut self.mask),
            typeface: &mut self.typeface,
            guesses: scene.people.iter().all(|person| person.track.is_none()),
        };
        let people = nearest_last(&scene.people);
        if style.stations {
            for view in &scene.stations {
                stations::area(&mut brush, view);
            }
        }
        for person in &people {
            persons::figure(&mut brush, person, style);
        }
        let mut plates = Plates::new(brush.frame());
        inference_mark(&mut brush, &mut plates, scene.inference);
        if style.labels && style.stations {
            stations::labels(&mut brush, &mut plates, &scene.stations);
        }
        if style.labels {
            persons::labels(&mut brush, &mut plates, &people);
        }
    }
}

/// People by the lower edge of their boxes: in most views, people lower in the image are nearer.
fn nearest_last(people: &[Person]) -> Vec<&Person> {
    let mut people: Vec<_> = people.iter().collect();
    people.sort_by(|a, b| a.bbox.bottom.total_cmp(&b.bbox.bottom));
    people
}

/// Marks, in a corner, a frame that was not inferred because of overload or failure; a planned interval is not marked.
fn inference_mark(brush: &mut Brush, plates: &mut Plates, inference: Inference) {
    let why = match inference {
        Inference::Done | Inference::Skipped(SkipReason::Interval) => return,
        Inference::Skipped(SkipReason::Overload) => "overload",
        Inference::Skipped(SkipReason::Failed) => "failed",
    };
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
