//! A pose network's answer becomes people: which layout it speaks, and what its numbers mean.
//!
//! Layouts are told apart by [`PoseLayout::detect`] and read by [`PoseLayout::decode`]; the second network's answer,
//! class scores, is read by [`class_probabilities`]. A model that does the work of both is read by [`people()`].

mod classify;
mod layout;
mod people;
mod tensor;

use ndarray::{ArrayView1, ArrayView2, ArrayViewD, Axis, Ix2};
use thiserror::Error;

pub use classify::{class_probabilities, softmax};
pub use layout::PoseLayout;
pub use people::{TensorView, people};
pub use tensor::f32_tensor;

use crate::letterbox::Letterbox;
use crate::nms::nms;
use crate::skeleton::{Keypoint, KeypointDetection, Pose};
use crate::{Point, Rect};

/// One person as a network detected it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    /// Frame pixels; may reach outside the frame.
    pub bbox: Rect,
    /// The network's confidence, 0..1.
    pub score: f32,
    /// The keypoints, where the network gives them.
    pub pose: Option<Pose>,
    /// A probability for each class that the person was classified by, where the network did so; they sum to 1.
    pub classes: Option<Vec<f32>>,
}

/// What counts as a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecodeOptions {
    /// The smallest score of a person, 0..1.
    pub score_threshold: f32,
    /// Of two people whose boxes overlap by more (intersection over union, 0..1), the better stays.
    pub iou_threshold: f32,
    /// How many people there are at most; the best.
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

impl PoseLayout {
    /// The people in a tensor of this layout, in frame pixels, best first.
    ///
    /// Rows below the score threshold, rows with a value that is no finite number and rows whose box is empty
    /// are passed over; then [`nms`] suppresses doubles in every layout, also those that did so in the network.
    ///
    /// # Errors
    /// [`DecodeError::Shape`] when the tensor is not of this layout.
    pub fn decode(
        self,
        tensor: ArrayViewD<'_, f32>,
        letterbox: &Letterbox,
        options: &DecodeOptions,
    ) -> Result<Vec<Detection>, DecodeError> {
        let rows = self.rows(tensor)?;
        let mut people: Vec<Option<Detection>> = rows
            .outer_iter()
            .filter_map(|row| self.person(row, letterbox, options.score_threshold))
            .map(Some)
            .collect();
        let boxes: Vec<(Rect, f32)> = people.iter().flatten().map(|p| (p.bbox, p.score)).collect();
        let kept = nms(&boxes, options.iou_threshold, options.max_people);
        Ok(kept.into_iter().filter_map(|i| people[i].take()).collect())
    }

    /// The tensor as a candidate a row.
    fn rows(self, tensor: ArrayViewD<'_, f32>) -> Result<ArrayView2<'_, f32>, DecodeError> {
        let got = tensor.shape().to_vec();
        let wrong = || DecodeError::Shape {
            layout: self.name(),
            expected: self.expected(),
            got: got.clone(),
        };
        let tensor = match got[..] {
            [1, _, _] => tensor.index_axis_move(Axis(0), 0),
            _ => tensor,
        };
        let mut rows = tensor.into_dimensionality::<Ix2>().map_err(|_| wrong())?;
        if self == Self::Yolov8Pose {
            rows = rows.reversed_axes();
        }
        if rows.ncols() == self.columns() {
            Ok(rows)
        } else {
            Err(wrong())
        }
    }

    /// The person a row describes, if it is one.
    fn person(self, row: ArrayView1<'_, f32>, letterbox: &Letterbox, threshold: f32) -> Option<Detection> {
        let score = match self {
            Self::Yolov7Pose => row[4] * row[5],
            Self::Yolov7PoseNms | Self::Yolov8Pose => row[4],
            Self::MovenetMultipose => row[55],
        };
        // not a number is not enough either, and the product of two scores may be more than there are numbers
        if !(score >= threshold && score.is_finite() && row.iter().all(|v| v.is_finite())) {
            return None;
        }
        let (w, h) = (letterbox.width, letterbox.height);
        let bbox = match self {
            Self::Yolov7Pose | Self::Yolov8Pose => Rect::from_center(row[0], row[1], row[2], row[3]),
            Self::Yolov7PoseNms => Rect::new(row[0], row[1], row[2], row[3]),
            Self::MovenetMultipose => Rect::new(row[52], row[51], row[54], row[53]).scaled(w, h),
        };
        let first = match self {
            Self::Yolov7Pose | Self::Yolov7PoseNms => 6,
            Self::Yolov8Pose => 5,
            Self::MovenetMultipose => 0,
        };
        let pose: Pose = std::array::from_fn(|joint| {
            let [a, b, confidence] = [0, 1, 2].map(|i| row[first + 3 * joint + i]);
            let point = match self {
                Self::MovenetMultipose => Point::new(b * w, a * h),
                _ => Point::new(a, b),
            };
            KeypointDetection {
                point: letterbox.to_frame(point),
                confidence,
            }
        });
        let bbox = letterbox.rect_to_frame(bbox);
        let sound = bbox.area() > 0.0 && bbox.area().is_finite();
        let person = Detection {
            bbox,
            score,
            pose: Some(pose),
            ..Detection::default()
        };
        (sound && finite(&pose)).then_some(person)
    }
}

/// Huge values may overflow where the letterbox is undone.
fn finite(pose: &Pose) -> bool {
    pose.iter().all(|k| k.point.x.is_finite() && k.point.y.is_finite())
}

/// How many values a pose has: x, y and confidence of each joint.
const POSE_VALUES: usize = 3 * Keypoint::COUNT;

/// Why tensors cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs)] // the messages say it
pub enum DecodeError {
    #[error(
        "no output is a pose in a known layout; got {got}; expected one of {}",
        PoseLayout::ALL.map(|l| format!("{} {}", l.name(), l.expected())).join(", ")
    )]
    NoPose { got: String },
    #[error(
        "the model answers with the raw heads of YOLOv7-Pose ({got}); \
         export it with `--grid` so that it answers [1, N, 57]"
    )]
    RawHeads { got: String },
    #[error(
        "the model looks exported by YOLOv7's main branch with `--end2end` ({got}), whose NMS takes keypoints \
         for class scores and drops them; export it from the `pose` branch with `--grid`"
    )]
    EndToEnd { got: String },
    #[error("no output has the layout {layout}, {expected}; got {got}; set another layout or `auto`")]
    Missing {
        layout: &'static str,
        expected: &'static str,
        got: String,
    },
    #[error("the layout {layout} needs a tensor of {expected} (a batch of 1), got {got:?}")]
    Shape {
        layout: &'static str,
        expected: &'static str,
        got: Vec<usize>,
    },
    #[error("an FP32 tensor of shape {shape:?} has {expected}, got {got} bytes")]
    Bytes {
        shape: Vec<i64>,
        expected: String,
        got: usize,
    },
    #[error("class scores need a tensor [people, {labels}], a column for each of {labels} labels; got {got:?}")]
    Classes { labels: usize, got: Vec<usize> },
    #[error("output {name}: a model of the task people has {expected} there, got {got}; correct the model or its task")]
    Output {
        name: &'static str,
        expected: String,
        got: String,
    },
    #[error("output count: there are {rows} rows, got {count} people; correct the model")]
    Count { count: i64, rows: usize },
}
