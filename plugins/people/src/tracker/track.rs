//! One tracked person: motion, belief about the vest, and how well a detection matches both.

use std::time::Duration;

use vision::Rect;

use super::MAX_RATE;
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
    /// Whether the vest has been classified; otherwise the belief is no reason to make anyone a worker.
    pub is_classified: bool,
    /// Index of the worker's vest label; `None` for a visitor.
    pub worker: Option<usize>,
    /// The score of the last detection.
    pub score: f32,
    /// Number of detections.
    pub hits: u32,
    /// Running time since the first detection.
    pub age: Duration,
    /// Frames since the last detection.
    pub frames_since_update: u32,
    /// Running time since the last detection.
    pub time_since_update: Duration,
    /// Inferred frames since the last detection.
    pub misses: u32,
}

/// Logarithm of the density of a person who is anywhere among 8 × 6 heights, in any of the sizes that people have (0.2 × 0.5
/// heights), per height⁴ of centre and size.
const LOG_ANYWHERE: f64 = -1.57;

/// Logarithm of the rate at which new people appear, per height⁴ of centre and size: a detection joins the track that explains
/// it at least that well. About one in ten frames, anywhere among 8 × 6 heights, in any of the sizes that people have (0.2 ×
/// 0.5 heights).
const LOG_NEWCOMERS: f64 = -4.0;

/// Least time between two detections that confirm a track, on average: half a frame at 10 fps, so that the jitter of a camera does
/// not matter.
const HIT_INTERVAL: Duration = Duration::from_millis(50);

/// So many times the hits confirm a track on a stream without any time.
const MANY_HITS: u32 = 10;

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
            is_classified: detection.vest.is_some(),
            worker: None,
            score: detection.score,
            hits: 1,
            age: Duration::ZERO,
            frames_since_update: 0,
            time_since_update: Duration::ZERO,
            misses: 0,
        }
    }

    /// Whether the track has `min_hits` detections over `time`, by default that which they take at a usual frame rate, or many more.
    pub(super) fn is_confirmed(&self, min_hits: u32, time: Option<Duration>) -> bool {
        let time = time.unwrap_or(HIT_INTERVAL.saturating_mul(min_hits.saturating_sub(1)));
        self.hits >= min_hits && (self.age >= time || self.hits >= min_hits.saturating_mul(MANY_HITS))
    }

    /// Whether the last detection is at most `time` ago, and at most `max_age` frames, if that is set.
    pub(super) fn is_kept(&self, max_age: Option<u32>, time: Duration) -> bool {
        match max_age {
            Some(frames) => self.frames_since_update <= frames && self.time_since_update <= time,
            None => self.is_within(time),
        }
    }

    /// Whether the last detection is at most `time` ago.
    pub(super) fn is_within(&self, time: Duration) -> bool {
        let most = time.as_secs_f64().ceil() * f64::from(MAX_RATE);
        self.time_since_update <= time && f64::from(self.frames_since_update) <= most
    }

    /// The logarithm, in nats, of how much likelier the detection is this person than someone new; negative infinity beyond
    /// the [`GATE`].
    pub(super) fn log_likelihood_gain(&self, detection: &Candidate) -> f64 {
        let fit = self.motion.fit(&detection.bbox);
        if fit.distance > GATE {
            return f64::NEG_INFINITY;
        }
        // Predictions over a long inference period spread beyond the frame, and people do not.
        let density = if self.misses <= 1 {
            fit.log_density.max(LOG_ANYWHERE - fit.distance / 2.0)
        } else {
            fit.log_density
        };
        let vest = detection.vest.as_ref().map_or(0.0, |vest| self.belief.agreement(vest));
        density + vest - LOG_NEWCOMERS
    }

    /// Corrects the track by its detection.
    pub(super) fn update(&mut self, detection: &Candidate) {
        self.motion.update(&detection.bbox);
        if let Some(vest) = &detection.vest {
            self.belief.observe(vest);
            self.is_classified = true;
        }
        self.score = detection.score;
        self.hits = self.hits.saturating_add(1);
        self.frames_since_update = 0;
        self.time_since_update = Duration::ZERO;
        self.misses = 0;
    }
}
