//! Redaction: what of a frame is obscured, by what is known about the people in it.
//!
//! Whatever is not known to be clear is obscured: without a recent inference that is the whole frame.

mod head;

use std::time::Duration;

use people::{Inference, Person, Scene};
use vision::Rect;
use vision::letterbox::Orientation;

use super::style::{KEYPOINT_THRESHOLD, Redaction};
use crate::obscure::{Form, blank, obscure};
use crate::{Color, Surface};
use head::head_of;

/// Time after an inferred frame for which its people's places are known, by prediction: 10 frames of 25 a second, as
/// long as a tracker shows people who are not detected; three inference periods, if that is longer.
pub const COASTING: Duration = Duration::from_millis(400);

/// The most that three inference periods count: in a longer time anybody may have come.
pub const LONGEST_COASTING: Duration = Duration::from_secs(2);

/// Number of inference periods for which places are known.
const PERIODS: u32 = 3;

/// How fast people leave their predicted boxes, in heights of the box per second.
const DRIFT: f32 = 0.3;

/// How fast people leave boxes that nobody predicts: a brisk walk of 1.75 m a second.
const WALK: f32 = 1.0;

/// The part of a box's height by which it is grown, since elbows, hands and hair reach out of it.
const MARGIN: f32 = 0.06;

/// The colour of an obscured frame: dark, as the plates, and neutral.
const BLANK: Color = Color::hex(0x2b_3138);

/// Obscures frames; keeps what the latest inference showed.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// Running time of the latest inferred frame.
    inferred: Option<Duration>,
    period: Option<Duration>,
    /// The people of that frame.
    people: Vec<Known>,
}

/// Somebody whose place is known.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    /// The track's id.
    id: Option<u64>,
    /// Running time at which the person was detected last.
    seen: Duration,
    /// How fast the person may leave these places, in heights per second.
    speed: f32,
    height: f32,
    face: Rect,
    body: Rect,
}

/// What of a frame must be obscured.
#[derive(Clone, Debug, PartialEq)]
enum Exposure {
    /// People may be anywhere.
    Anywhere,
    /// People are at these places, perhaps nowhere.
    Places(Vec<Known>),
}

impl Redactor {
    /// Forgets what is known about the stream, as after a seek.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Obscures parts of the frame at running time `time`; `scene` is what is known about it, if anything. Returns whether
    /// the whole frame was obscured although `redaction` is only for people, for lack of a recent inference.
    pub(super) fn redact(
        &mut self,
        surface: &mut Surface,
        time: Duration,
        scene: Option<&Scene>,
        redaction: Redaction,
    ) -> bool {
        // also without redaction, so that it can begin at any frame
        let exposure = self.exposure(time, scene);
        let (places, form) = match (redaction, exposure) {
            (Redaction::None, _) => return false,
            (Redaction::Frame, _) => {
                blank(surface, BLANK);
                return false;
            }
            (_, Exposure::Anywhere) => {
                blank(surface, BLANK);
                return true;
            }
            (Redaction::Faces, Exposure::Places(people)) => (people, Form::Ellipse),
            (Redaction::People, Exposure::Places(people)) => (people, Form::Rectangle),
        };
        for person in places {
            let place = if form == Form::Ellipse {
                person.face
            } else {
                person.body
            };
            let reach = person.height * person.speed * time.saturating_sub(person.seen).as_secs_f32();
            obscure(surface, grown(place, reach), form);
        }
        false
    }

    /// Where people may be seen in a frame.
    fn exposure(&mut self, time: Duration, scene: Option<&Scene>) -> Exposure {
        let Some(scene) = scene else {
            return Exposure::Anywhere;
        };
        self.period = scene.inference_period.or(self.period);
        let mut people: Vec<_> = scene
            .people
            .iter()
            .map(|person| self.known(time, person, scene.orientation))
            .collect();
        if scene.inference == Inference::Done {
            self.inferred = Some(time);
            self.people.clone_from(&people);
        } else if self.is_outdated(time) {
            return Exposure::Anywhere;
        } else {
            // those whom no tracker predicts
            let is_predicted = |id: Option<u64>| id.is_some() && people.iter().any(|person| person.id == id);
            let left: Vec<_> = self.people.iter().filter(|person| !is_predicted(person.id)).collect();
            people.extend(left.into_iter().map(|person| Known { speed: WALK, ..*person }));
        }
        // a box without a place may be anywhere
        let is_placed = |(known, person): (&Known, &Person)| is_finite(known.face) && is_finite(person.bbox);
        if people.iter().zip(&scene.people).all(is_placed) {
            Exposure::Places(people)
        } else {
            Exposure::Anywhere
        }
    }

    /// Whether nothing is known about the people at `time`, given that its frame was not inferred.
    fn is_outdated(&self, time: Duration) -> bool {
        let periods = self.period.unwrap_or_default().saturating_mul(PERIODS);
        let coasting = periods.min(LONGEST_COASTING).max(COASTING);
        // a frame from before the latest inferred one is of another part of the stream
        let age = self.inferred.and_then(|inferred| time.checked_sub(inferred));
        age.is_none_or(|age| age > coasting)
    }

    fn known(&self, time: Duration, person: &Person, orientation: Orientation) -> Known {
        let id = person.track.as_ref().map(|track| track.id);
        let before = || self.people.iter().find(|known| known.id == id && id.is_some());
        let seen = if person.is_coasting() {
            before().map_or(self.inferred, |known| Some(known.seen)).unwrap_or(time)
        } else {
            time
        };
        let height = person.bbox.height();
        Known {
            id,
            seen,
            speed: DRIFT,
            height,
            face: head_of(person, orientation),
            body: grown(around(person), MARGIN * height),
        }
    }
}

/// The box and the keypoints that were found, in frame pixels.
fn around(person: &Person) -> Rect {
    let points = person.pose.iter().flatten();
    let found = points.filter(|keypoint| keypoint.confidence >= KEYPOINT_THRESHOLD);
    found.fold(person.bbox, |rect, keypoint| {
        let point = keypoint.point;
        Rect::new(
            rect.left.min(point.x),
            rect.top.min(point.y),
            rect.right.max(point.x),
            rect.bottom.max(point.y),
        )
    })
}

fn grown(rect: Rect, by: f32) -> Rect {
    Rect::new(rect.left - by, rect.top - by, rect.right + by, rect.bottom + by)
}

fn is_finite(rect: Rect) -> bool {
    [rect.left, rect.top, rect.right, rect.bottom]
        .into_iter()
        .all(f32::is_finite)
}
