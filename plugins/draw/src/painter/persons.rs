//! People: box and skeleton in the vest's colour, and a name plate.

use std::borrow::Cow;

use people::{Person, VestScores};
use vision::skeleton::SKELETON;
use vision::{Keypoint, Point, Pose, Rect};

use super::brush::{Brush, Look, SHADE, length, shortened};
use super::plates::Plates;
use super::style::{KEYPOINT_THRESHOLD, Style};
use crate::color::{self, VISITOR};
use crate::{Color, Mask, Typeface, polygon, stroke};

/// Longest name on a plate, in characters.
const MAX_NAME: usize = 20;

/// Opacity of coasting people's lines and plates.
const FAINT: f32 = 0.6;

/// Box and skeleton of one person: first a dark rim under all lines, then the bones, then everything in the vest's colour.
///
/// A predicted box is dashed and fainter, and has no skeleton.
pub(super) fn figure(brush: &mut Brush, person: &Person, style: &Style) {
    let (line, rim) = (brush.look.line, brush.look.rim);
    let color = color_of(person, brush.guesses);
    let coasting = person.is_coasting();
    let strength = if coasting { FAINT } else { 1.0 };
    let radius = (brush.look.text * 0.4).min(person.bbox.width().min(person.bbox.height()) / 4.0);
    let path = polygon::rounded(crisp(person.bbox, line), radius);
    let outline = |mask: &mut Mask, width: f32| {
        if coasting && style.boxes {
            // caps reach into the gaps: rim and line get the same period
            stroke::dashes(mask, &path, true, width, 4.0 * line, 5.0 * line - width);
        } else if style.boxes {
            stroke::polyline(mask, &path, true, width);
        }
    };
    let pose = person.pose.as_ref().filter(|_| style.skeletons && !coasting);
    let skeleton = pose.map(|pose| Skeleton::new(pose, person.bbox.height(), brush.look));
    outline(brush.canvas.mask, line + 2.0 * rim);
    if let Some(skeleton) = &skeleton {
        skeleton.rims(brush.canvas.mask);
    }
    brush.canvas.fill(SHADE, 0.45 * strength);
    if let Some(skeleton) = &skeleton {
        skeleton.bones(brush.canvas.mask);
        // near white, so that they show on the vest they cross
        brush.canvas.fill(color.mix(Color::WHITE, 0.75), 0.95);
        skeleton.keypoints(brush.canvas.mask);
    }
    outline(brush.canvas.mask, line);
    brush.canvas.fill(color, strength);
}

/// The name plates of all people, given nearest last; the nearest are placed first.
pub(super) fn labels(brush: &mut Brush, plates: &mut Plates, people: &[&Person]) {
    // the top of each box stays clear, so that faces remain visible
    plates.keep_clear(people.iter().map(|p| Rect {
        bottom: p.bbox.top + p.bbox.height() * 0.25,
        ..p.bbox
    }));
    for person in people.iter().rev() {
        if let Some(name) = name_of(person, brush.guesses) {
            label(brush, plates, person, name);
        }
    }
}

/// The vest that determines colour and name: the tracker's; without a tracker, the model's likeliest.
fn vest_of(person: &Person, guesses: bool) -> Option<&str> {
    match &person.track {
        Some(track) => track.worker.as_deref(),
        None if !guesses => None,
        None => person
            .vest
            .as_ref()?
            .best()
            .map(|(name, _)| &**name)
            .filter(|name| *name != VestScores::NONE),
    }
}

fn color_of(person: &Person, guesses: bool) -> Color {
    vest_of(person, guesses).map_or(VISITOR, color::vest)
}

/// The text on a person's plate; `None` without an identity.
pub(super) fn name_of(person: &Person, guesses: bool) -> Option<Cow<'_, str>> {
    let known = person.track.is_some() || (guesses && person.vest.is_some());
    known.then(|| shortened(vest_of(person, guesses).unwrap_or("visitor"), MAX_NAME))
}

/// The box moved by less than a pixel, so that a thin line along it fills pixels instead of halves of two.
fn crisp(bbox: Rect, line: f32) -> Rect {
    let shift = if line.round() % 2.0 == 1.0 { 0.5 } else { 0.0 };
    let snap = |v: f32| (v - shift).round() + shift;
    Rect::new(snap(bbox.left), snap(bbox.top), snap(bbox.right), snap(bbox.bottom))
}

/// The parts of a pose that are drawn, in frame pixels.
struct Skeleton {
    bones: Vec<(Point, Point)>,
    /// Keypoints with their radii.
    keypoints: Vec<(Point, f32)>,
    line: f32,
}

impl Skeleton {
    fn new(pose: &Pose, height: f32, look: Look) -> Self {
        let line = (height * 0.013).clamp(look.line * 0.6, look.line * 1.5);
        let seen = |keypoint: Keypoint| {
            let detection = pose[keypoint as usize];
            (detection.confidence >= KEYPOINT_THRESHOLD).then_some(detection.point)
        };
        let bones = SKELETON.into_iter().filter(|(a, _)| !is_face(*a));
        // a small face would disappear under its five keypoints
        let faces = height >= 12.0 * look.text;
        let keypoints = Keypoint::ALL
            .into_iter()
            .filter(|keypoint| faces || !is_face(*keypoint));
        Self {
            bones: bones.filter_map(|(a, b)| Some((seen(a)?, seen(b)?))).collect(),
            keypoints: keypoints
                .filter_map(|k| Some((seen(k)?, keypoint_radius(k, line))))
                .collect(),
            line,
        }
    }

    /// All parts, wider by half a line.
    fn rims(&self, mask: &mut Mask) {
        self.bones
            .iter()
            .for_each(|(a, b)| stroke::line(mask, *a, *b, 2.0 * self.line));
        self.keypoints
            .iter()
            .for_each(|(p, r)| stroke::disc(mask, *p, r + 0.5 * self.line));
    }

    /// Bones, and the rings around elbows and wrists.
    fn bones(&self, mask: &mut Mask) {
        self.bones
            .iter()
            .for_each(|(a, b)| stroke::line(mask, *a, *b, self.line));
        let ringed = self.keypoints.iter().filter(|(_, r)| self.is_ringed(*r));
        ringed.for_each(|(p, r)| stroke::disc(mask, *p, *r));
    }

    /// Keypoints; of the ringed ones, the part inside the ring.
    fn keypoints(&self, mask: &mut Mask) {
        for (p, r) in &self.keypoints {
            let ring = if self.is_ringed(*r) { 0.7 * self.line } else { 0.0 };
            stroke::disc(mask, *p, r - ring);
        }
    }

    /// Whether the keypoint is an elbow or wrist; those determine activity.
    fn is_ringed(&self, radius: f32) -> bool {
        radius > 1.5 * self.line
    }
}

fn is_face(keypoint: Keypoint) -> bool {
    (keypoint as u8) < Keypoint::LeftShoulder as u8
}

fn keypoint_radius(keypoint: Keypoint, line: f32) -> f32 {
    use Keypoint::*;
    match keypoint {
        LeftWrist | RightWrist => 2.2 * line,
        LeftElbow | RightElbow => 1.8 * line,
        keypoint if is_face(keypoint) => 0.7 * line,
        _ => line,
    }
}

/// A plate in the vest's colour above the box, or elsewhere if there is no room.
fn label(brush: &mut Brush, plates: &mut Plates, person: &Person, name: Cow<str>) {
    let visible = person.bbox.intersection(&brush.frame());
    if visible.area() <= 0.0 {
        return;
    }
    let size = brush.look.text;
    let color = color_of(person, brush.guesses);
    let alpha = if person.is_coasting() { FAINT } else { 1.0 };
    let text = color.text_on();
    let words = [brush.words(&name, size, text)];
    let (pad, height) = (size * 0.4, size * 1.35);
    let width = length(&words) + 2.0 * pad;
    let corners = corners(visible, width, height, brush.look.line);
    let plate = plates.place(width, height, &corners);
    let rim = Rect::from_center(
        plate.center().x,
        plate.center().y,
        plate.width() + 2.0,
        plate.height() + 2.0,
    );
    polygon::rounded_rect(brush.canvas.mask, rim, size * 0.3 + 1.0);
    brush.canvas.fill(SHADE, 0.35 * alpha);
    polygon::rounded_rect(brush.canvas.mask, plate, size * 0.3);
    brush.canvas.fill(color, 0.95 * alpha);
    let baseline = (plate.top + plate.bottom + Typeface::cap_height(size)) / 2.0;
    brush.write(&words, plate.left + pad, baseline);
}

/// Places for a name plate (its top left corner), best first: above the box, beside its top, inside, below.
fn corners(bbox: Rect, width: f32, height: f32, line: f32) -> [Point; 10] {
    let gap = 1.5 * line;
    let (left, right) = (bbox.left - line / 2.0, bbox.right + line / 2.0 - width);
    let (above, below) = (bbox.top - height - gap, bbox.bottom + gap);
    [
        Point::new(left, above),
        Point::new(right, above),
        Point::new(left, above - height),
        Point::new(left - 0.6 * width, above),
        Point::new(right + 0.6 * width, above),
        Point::new(bbox.right + gap, bbox.top),
        Point::new(bbox.left - width - gap, bbox.top),
        Point::new(left + 2.0 * gap, bbox.top + 2.0 * gap),
        Point::new(left, below),
        Point::new(right, below),
    ]
}

#[cfg(test)]
mod tests {
    use people::Track;

    use super::*;

    fn named(track: Option<Track>, vest: Option<&str>, guesses: bool) -> Option<String> {
        let vest = vest.map(|v| VestScores {
            labels: [v.into()].into(),
            probabilities: vec![1.0],
        });
        name_of(
            &Person {
                track,
                vest,
                ..Person::default()
            },
            guesses,
        )
        .map(Cow::into_owned)
    }

    #[test]
    fn the_tracker_names_people_and_the_model_those_without_tracker() {
        let track = |worker: Option<&str>| {
            Some(Track {
                id: 3,
                worker: worker.map(Into::into),
                ..Track::default()
            })
        };
        assert_eq!(named(None, None, true), None);
        assert_eq!(named(None, Some("red"), true).as_deref(), Some("red"));
        assert_eq!(named(None, Some("none"), true).as_deref(), Some("visitor"));
        assert_eq!(named(track(Some("blue")), Some("red"), true).as_deref(), Some("blue"));
        assert_eq!(named(track(None), Some("red"), true).as_deref(), Some("visitor"));
        // beside tracked people, a guess could name a second worker in the same vest
        assert_eq!(named(None, Some("red"), false), None);
    }
}
