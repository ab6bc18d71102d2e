//! People as decoders return them, and the thresholds that they apply.

use crate::Rect;
use crate::skeleton::{KeypointDetection, Pose};

/// One person as a network detected them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    /// The box, in frame pixels; may reach outside the frame.
    pub bbox: Rect,
    /// The network's confidence, 0..1.
    pub score: f32,
    /// The keypoints, in frame pixels, if the network has them.
    pub pose: Option<Pose>,
    /// A probability for each class, with sum 1, if the network classified the person.
    pub classes: Option<Vec<f32>>,
}

impl Detection {
    /// Whether the box has an area and all of box, score and keypoints are finite.
    ///
    /// Values that are finite in a tensor may overflow when its letterbox is inverted.
    pub(super) fn is_sound(&self) -> bool {
        let area = self.bbox.area();
        let mut keypoints = self.pose.iter().flatten();
        let is_finite = |keypoint: &KeypointDetection| {
            let KeypointDetection { point, confidence } = keypoint;
            point.x.is_finite() && point.y.is_finite() && confidence.is_finite()
        };
        self.score.is_finite() && area > 0.0 && area.is_finite() && keypoints.all(is_finite)
    }
}

/// An object as a network detected it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// The box, in frame pixels; may reach outside the frame.
    pub bbox: Rect,
    /// The network's confidence, 0..1.
    pub score: f32,
    /// Index of its class among the network's.
    pub class: usize,
}

/// Which candidates are people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecodeOptions {
    /// The smallest score of a person, 0..1.
    pub score_threshold: f32,
    /// The largest overlap of two people's boxes (intersection over union, 0..1); beyond it the one with the lower score is
    /// dropped.
    pub iou_threshold: f32,
    /// The largest number of people, at most [`MAX_PEOPLE`](super::MAX_PEOPLE); those with the best scores are kept.
    pub max_people: usize,
}

impl Default for DecodeOptions {
    /// The thresholds of YOLOv7-Pose's own demonstration.
    fn default() -> Self {
        Self {
            score_threshold: 0.25,
            iou_threshold: 0.65,
            max_people: 64,
        }
    }
}
