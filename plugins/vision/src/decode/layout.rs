//! The layouts that pose networks answer in, and how to tell them apart.

use super::{DecodeError, POSE_VALUES};

/// What the numbers of a pose tensor mean. Pixels are the network's input's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoseLayout {
    /// YOLOv7-Pose exported with `--grid`: rows of centre x, centre y, width, height, objectness, class score, and
    /// 17 × (x, y, confidence) in pixels; the score is objectness times class score.
    Yolov7Pose,
    /// YOLOv7-Pose exported with `--grid --export-nms`: rows of left, top, right, bottom, score, class, and the 17
    /// keypoints.
    Yolov7PoseNms,
    /// Ultralytics' YOLOv8-pose and YOLO11-pose: columns of centre x, centre y, width, height, score and the 17
    /// keypoints.
    Yolov8Pose,
    /// MoveNet MultiPose as published: rows of 17 × (y, x, confidence), top, left, bottom, right and score, all
    /// of it in fractions of the input.
    MovenetMultipose,
}

impl PoseLayout {
    /// Every layout.
    pub const ALL: [Self; 4] = [
        Self::Yolov7Pose,
        Self::Yolov7PoseNms,
        Self::Yolov8Pose,
        Self::MovenetMultipose,
    ];

    /// The name that properties and model contracts spell, e.g. `yolov7-pose`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yolov7Pose => "yolov7-pose",
            Self::Yolov7PoseNms => "yolov7-pose-nms",
            Self::Yolov8Pose => "yolov8-pose",
            Self::MovenetMultipose => "movenet-multipose",
        }
    }

    /// The layout of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name() == name)
    }

    /// Tells which output is the poses, by its index, and in which layout: by name, rank and the dimension that
    /// counts a candidate's values. -1 is a dimension that is not known yet.
    ///
    /// Other outputs, such as the raw heads beside the gridded one, are ignored.
    ///
    /// # Errors
    /// [`DecodeError::RawHeads`] and [`DecodeError::EndToEnd`] for exports of YOLOv7-Pose that cannot be used,
    /// [`DecodeError::NoPose`] for anything else that is not known.
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
                DecodeError::NoPose { got }
            }
        })
    }

    /// The index of the output that has this layout, for when the layout is given.
    ///
    /// # Errors
    /// [`DecodeError::Missing`] when none has.
    pub fn find(self, tensors: &[(&str, &[i64])]) -> Result<usize, DecodeError> {
        let found = tensors.iter().position(|(_, shape)| self.fits(shape));
        found.ok_or_else(|| DecodeError::Missing {
            layout: self.name(),
            expected: self.expected(),
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

    fn fits(self, shape: &[i64]) -> bool {
        let columns = match (self, shape) {
            (Self::Yolov8Pose, [columns, _] | [_, columns, _]) => *columns,
            (_, [_, columns] | [_, _, columns]) => *columns,
            _ => return false,
        };
        usize::try_from(columns) == Ok(self.columns())
    }

    /// How many values a candidate has.
    pub(super) const fn columns(self) -> usize {
        match self {
            Self::Yolov7Pose | Self::Yolov7PoseNms => 6 + POSE_VALUES,
            Self::Yolov8Pose | Self::MovenetMultipose => 5 + POSE_VALUES,
        }
    }

    /// The shape in words.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Yolov7Pose => "[1, N, 57]",
            Self::Yolov7PoseNms => "[N, 57]",
            Self::Yolov8Pose => "[1, 56, N]",
            Self::MovenetMultipose => "[1, N, 56]",
        }
    }
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
