//! The demo video's ground truth, as detections of a perfect model, and the demo's stations.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use flate2::read::GzDecoder;
use people::station_file::Stations;
use people::{Person, Track, VestName, VestScores};
use serde::Deserialize;
use vision::{Keypoint, KeypointDetection, Point, Pose, Rect};

/// Width and height of the video's frames in pixels.
pub const SIZE: (u32, u32) = (768, 576);
/// Time from one frame to the next.
pub const FRAME: Duration = Duration::from_millis(100);

static LABELS: LazyLock<Arc<[VestName]>> = LazyLock::new(|| {
    let vests = ["none", "red", "orange", "yellow", "green", "blue", "purple", "white"];
    vests.map(VestName::from).into()
});

#[derive(Deserialize)]
pub struct TruthFrame {
    pub people: Vec<TruthPerson>,
}

#[derive(Clone, Deserialize)]
pub struct TruthPerson {
    pub id: u64,
    /// The worker's vest, or `none`.
    pub color: String,
    /// Left, top, right, bottom in pixels.
    #[serde(rename = "box")]
    pub bbox: [f32; 4],
    /// x, y and confidence of each keypoint, in pixels.
    pub kpts: [[f32; 3]; Keypoint::COUNT],
}

impl TruthPerson {
    pub fn worker(&self) -> Option<&str> {
        Some(self.color.as_str()).filter(|color| *color != "none")
    }

    /// The person a part of the way, 0..1, to where they are in a later frame.
    pub fn between(&self, later: &Self, part: f32) -> Self {
        let mix = |from: f32, to: f32| from + (to - from) * part;
        Self {
            bbox: std::array::from_fn(|edge| mix(self.bbox[edge], later.bbox[edge])),
            kpts: std::array::from_fn(|joint| {
                std::array::from_fn(|value| mix(self.kpts[joint][value], later.kpts[joint][value]))
            }),
            ..self.clone()
        }
    }

    /// The person as a perfect detector, vest model and tracker state it.
    pub fn person(&self) -> Person {
        let keypoint = |[x, y, confidence]: [f32; 3]| KeypointDetection {
            point: Point::new(x, y),
            confidence,
        };
        let pose: Pose = self.kpts.map(keypoint);
        let track = Track {
            id: self.id,
            worker: self.worker().map(Into::into),
            confidence: 1.0,
            frames_since_update: 0,
        };
        let [left, top, right, bottom] = self.bbox;
        Person {
            bbox: Rect::new(left, top, right, bottom),
            score: 0.9,
            pose: Some(pose),
            vest: Some(self.vest()),
            track: Some(track),
        }
    }

    /// The scores of a vest model that is nearly sure.
    fn vest(&self) -> VestScores {
        let labels = LABELS.clone();
        let rest = 0.04 / (labels.len() - 1) as f32;
        let probability = |label: &VestName| if **label == *self.color { 0.96 } else { rest };
        VestScores {
            probabilities: labels.iter().map(probability).collect(),
            labels,
        }
    }
}

/// A path in the checkout, of which the crate that this is compiled into is a part.
fn path(relative: &str) -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = folders.find(|folder| folder.join("media").is_dir());
    root.expect("a folder above has the media").join(relative)
}

/// All frames of the demo video.
pub fn truth() -> Vec<TruthFrame> {
    let file = File::open(path("media/vests_truth.json.gz")).unwrap();
    serde_json::from_reader(GzDecoder::new(file)).unwrap()
}

/// Number of frames up to which [`gapless`] fills in a person.
const LONGEST_GAP: usize = 50;

/// The demo video with its people in every frame between two in which they were detected, at most [`LONGEST_GAP`] frames
/// apart: what a perfect detector would find.
pub fn gapless() -> Vec<TruthFrame> {
    let mut frames = truth();
    let mut last_seen: HashMap<(u64, String), (usize, TruthPerson)> = HashMap::new();
    for n in 0..frames.len() {
        for person in frames[n].people.clone() {
            let seen = last_seen.insert((person.id, person.color.clone()), (n, person.clone()));
            let Some((from, before)) = seen.filter(|(from, _)| n - from <= LONGEST_GAP) else {
                continue;
            };
            let gap = frames[from..n].iter_mut().enumerate().skip(1);
            gap.for_each(|(i, frame)| {
                let part = i as f32 / (n - from) as f32;
                frame.people.push(before.between(&person, part));
            });
        }
    }
    frames
}

/// The stations of the demo.
pub fn stations() -> Stations {
    Stations::parse(&std::fs::read_to_string(path("pipelines/stations/demo.json")).unwrap()).unwrap()
}
