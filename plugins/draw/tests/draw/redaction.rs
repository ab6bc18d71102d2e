//! Redaction: what is obscured at each outcome of inference, and that nothing remains of it.

use std::time::Duration;

use crate::frames::Frame;
use crate::scenes::{PLAIN, SIZE, coasting, scene, worker};
use draw::{COASTING, LONGEST_COASTING, Painter, Redaction, Style};
use people::{Inference, Person, Scene, SkipReason};
use vision::Rect;
use vision::image::PixelFormat;

const REASONS: [SkipReason; 3] = [SkipReason::Interval, SkipReason::Overload, SkipReason::Failed];

/// A stream of frames, all of the same noise, of which those of people are painted.
struct Stream {
    painter: Painter,
    noise: Frame,
    redact: Redaction,
}

/// What of a frame's noise is left.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    /// Everything.
    Clear,
    /// All but the person.
    Covered,
    /// Nothing at all.
    Nothing,
}

/// Inside the face of [`worker`], in pixels.
const FACE: Rect = Rect::new(154.0, 84.0, 166.0, 98.0);
/// Inside the box, below the face.
const BODY: Rect = Rect::new(125.0, 180.0, 195.0, 235.0);
/// Far from the person.
const FLOOR: Rect = Rect::new(280.0, 40.0, 380.0, 280.0);

impl Stream {
    fn new(redact: Redaction) -> Self {
        let mut noise = Frame::simple(PixelFormat::I420, SIZE, [0; 3]);
        noise.scramble();
        Self {
            painter: Painter::new(),
            noise,
            redact,
        }
    }

    fn painted(&mut self, time: Duration, scene: Option<&Scene>) -> Frame {
        let mut frame = self.noise.clone();
        let style = Style {
            redact: self.redact,
            ..PLAIN
        };
        frame.with_surface(|surface| self.painter.paint(surface, time, scene, &style));
        frame
    }

    fn seen(&mut self, milliseconds: u64, scene: Option<&Scene>) -> Seen {
        let frame = self.painted(Duration::from_millis(milliseconds), scene);
        let hidden = if self.redact == Redaction::Faces { FACE } else { BODY };
        let is_left = |area| kept(&self.noise, &frame, area) > 0.98;
        let is_gone = |area| kept(&self.noise, &frame, area) < 0.02;
        match (is_left(hidden), is_left(FLOOR)) {
            (true, true) => Seen::Clear,
            (false, true) if is_gone(hidden) => Seen::Covered,
            (false, false) if is_gone(hidden) && is_gone(FLOOR) => Seen::Nothing,
            other => panic!("at {milliseconds} ms: partly obscured, {other:?}"),
        }
    }
}

/// The share of an area's samples that is unchanged, in the plane of which the least is.
fn kept(before: &Frame, after: &Frame, area: Rect) -> f32 {
    let share = |plane: usize| {
        let shrink = if plane == 0 { 1 } else { 2 };
        let (left, right) = (area.left as usize / shrink, area.right as usize / shrink);
        let rows = area.top as usize / shrink..area.bottom as usize / shrink;
        let samples: Vec<_> = rows.flat_map(|y| (left..right).map(move |x| (x, y))).collect();
        let same = |(x, y): &&(usize, usize)| before.sample(plane, *x, *y) == after.sample(plane, *x, *y);
        samples.iter().filter(same).count() as f32 / samples.len() as f32
    };
    (0..before.planes.len()).map(share).fold(1.0, f32::min)
}

fn skipped(reason: SkipReason, people: Vec<Person>) -> Scene {
    Scene {
        inference: Inference::Skipped(reason),
        ..scene(people)
    }
}

fn with_period(milliseconds: u64, scene: Scene) -> Scene {
    Scene {
        inference_period: Some(Duration::from_millis(milliseconds)),
        ..scene
    }
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

const PEOPLE: [Redaction; 2] = [Redaction::Faces, Redaction::People];

#[test]
fn people_in_an_inferred_frame_are_covered_and_an_empty_one_is_clear() {
    for redact in PEOPLE {
        let mut stream = Stream::new(redact);
        assert_eq!(stream.seen(0, Some(&scene(vec![worker("red")]))), Seen::Covered);
        assert_eq!(stream.seen(40, Some(&scene(vec![coasting()]))), Seen::Covered);
        assert_eq!(stream.seen(80, Some(&scene(vec![]))), Seen::Clear, "{redact:?}");
        let unseen = Person {
            pose: None,
            ..worker("red")
        };
        assert_eq!(stream.seen(120, Some(&scene(vec![unseen]))), Seen::Covered);
        let without_vests = Scene {
            vest_inference: Some(Inference::Skipped(SkipReason::Failed)),
            ..scene(vec![])
        };
        assert_eq!(stream.seen(160, Some(&without_vests)), Seen::Clear, "{redact:?}");
    }
}

#[test]
fn between_inferences_people_are_covered_with_and_without_a_tracker() {
    for redact in PEOPLE {
        for reason in REASONS {
            let mut tracked = Stream::new(redact);
            tracked.seen(0, Some(&scene(vec![worker("red")])));
            let mut untracked = Stream::new(redact);
            let person = Person {
                track: None,
                ..worker("red")
            };
            untracked.seen(0, Some(&scene(vec![person])));
            for time in [40, 80, 200, 400] {
                let predicted = skipped(reason, vec![coasting()]);
                assert_eq!(
                    tracked.seen(time, Some(&predicted)),
                    Seen::Covered,
                    "{redact:?} {reason:?} {time}"
                );
                let empty = skipped(reason, vec![]);
                assert_eq!(
                    untracked.seen(time, Some(&empty)),
                    Seen::Covered,
                    "{redact:?} {reason:?} {time}"
                );
            }
        }
    }
}

#[test]
fn after_the_coasting_the_whole_frame_is_obscured_until_the_next_inference() {
    let longest = milliseconds(LONGEST_COASTING);
    for redact in PEOPLE {
        for reason in REASONS {
            for (period, coasting) in [
                (None, milliseconds(COASTING)),
                (Some(40), milliseconds(COASTING)),
                (Some(500), 1500),
                (Some(60_000), longest),
            ] {
                let timed = |scene: Scene| match period {
                    Some(period) => with_period(period, scene),
                    None => scene,
                };
                let mut stream = Stream::new(redact);
                let (empty, skipped) = (timed(scene(vec![])), timed(skipped(reason, vec![])));
                let what = format!("{redact:?} {reason:?} {period:?}");
                assert_eq!(stream.seen(1000, Some(&empty)), Seen::Clear, "{what}");
                assert_eq!(stream.seen(1000 + coasting, Some(&skipped)), Seen::Clear, "{what}");
                assert_eq!(stream.seen(1001 + coasting, Some(&skipped)), Seen::Nothing, "{what}");
                assert_eq!(stream.seen(60_000, Some(&skipped)), Seen::Nothing, "{what}");
                assert_eq!(stream.seen(60_040, Some(&empty)), Seen::Clear, "{what}");
            }
        }
    }
}

#[test]
fn what_is_not_known_is_obscured() {
    for redact in PEOPLE {
        for reason in REASONS {
            let (empty, skipped) = (scene(vec![]), skipped(reason, vec![]));
            let mut stream = Stream::new(redact);
            assert_eq!(
                stream.seen(0, Some(&skipped)),
                Seen::Nothing,
                "before the first inference"
            );
            assert_eq!(stream.seen(40, Some(&empty)), Seen::Clear);
            assert_eq!(stream.seen(80, None), Seen::Nothing, "a frame without a scene");
            assert_eq!(stream.seen(120, Some(&skipped)), Seen::Clear);
            assert_eq!(
                stream.seen(20, Some(&skipped)),
                Seen::Nothing,
                "from before the inference"
            );
            stream.painter.reset();
            assert_eq!(stream.seen(160, Some(&skipped)), Seen::Nothing, "after a seek");
            assert_eq!(stream.seen(200, Some(&empty)), Seen::Clear);
        }
        let mut nowhere = worker("red");
        nowhere.bbox.left = f32::NAN;
        let mut stream = Stream::new(redact);
        assert_eq!(
            stream.seen(0, Some(&scene(vec![nowhere]))),
            Seen::Nothing,
            "a box without a place"
        );
    }
}

#[test]
fn redaction_can_begin_at_any_frame() {
    let mut stream = Stream::new(Redaction::None);
    assert_eq!(stream.seen(0, Some(&scene(vec![worker("red")]))), Seen::Clear);
    stream.redact = Redaction::Faces;
    let predicted = skipped(SkipReason::Interval, vec![coasting()]);
    assert_eq!(stream.seen(40, Some(&predicted)), Seen::Covered);
}

#[test]
fn people_who_are_not_predicted_are_covered_as_far_as_they_may_have_gone() {
    let mut stream = Stream::new(Redaction::People);
    let person = Person {
        track: None,
        ..worker("red")
    };
    stream.seen(0, Some(&scene(vec![person])));
    let frame = stream.painted(Duration::from_millis(400), Some(&skipped(SkipReason::Overload, vec![])));
    // 0.4 of the box's height to either side
    let beside = Rect::new(202.0, 82.0, 262.0, 238.0);
    assert!(kept(&stream.noise, &frame, beside) < 0.02);
}

#[test]
fn of_an_obscured_frame_nothing_is_left_in_any_format() {
    for format in PixelFormat::ALL {
        for (redact, scene) in [
            (Redaction::Frame, Some(scene(vec![worker("red")]))),
            (Redaction::Faces, None),
        ] {
            let mut frames = [true, false].map(|is_noise| {
                let mut frame = Frame::plain(format, (383, 287), 4, Default::default(), [200, 30, 90]);
                if is_noise {
                    frame.scramble();
                }
                frame
            });
            for frame in &mut frames {
                let style = Style { redact, ..PLAIN };
                frame.with_surface(|surface| Painter::new().paint(surface, Duration::ZERO, scene.as_ref(), &style));
            }
            let [one, other] = &frames;
            for plane in 0..format.planes() {
                let (columns, rows) = format.plane_size(plane, 383, 287);
                for (x, y) in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))) {
                    assert_eq!(
                        one.sample(plane, x, y),
                        other.sample(plane, x, y),
                        "{format:?} {plane} {x} {y}"
                    );
                }
            }
        }
    }
}

#[test]
fn of_a_face_or_a_body_one_mean_colour_is_left_in_every_plane_and_format() {
    for format in PixelFormat::ALL {
        for (redact, area) in [(Redaction::Faces, FACE), (Redaction::People, BODY)] {
            for person in [
                worker("red"),
                coasting(),
                Person {
                    pose: None,
                    ..worker("red")
                },
            ] {
                let mut frame = Frame::simple(format, SIZE, [0; 3]);
                frame.scramble();
                let before = frame.clone();
                let style = Style { redact, ..PLAIN };
                let scene = scene(vec![person]);
                frame.with_surface(|surface| Painter::new().paint(surface, Duration::ZERO, Some(&scene), &style));
                for plane in 0..format.planes() {
                    let shrink = if plane == 0 { 1 } else { 2 };
                    let first = frame.sample(plane, area.left as usize / shrink, area.top as usize / shrink);
                    for y in area.top as usize / shrink..area.bottom as usize / shrink {
                        for x in area.left as usize / shrink..area.right as usize / shrink {
                            assert_eq!(
                                frame.sample(plane, x, y),
                                first,
                                "{format:?} {redact:?} {plane} {x} {y}"
                            );
                        }
                    }
                }
                assert_eq!(kept(&before, &frame, FLOOR), 1.0);
            }
        }
    }
}
