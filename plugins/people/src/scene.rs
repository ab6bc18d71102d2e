//! The facts about one frame: its people, its stations and the outcome of its inference.

use std::sync::Arc;
use std::time::Duration;

use crate::StationStatus;
use vision::letterbox::Orientation;
use vision::{Pose, Rect};

/// A vest's colour as in the model's label file, e.g. `red`. It identifies a worker.
pub type VestName = Arc<str>;

/// Everything known about one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// Whether `people` were detected in this frame.
    pub inference: Inference,
    /// Whether the people's keypoints were found in this frame by a model of their own; `None` if it has not reached one, as where the
    /// model that finds people finds their keypoints, too.
    pub pose_inference: Option<Inference>,
    /// Whether the people's vests were classified in this frame; `None` if the frame has not reached a vest model.
    pub vest_inference: Option<Inference>,
    /// The labels of the vest model that inferred this frame, also if nobody is in it.
    pub vest_labels: Option<Arc<[VestName]>>,
    /// Time between two inferred frames of the stream, measured; `None` before the second one. It exceeds the frame
    /// interval if several cameras share a server. If people and vests are inferred by two elements, it is the longer one.
    pub inference_period: Option<Duration>,
    /// How the frame is turned to be upright. Coordinates are those of the stored frame, which is not turned.
    pub orientation: Orientation,
    /// The people, in no particular order.
    pub people: Vec<Person>,
    /// The stations and their states, in the order of the station file; filled by `activityzone`.
    pub stations: Vec<StationStatus>,
}

impl Scene {
    /// The labels of the vest model, if it has inferred this frame.
    pub fn labels(&self) -> Option<&Arc<[VestName]>> {
        let mut vests = self.people.iter().filter_map(|person| person.vest.as_ref());
        self.vest_labels.as_ref().or_else(|| Some(&vests.next()?.labels))
    }

    /// Whether it is known where the hands of all detected people are: of people without a pose that no pose model has seen it is not.
    pub fn has_poses(&self) -> bool {
        match self.pose_inference {
            Some(stage) => stage == Inference::Done,
            None => self
                .people
                .iter()
                .all(|person| person.pose.is_some() || person.is_coasting()),
        }
    }

    /// Whether a vest model has responded for this person of the frame; only then is it known who the person is not.
    pub fn is_classified(&self, person: &Person) -> bool {
        !matches!(self.vest_inference, Some(Inference::Skipped(_))) && person.vest.is_some()
    }
}

/// The outcome of a frame's inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inference {
    /// The frame went through the model.
    #[default]
    Done,
    /// The frame passed through without inference; its people, if any, are predictions.
    Skipped(SkipReason),
}

impl Inference {
    /// `done`, or the reason without inference: `interval`, `overload` or `failed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped(SkipReason::Interval) => "interval",
            Self::Skipped(SkipReason::Overload) => "overload",
            Self::Skipped(SkipReason::Failed) => "failed",
        }
    }
}

/// Why a frame was not inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// Only every n-th frame is inferred (`inference-interval`).
    Interval,
    /// The server was too slow for a live stream.
    Overload,
    /// The request failed or ran out of time.
    Failed,
}

/// One person in one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// Frame pixels; may reach outside the frame.
    pub bbox: Rect,
    /// The detector's confidence, 0..1.
    pub score: f32,
    /// Keypoints in frame pixels, if the detector has them; `None` while coasting.
    pub pose: Option<Pose>,
    /// The vest model's scores, after its inference.
    pub vest: Option<VestScores>,
    /// The identity assigned by `vesttrack`.
    pub track: Option<Track>,
}

impl Person {
    /// The vest of the worker that this person is; `None` for visitors and before `vesttrack`.
    pub fn worker(&self) -> Option<&VestName> {
        self.track.as_ref()?.worker.as_ref()
    }

    /// Whether the person was not detected in this frame: the box is predicted by `vesttrack`.
    pub fn is_coasting(&self) -> bool {
        self.track.as_ref().is_some_and(|track| track.frames_since_update > 0)
    }
}

/// A vest model's scores for one person.
#[derive(Clone, Debug, PartialEq)]
pub struct VestScores {
    /// The classes, shared by all people of a stream.
    pub labels: Arc<[VestName]>,
    /// One probability per label; their sum is 1.
    pub probabilities: Vec<f32>,
}

impl VestScores {
    /// The label of people without a vest: visitors.
    pub const NONE: &'static str = "none";

    /// The likeliest label and its probability.
    pub fn best(&self) -> Option<(&VestName, f32)> {
        let (i, p) = self
            .probabilities
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))?;
        Some((self.labels.get(i)?, *p))
    }
}

/// A person's identity over time, assigned by `vesttrack`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// Unique within the stream, counted from 1; a worker keeps it as long as the track exists.
    pub id: u64,
    /// The worker's vest, unique among the people of a frame; `None` for a visitor.
    pub worker: Option<VestName>,
    /// Probability of the identity, 0..1.
    pub confidence: f32,
    /// Frames since the last detection: 0 if detected in this frame, otherwise the box is predicted.
    pub frames_since_update: u32,
}
