//! Where a person's face is, to be blurred: too much rather than too little.

use people::Person;
use vision::{Keypoint, Point, Rect};

use crate::Surface;
use crate::obscure::obscure;

/// An ellipse around a head.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Head {
    center: Point,
    radius_x: f32,
    radius_y: f32,
}

/// Blurs everybody's face.
pub(super) fn redact(surface: &mut Surface, people: &[Person], threshold: f32) {
    for person in people {
        let head = head(person, threshold);
        obscure(surface, head.center, head.radius_x, head.radius_y);
    }
}

/// The head by nose, eyes and ears; by the top of the box when the pose is missing, predicted or shows no face.
fn head(person: &Person, threshold: f32) -> Head {
    let frames_since_update = person.track.as_ref().is_some_and(|t| t.frames_since_update > 0);
    let by_pose = if frames_since_update {
        None
    } else {
        head_of_pose(person, threshold)
    };
    by_pose.unwrap_or_else(|| head_of_box(person.bbox))
}

fn head_of_pose(person: &Person, threshold: f32) -> Option<Head> {
    use Keypoint::*;
    let pose = person.pose.as_ref()?;
    let seen: Vec<Point> = [Nose, LeftEye, RightEye, LeftEar, RightEar]
        .into_iter()
        .map(|joint| pose[joint as usize])
        .filter(|k| k.confidence >= threshold)
        .map(|k| k.point)
        .collect();
    if seen.len() < 2 {
        return None;
    }
    let (mut around, first) = (Rect::new(f32::MAX, f32::MAX, f32::MIN, f32::MIN), seen[0]);
    for p in &seen {
        around.left = around.left.min(p.x);
        around.top = around.top.min(p.y);
        around.right = around.right.max(p.x);
        around.bottom = around.bottom.max(p.y);
    }
    // A head is about an eighth of a person tall. Seen from the side its joints are close together, so the box has a
    // say as well; a person who sits or is cut off has a short box, so the joints have.
    let radius = (around.width().max(around.height()) * 0.85)
        .max(person.bbox.height() * 0.075)
        .max(2.0);
    let reach = person.bbox.height().max(person.bbox.width()) * 0.25;
    let center = around.center();
    // joints strewn over half the body are no face
    let strewn = radius > reach || (first.x - center.x).abs() > reach;
    (!strewn).then_some(Head {
        center,
        radius_x: radius,
        radius_y: radius * 1.3,
    })
}

/// The top of the box, as wide as a head that may be anywhere in its width.
fn head_of_box(bbox: Rect) -> Head {
    let height = (bbox.height() * 0.24).min(bbox.width());
    let center = Point::new(bbox.center().x, bbox.top + height * 0.45);
    Head {
        center,
        radius_x: bbox.width() * 0.5,
        radius_y: height * 0.65,
    }
}

#[cfg(test)]
mod tests {
    use people::Track;
    use vision::KeypointDetection;

    use super::*;

    fn person() -> Person {
        let mut pose = [KeypointDetection::default(); Keypoint::COUNT];
        for (joint, x, y) in [
            (Keypoint::Nose, 50.0, 20.0),
            (Keypoint::LeftEar, 56.0, 18.0),
            (Keypoint::RightEar, 44.0, 18.0),
        ] {
            pose[joint as usize] = KeypointDetection {
                point: Point::new(x, y),
                confidence: 0.5,
            };
        }
        Person {
            bbox: Rect::new(30.0, 8.0, 70.0, 108.0),
            pose: Some(pose),
            ..Person::default()
        }
    }

    #[test]
    fn the_face_is_where_nose_and_ears_are() {
        let head = head(&person(), 0.2);
        assert_eq!(head.center, Point::new(50.0, 19.0));
        assert!(head.radius_x > 8.0 && head.radius_x < 14.0, "{head:?}");
    }

    #[test]
    fn without_a_face_the_top_of_the_box_goes() {
        let by_box = head_of_box(person().bbox);
        assert!(by_box.center.y - by_box.radius_y < 8.0 && by_box.center.y + by_box.radius_y > 30.0);
        let mut coasting = person();
        coasting.track = Some(Track {
            frames_since_update: 2,
            ..Track::default()
        });
        assert_eq!(head(&coasting, 0.2), by_box);
        let unseen = Person { pose: None, ..person() };
        assert_eq!(head(&unseen, 0.2), by_box);
        assert_eq!(head(&person(), 0.6), by_box);
        let mut strewn = person();
        strewn.pose.as_mut().unwrap()[0].point.y = 90.0;
        assert_eq!(head(&strewn, 0.2), by_box);
    }
}
