//! The place of a person's face, for redaction: too large rather than too small.

use people::Person;
use vision::letterbox::Orientation;
use vision::{Keypoint, KeypointDetection, Point, Rect};

use crate::painter::style::KEYPOINT_THRESHOLD;

/// The bounds of an ellipse around the head, in frame pixels: by nose, eyes and ears; by the top of the box if the pose is
/// missing or shows no face, or the box is predicted.
pub(super) fn head_of(person: &Person, orientation: Orientation) -> Rect {
    let Head {
        center,
        radius_x,
        radius_y,
    } = stored_head(person, orientation);
    Rect::from_center(center.x, center.y, 2.0 * radius_x, 2.0 * radius_y)
}

/// An ellipse around a head.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Head {
    center: Point,
    radius_x: f32,
    radius_y: f32,
}

/// The head in the stored frame, which is turned to be upright: what is above a person's eyes is there.
fn stored_head(person: &Person, orientation: Orientation) -> Head {
    if orientation == Orientation::IDENTITY {
        return head(person);
    }
    let upright = head(&upright(person, orientation));
    let (radius_x, radius_y) = orientation.exchanged(upright.radius_x, upright.radius_y);
    Head {
        center: orientation.to_stored(upright.center),
        radius_x,
        radius_y,
    }
}

/// The person turned upright, about the frame's origin, without what a head does not depend on.
fn upright(person: &Person, orientation: Orientation) -> Person {
    let Rect {
        left,
        top,
        right,
        bottom,
    } = person.bbox;
    let [a, b] = [Point::new(left, top), Point::new(right, bottom)].map(|corner| orientation.to_upright(corner));
    let turned = |keypoint: KeypointDetection| KeypointDetection {
        point: orientation.to_upright(keypoint.point),
        ..keypoint
    };
    Person {
        bbox: Rect::new(a.x.min(b.x), a.y.min(b.y), a.x.max(b.x), a.y.max(b.y)),
        pose: person.pose.map(|pose| pose.map(turned)),
        track: person.track.clone(),
        ..Person::default()
    }
}

/// The head by nose, eyes and ears; by the top of the box if the pose is missing or shows no face, or the box is predicted.
fn head(person: &Person) -> Head {
    let by_pose = if person.is_coasting() {
        None
    } else {
        head_of_pose(person)
    };
    by_pose.unwrap_or_else(|| head_of_box(person.bbox))
}

fn head_of_pose(person: &Person) -> Option<Head> {
    use Keypoint::*;
    let pose = person.pose.as_ref()?;
    let seen: Vec<Point> = [Nose, LeftEye, RightEye, LeftEar, RightEar]
        .into_iter()
        .map(|keypoint| pose[keypoint as usize])
        .filter(|k| k.confidence >= KEYPOINT_THRESHOLD)
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
    // A head is about an eighth of a person tall. From the side its keypoints are close together, so the box gives a lower
    // bound; a person who sits or is cut off has a short box, so the keypoints give one, too.
    let radius = (around.width().max(around.height()) * 0.85)
        .max(person.bbox.height() * 0.075)
        .max(2.0);
    let reach = person.bbox.height().max(person.bbox.width()) * 0.25;
    let center = around.center();
    // keypoints scattered over half the body are not a face
    let scattered = radius > reach || (first.x - center.x).abs() > reach;
    (!scattered).then_some(Head {
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
        for (keypoint, x, y) in [
            (Keypoint::Nose, 50.0, 20.0),
            (Keypoint::LeftEar, 56.0, 18.0),
            (Keypoint::RightEar, 44.0, 18.0),
        ] {
            pose[keypoint as usize] = KeypointDetection {
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
    fn the_head_surrounds_nose_and_ears() {
        let head = head(&person());
        assert_eq!(head.center, Point::new(50.0, 19.0));
        assert!(head.radius_x > 8.0 && head.radius_x < 14.0, "{head:?}");
    }

    #[test]
    fn the_head_is_up_in_the_upright_frame() {
        for orientation in Orientation::ALL {
            // the same person as it is stored, with a pose and predicted
            let stored = |mut person: Person| {
                let [a, b] = [
                    Point::new(person.bbox.left, person.bbox.top),
                    Point::new(person.bbox.right, person.bbox.bottom),
                ]
                .map(|corner| orientation.to_stored(corner));
                person.bbox = Rect::new(a.x.min(b.x), a.y.min(b.y), a.x.max(b.x), a.y.max(b.y));
                for keypoint in person.pose.iter_mut().flatten() {
                    keypoint.point = orientation.to_stored(keypoint.point);
                }
                person
            };
            for person in [person(), Person { pose: None, ..person() }] {
                let (seen, stored) = (head(&person), stored_head(&stored(person), orientation));
                let (radius_x, radius_y) = orientation.exchanged(seen.radius_x, seen.radius_y);
                assert_eq!(orientation.to_upright(stored.center), seen.center, "{orientation:?}");
                assert_eq!(
                    [stored.radius_x, stored.radius_y],
                    [radius_x, radius_y],
                    "{orientation:?}"
                );
            }
        }
    }

    #[test]
    fn without_a_face_the_head_is_the_top_of_the_box() {
        let by_box = head_of_box(person().bbox);
        assert!(by_box.center.y - by_box.radius_y < 8.0 && by_box.center.y + by_box.radius_y > 30.0);
        let mut coasting = person();
        coasting.track = Some(Track {
            frames_since_update: 2,
            ..Track::default()
        });
        assert_eq!(head(&coasting), by_box);
        let unseen = Person { pose: None, ..person() };
        assert_eq!(head(&unseen), by_box);
        let mut unsure = person();
        unsure
            .pose
            .as_mut()
            .unwrap()
            .iter_mut()
            .for_each(|k| k.confidence = 0.1);
        assert_eq!(head(&unsure), by_box);
        let mut scattered = person();
        scattered.pose.as_mut().unwrap()[0].point.y = 90.0;
        assert_eq!(head(&scattered), by_box);
    }
}
