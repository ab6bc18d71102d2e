//! Scenarios: detections frame by frame, and the tracks that the tracker assigns.

use std::sync::Arc;
use std::time::Duration;

use people::tracker::{Tracker, TrackerOptions};
use people::{Inference, Person, Scene, SkipReason, Track, VestName, VestScores};
use vision::Rect;

pub const FPS: u32 = 10;
/// Walking speed in pixels per second; people are 100 pixels high, so 80 is about 1.4 m/s.
pub const WALK: f32 = 80.0;
pub const SKIPPED: Inference = Inference::Skipped(SkipReason::Overload);

/// A standing person of 40 × 100 pixels with the centre at `x`.
pub fn bbox(x: f32) -> Rect {
    Rect::from_center(x, 240.0, 40.0, 100.0)
}

/// A detection without vest scores.
pub fn figure(x: f32) -> Person {
    Person {
        bbox: bbox(x),
        score: 0.8,
        ..Person::default()
    }
}

/// A detection with a high probability of a vest.
pub fn seen(x: f32, vest: &str) -> Person {
    leaning(x, vest, 0.94)
}

/// A detection with the probability `p` of a vest.
pub fn leaning(x: f32, vest: &str, p: f32) -> Person {
    let labels: Arc<[VestName]> = ["none", "red", "blue", "green"].map(Arc::from).into();
    let probability = |label: &VestName| if **label == *vest { p } else { (1.0 - p) / 3.0 };
    let probabilities = labels.iter().map(probability).collect();
    Person {
        vest: Some(VestScores { labels, probabilities }),
        ..figure(x)
    }
}

pub fn options() -> TrackerOptions {
    TrackerOptions::default()
}

/// A tracker and the time of its next frame.
pub struct Scenario {
    pub tracker: Tracker,
    pub fps: u32,
    pub frame: u32,
}

impl Scenario {
    pub fn new(options: TrackerOptions) -> Self {
        Self {
            tracker: Tracker::new(options),
            fps: FPS,
            frame: 0,
        }
    }

    pub fn play(&mut self, inference: Inference, people: Vec<Person>) -> Vec<Person> {
        self.play_scene(Scene {
            inference,
            people,
            ..Scene::default()
        })
    }

    pub fn play_scene(&mut self, mut scene: Scene) -> Vec<Person> {
        self.tracker
            .update(Duration::from_secs(1) * self.frame / self.fps, &mut scene);
        self.frame += 1;
        scene.people
    }

    pub fn show(&mut self, people: Vec<Person>) -> Vec<Person> {
        self.play(Inference::Done, people)
    }

    /// Shows the same people for some frames; returns the last one.
    pub fn hold(&mut self, frames: u32, people: &[Person]) -> Vec<Person> {
        (0..frames)
            .map(|_| self.show(people.to_vec()))
            .last()
            .unwrap_or_default()
    }
}

/// `id worker` of everyone from left to right, with `+n` while coasting; `-` for a person without a track.
pub fn roll(people: &[Person]) -> String {
    let mut people: Vec<_> = people.iter().collect();
    people.sort_by(|a, b| a.bbox.left.total_cmp(&b.bbox.left));
    let name = |person: &&Person| match &person.track {
        None => "-".to_owned(),
        Some(Track {
            id,
            worker,
            frames_since_update,
            ..
        }) => {
            let worker = worker.as_deref().unwrap_or("visitor");
            let coasting = if *frames_since_update > 0 {
                format!("+{frames_since_update}")
            } else {
                String::new()
            };
            format!("{id} {worker}{coasting}")
        }
    };
    people.iter().map(name).collect::<Vec<_>>().join(", ")
}
