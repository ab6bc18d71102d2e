//! How far apart the same people are in the results of two lines.

use people::{Person, Scene};

/// The largest differences between people of two lines; also the largest that a test allows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Distance {
    /// Of boxes and keypoints, in pixels of the frame.
    pub pixels: f32,
    /// Of the vests' probabilities and the detector's score, 0..1.
    pub probability: f32,
}

impl Distance {
    fn of(one: &Person, other: &Person) -> Self {
        let edges = |person: &Person| {
            let b = person.bbox;
            [b.left, b.top, b.right, b.bottom]
        };
        let keypoints = |person: &Person| {
            let keypoints = person.pose.iter().flatten();
            keypoints.flat_map(|k| [k.point.x, k.point.y]).collect::<Vec<_>>()
        };
        let probabilities = |person: &Person| {
            let vest = person.vest.iter().flat_map(|vest| vest.probabilities.iter().copied());
            vest.chain([person.score]).collect::<Vec<_>>()
        };
        Self {
            pixels: largest(&edges(one), &edges(other)).max(largest(&keypoints(one), &keypoints(other))),
            probability: largest(&probabilities(one), &probabilities(other)),
        }
    }

    fn is_within(self, limit: Self) -> bool {
        self.pixels <= limit.pixels && self.probability <= limit.probability
    }

    fn max(self, other: Self) -> Self {
        Self {
            pixels: self.pixels.max(other.pixels),
            probability: self.probability.max(other.probability),
        }
    }
}

fn largest(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Checks that two lines have the same people in each frame: as many, with the same vest and identity, within the limit.
///
/// Returns the number of people and the largest distance.
pub fn check_people<S: AsRef<Scene>>(one: &[S], other: &[S], limit: Distance) -> (usize, Distance) {
    assert_eq!(one.len(), other.len(), "frames");
    let (mut count, mut most) = (0, Distance::default());
    for (n, (one, other)) in one.iter().zip(other).enumerate() {
        let (one, other) = (one.as_ref(), other.as_ref());
        assert_eq!(one.inference, other.inference, "frame {n}");
        assert_eq!(one.people.len(), other.people.len(), "people in frame {n}");
        for person in &one.people {
            let overlap = |other: &&Person| person.bbox.iou(&other.bbox);
            let same = other.people.iter().max_by(|a, b| overlap(a).total_cmp(&overlap(b)));
            let same = same.unwrap();
            let vest = |person: &Person| Some(person.vest.as_ref()?.best()?.0.clone());
            assert_eq!(vest(person), vest(same), "vest in frame {n}");
            let identity = |person: &Person| {
                let track = person.track.as_ref()?;
                Some((track.id, track.worker.clone(), track.frames_since_update))
            };
            assert_eq!(identity(person), identity(same), "track in frame {n}");
            let distance = Distance::of(person, same);
            assert!(
                distance.is_within(limit),
                "frame {n}: {distance:?}, expected at most {limit:?}"
            );
            most = most.max(distance);
            count += 1;
        }
    }
    println!("{count} people differ by at most {most:?}");
    (count, most)
}
