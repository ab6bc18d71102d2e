//! The layouts of pose networks' outputs: how to recognise them and how to read them.

use std::str::FromStr;

use ndarray::{ArrayView1, ArrayView2, ArrayViewD, Axis, Ix2};
use thiserror::Error;

use super::detection::{DecodeOptions, Detection};
use super::error::DecodeError;
use crate::letterbox::Letterbox;
use crate::nms::nms;
use crate::skeleton::{Keypoint, KeypointDetection, Pose};
use crate::{Point, Rect};

/// The meaning of the numbers of a pose tensor. Pixels are those of the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoseLayout {
    /// YOLOv7-Pose exported with `--grid`: `[1, N, 57]`, rows of centre x, centre y, width, height, objectness, class score
    /// and 17 × (x, y, confidence), in pixels; the score is objectness times class score.
    Yolov7Pose,
    /// YOLOv7-Pose exported with `--grid --export-nms`: `[N, 57]`, rows of left, top, right, bottom, score, class and the 17
    /// keypoints, in pixels.
    Yolov7PoseNms,
    /// Ultralytics' YOLOv8-pose and YOLO11-pose: `[1, 56, N]`, columns of centre x, centre y, width, height, score and the
    /// 17 keypoints, in pixels.
    Yolov8Pose,
    /// MoveNet MultiPose as published: `[1, N, 56]`, rows of 17 × (y, x, confidence), top, left, bottom, right and score, in
    /// fractions of the input.
    MovenetMultipose,
}

/// One layout's entry in [`TABLE`]. Positions are indices into a candidate's values.
struct Spec {
    name: &'static str,
    /// The shape in words.
    expected: &'static str,
    /// Number of values of a candidate.
    values: usize,
    /// A candidate is a column of the tensor instead of a row.
    columns: bool,
    /// Positions and sizes are fractions of the input instead of pixels.
    fractions: bool,
    /// The score is the product of these values.
    score: &'static [usize],
    bbox: BoxForm,
    /// Positions of the first keypoint's x, y and confidence; each further keypoint is 3 values later.
    keypoint: [usize; 3],
}

/// How a box is given.
enum BoxForm {
    /// Positions of centre x, centre y, width and height.
    Center([usize; 4]),
    /// Positions of left, top, right and bottom.
    Edges([usize; 4]),
}

/// Number of values of a pose: x, y and confidence of each keypoint.
const POSE_VALUES: usize = 3 * Keypoint::COUNT;

/// The layouts, in the order of [`PoseLayout::ALL`].
static TABLE: [Spec; PoseLayout::ALL.len()] = [
    Spec {
        name: "yolov7-pose",
        expected: "[1, N, 57]",
        values: 6 + POSE_VALUES,
        columns: false,
        fractions: false,
        score: &[4, 5],
        bbox: BoxForm::Center([0, 1, 2, 3]),
        keypoint: [6, 7, 8],
    },
    Spec {
        name: "yolov7-pose-nms",
        expected: "[N, 57]",
        values: 6 + POSE_VALUES,
        columns: false,
        fractions: false,
        score: &[4],
        bbox: BoxForm::Edges([0, 1, 2, 3]),
        keypoint: [6, 7, 8],
    },
    Spec {
        name: "yolov8-pose",
        expected: "[1, 56, N]",
        values: 5 + POSE_VALUES,
        columns: true,
        fractions: false,
        score: &[4],
        bbox: BoxForm::Center([0, 1, 2, 3]),
        keypoint: [5, 6, 7],
    },
    Spec {
        name: "movenet-multipose",
        expected: "[1, N, 56]",
        values: POSE_VALUES + 5,
        columns: false,
        fractions: true,
        score: &[55],
        bbox: BoxForm::Edges([52, 51, 54, 53]),
        keypoint: [1, 0, 2],
    },
];

impl PoseLayout {
    /// Every layout.
    pub const ALL: [Self; 4] = [
        Self::Yolov7Pose,
        Self::Yolov7PoseNms,
        Self::Yolov8Pose,
        Self::MovenetMultipose,
    ];

    fn spec(self) -> &'static Spec {
        &TABLE[self as usize]
    }

    /// The name in properties and model contracts, e.g. `yolov7-pose`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The layout of that [name](Self::name); parse the name ([`FromStr`]) for an error that lists the names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name() == name)
    }

    /// Finds the pose output, given all outputs' names and shapes: its layout and its index. It is recognised by name, rank
    /// and the dimension that counts a candidate's values. Dimensions that are not known yet are -1.
    ///
    /// Other outputs, such as the raw heads beside the gridded one, are ignored.
    ///
    /// # Errors
    /// [`DecodeError::RawHeads`] and [`DecodeError::EndToEnd`] for exports of YOLOv7-Pose that cannot be used,
    /// [`DecodeError::NoPose`] if nothing else is recognised.
    pub fn detect(tensors: &[(&str, &[i64])]) -> Result<(Self, usize), DecodeError> {
        let recognised = tensors.iter().enumerate().find_map(|(i, (name, shape))| {
            let layout = Self::recognise(name, shape)?;
            Some((layout, i))
        });
        recognised.ok_or_else(|| {
            let got = describe(tensors);
            if tensors.iter().any(|(_, shape)| matches!(shape, [_, _, _, _, 57])) {
                DecodeError::RawHeads { got }
            } else if tensors.iter().any(|(name, shape)| end_to_end(name, shape)) {
                DecodeError::EndToEnd { got }
            } else {
                let known = TABLE.each_ref().map(|spec| format!("{} {}", spec.name, spec.expected));
                let expected = known.join(", ");
                DecodeError::NoPose { expected, got }
            }
        })
    }

    /// The index of the output that has this layout.
    ///
    /// # Errors
    /// [`DecodeError::Missing`] if none has.
    pub fn find(self, tensors: &[(&str, &[i64])]) -> Result<usize, DecodeError> {
        let found = tensors.iter().position(|(_, shape)| self.matches(shape));
        found.ok_or_else(|| DecodeError::Missing {
            layout: self.name(),
            expected: self.spec().expected,
            got: describe(tensors),
        })
    }

    fn recognise(name: &str, shape: &[i64]) -> Option<Self> {
        match shape {
            [_, _, 57] if name == "detections" => Some(Self::Yolov7PoseNms),
            [_, _, 57] => Some(Self::Yolov7Pose),
            [_, 57] => Some(Self::Yolov7PoseNms),
            [_, 56, _] => Some(Self::Yolov8Pose),
            [_, _, 56] => Some(Self::MovenetMultipose),
            _ => None,
        }
    }

    fn matches(self, shape: &[i64]) -> bool {
        let spec = self.spec();
        let (rows, columns) = match shape {
            [rows, columns] | [_, rows, columns] => (*rows, *columns),
            _ => return false,
        };
        usize::try_from(if spec.columns { rows } else { columns }) == Ok(spec.values)
    }

    /// The people in a tensor of this layout, in frame pixels, best first.
    ///
    /// Candidates below the score threshold, with a value that is not finite or with an empty box are skipped; then [`nms`]
    /// suppresses duplicates, even if the network has done so.
    ///
    /// # Errors
    /// [`DecodeError::Shape`] if the tensor does not have this layout.
    pub fn decode(
        self,
        tensor: ArrayViewD<'_, f32>,
        letterbox: &Letterbox,
        options: &DecodeOptions,
    ) -> Result<Vec<Detection>, DecodeError> {
        let spec = self.spec();
        let candidates = spec.candidates(tensor)?;
        let mut people: Vec<Option<Detection>> = candidates
            .outer_iter()
            .filter_map(|values| spec.person(values, letterbox, options.score_threshold))
            .map(Some)
            .collect();
        let boxes: Vec<(Rect, f32)> = people.iter().flatten().map(|p| (p.bbox, p.score)).collect();
        let kept = nms(&boxes, options.iou_threshold, options.max_people);
        Ok(kept.into_iter().filter_map(|i| people[i].take()).collect())
    }
}

impl Spec {
    /// The tensor as `[candidates, values]`.
    fn candidates<'a>(&self, tensor: ArrayViewD<'a, f32>) -> Result<ArrayView2<'a, f32>, DecodeError> {
        let got = tensor.shape().to_vec();
        let wrong = || DecodeError::Shape {
            layout: self.name,
            expected: self.expected,
            got: got.clone(),
        };
        let tensor = match got[..] {
            [1, _, _] => tensor.index_axis_move(Axis(0), 0),
            _ => tensor,
        };
        let mut candidates = tensor.into_dimensionality::<Ix2>().map_err(|_| wrong())?;
        if self.columns {
            candidates = candidates.reversed_axes();
        }
        if candidates.ncols() == self.values {
            Ok(candidates)
        } else {
            Err(wrong())
        }
    }

    /// The person that a candidate's values describe, if it is one.
    fn person(&self, values: ArrayView1<'_, f32>, letterbox: &Letterbox, threshold: f32) -> Option<Detection> {
        let score: f32 = self.score.iter().map(|i| values[*i]).product();
        // negated so that NaN is not a person either; the product of two finite scores may be infinite
        if !(score >= threshold && score.is_finite() && values.iter().all(|v| v.is_finite())) {
            return None;
        }
        let (sx, sy) = if self.fractions {
            (letterbox.width, letterbox.height)
        } else {
            (1.0, 1.0)
        };
        let bbox = match self.bbox {
            BoxForm::Center(at) => {
                let [x, y, width, height] = at.map(|i| values[i]);
                Rect::from_center(x, y, width, height)
            }
            BoxForm::Edges(at) => {
                let [left, top, right, bottom] = at.map(|i| values[i]);
                Rect::new(left, top, right, bottom)
            }
        };
        let pose: Pose = std::array::from_fn(|keypoint| {
            let [x, y, confidence] = self.keypoint.map(|i| values[i + 3 * keypoint]);
            KeypointDetection {
                point: letterbox.to_frame(Point::new(x * sx, y * sy)),
                confidence,
            }
        });
        let person = Detection {
            bbox: letterbox.rect_to_frame(bbox.scaled(sx, sy)),
            score,
            pose: Some(pose),
            classes: None,
        };
        person.is_sound().then_some(person)
    }
}

impl FromStr for PoseLayout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::from_name(name).ok_or_else(|| UnknownLayout { name: name.to_owned() })
    }
}

/// A name that is not the name of a pose layout.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("unknown pose layout '{name}'; known layouts: {}", PoseLayout::ALL.map(PoseLayout::name).join(", "))]
pub struct UnknownLayout {
    /// The unknown name.
    pub name: String,
}

/// The outputs of the main branch's `--end2end`: four for TensorRT, or one of
/// batch, left, top, right, bottom, class and score for ONNX Runtime.
fn end_to_end(name: &str, shape: &[i64]) -> bool {
    matches!(name, "num_dets" | "det_boxes" | "det_scores" | "det_classes") || matches!(shape, [_, 7])
}

/// `output [1, 25500, 57], other [1, 3]`.
fn describe(tensors: &[(&str, &[i64])]) -> String {
    if tensors.is_empty() {
        return "no outputs".to_owned();
    }
    let each: Vec<String> = tensors
        .iter()
        .map(|(name, shape)| format!("{name} {shape:?}"))
        .collect();
    each.join(", ")
}
