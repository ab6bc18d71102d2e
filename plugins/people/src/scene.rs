//! What is known about one frame: its people, and what became of its inference.

use std::sync::Arc;

use crate::StationStatus;
use vision::{Pose, Rect};

/// A vest's colour as the model's label file spells it, e.g. `red`; it is the worker's identity.
pub type VestName = Arc<str>;

/// Everything known about one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// Whether `people` was seen in this very frame.
    pub inference: Inference,
    /// The people, in no particular order.
    pub people: Vec<Person>,
    /// The stations and their states, in the order of the station file; filled by `activityzone`.
    pub stations: Vec<StationStatus>,
}

/// What became of a frame's inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inference {
    /// The frame went through the model.
    #[default]
    Done,
    /// The frame passed on without inference; its people, if any, are predictions.
    Skipped(SkipReason),
}

/// Why a frame went on without inference.
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
    /// Joints, when the detector gives them; none while coasting.
    pub pose: Option<Pose>,
    /// What the vest model says, once it was asked.
    pub vest: Option<VestScores>,
    /// Who it is, once `vesttrack` has decided.
    pub track: Option<Track>,
}

impl Person {
    /// The worker this person is, by vest; `None` for visitors and before `vesttrack`.
    pub fn worker(&self) -> Option<&VestName> {
        self.track.as_ref()?.worker.as_ref()
    }

    /// Whether the person was not detected in this frame: the box is predicted by `vesttrack`.
    pub fn is_coasting(&self) -> bool {
        self.track.as_ref().is_some_and(|track| track.frames_since_update > 0)
    }
}

/// A vest model's answer for one person.
#[derive(Clone, Debug, PartialEq)]
pub struct VestScores {
    /// The classes, shared by all people of a stream.
    pub labels: Arc<[VestName]>,
    /// One probability a label; they sum to 1.
    pub probabilities: Vec<f32>,
}

impl VestScores {
    /// The label that means "wears no vest": a visitor.
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

/// A person's identity over time, decided by `vesttrack`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// Unique within the stream, counted from 1; a worker keeps it for as long as the track lives.
    pub id: u64,
    /// The worker's vest, at most one person a vest; `None` is a visitor.
    pub worker: Option<VestName>,
    /// How sure the identity is, 0..1.
    pub confidence: f32,
    /// Frames since the person was last detected: 0 is seen now, more is a predicted ("frames_since_update") box.
    pub frames_since_update: u32,
}
