//! One tracked person: motion, belief about the vest, and how well a detection matches both.

use vision::Rect;

use super::belief::{Belief, Evidence};
use crate::kalman::{BoxFilter, GATE};

/// A person of the scene that can be tracked.
pub(super) struct Candidate {
    /// Index in the scene.
    pub person: usize,
    /// Frame pixels; finite and not empty.
    pub bbox: Rect,
    pub score: f32,
    pub vest: Option<Evidence>,
}

/// The state of one track.
#[derive(Clone, Debug)]
pub(super) struct TrackState {
    /// `None` until detected often enough.
    pub id: Option<u64>,
    pub motion: BoxFilter,
    pub belief: Belief,
    /// Index of the worker's vest label; `None` for a visitor.
    pub worker: Option<usize>,
    /// The score of the last detection.
    pub score: f32,
    /// Number of detections.
    pub hits: u32,
    /// Frames since the last detection.
    pub frames_since_update: u32,
}

/// Logarithm of the rate at which new people appear, per height⁴ of centre and size: a detection joins the track that explains
/// it at least that well. About one in ten frames, anywhere among 8 × 6 heights, in any of the sizes that people have (0.2 ×
/// 0.5 heights).
const LOG_NEWCOMERS: f64 = -4.0;

impl TrackState {
    /// A track that begins with a detection; `labels` is the number of vest labels.
    pub(super) fn new(detection: &Candidate, labels: usize) -> Self {
        let mut belief = Belief::new(labels);
        if let Some(vest) = &detection.vest {
            belief.observe(vest);
        }
        Self {
            id: None,
            motion: BoxFilter::new(&detection.bbox),
            belief,
            worker: None,
            score: detection.score,
            hits: 1,
            frames_since_update: 0,
        }
    }

    /// The logarithm, in nats, of how much likelier the detection is this person than someone new; negative infinity beyond
    /// the [`GATE`].
    pub(super) fn log_likelihood_gain(&self, detection: &Candidate) -> f64 {
        let fit = self.motion.fit(&detection.bbox);
        if fit.distance > GATE {
            return f64::NEG_INFINITY;
        }
        let vest = detection.vest.as_ref().map_or(0.0, |vest| self.belief.agreement(vest));
        fit.log_density + vest - LOG_NEWCOMERS
    }

    /// Corrects the track by its detection.
    pub(super) fn update(&mut self, detection: &Candidate) {
        self.motion.update(&detection.bbox);
        if let Some(vest) = &detection.vest {
            self.belief.observe(vest);
        }
        self.score = detection.score;
        self.hits = self.hits.saturating_add(1);
        self.frames_since_update = 0;
    }
}
