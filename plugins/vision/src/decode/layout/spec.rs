//! The table of pose layouts: which tensors they have and where in them boxes, scores and keypoints are.

use super::PoseLayout;
use crate::decode::columns::{BoxForm, Column, Part, Row, Units, column};
use crate::skeleton::Keypoint;

/// One layout's entry in [`TABLE`].
pub(super) struct Spec {
    pub name: &'static str,
    /// The shapes in words.
    pub expected: &'static str,
    /// The tensors. [`Column`]s refer to them by their place here.
    pub parts: &'static [Part],
    pub units: Units,
    pub bbox: BoxForm,
    pub score: Score,
    pub keypoints: Keypoints,
}

/// How the score of a candidate is computed.
pub(super) enum Score {
    /// The product of values.
    Product(&'static [Column]),
    /// The product of the sigmoids of values.
    Logits(&'static [Column]),
    /// The mean confidence of the keypoints.
    Keypoints,
}

/// Where keypoints are: each is [`Part::keypoint_step`] values after the one before.
pub(super) struct Keypoints {
    pub tensor: usize,
    /// Columns of the first keypoint's x and y.
    pub x: usize,
    pub y: usize,
    pub confidence: Confidence,
}

/// The confidence of the first keypoint.
pub(super) enum Confidence {
    /// This column.
    Value(usize),
    /// The sigmoid of this column.
    Logit(usize),
    /// The score of the candidate: the network has none for keypoints.
    Score,
}

/// Number of values of a pose: x, y and confidence of each keypoint.
const POSE: usize = 3 * Keypoint::COUNT;

/// A tensor of rows that have everything: some values, then a pose.
const fn whole(name: Option<&'static str>, columns: &'static [i64]) -> Part {
    Part {
        name,
        row: Row::Of(columns),
    }
}

const fn named(name: &'static str, columns: &'static [i64]) -> Part {
    Part {
        name: Some(name),
        row: Row::Of(columns),
    }
}

/// Keypoints of x, y and confidence from a column on.
const fn pose(tensor: usize, first: usize) -> Keypoints {
    Keypoints {
        tensor,
        x: first,
        y: first + 1,
        confidence: Confidence::Value(first + 2),
    }
}

const fn four(tensor: usize, [a, b, c, d]: [usize; 4]) -> [Column; 4] {
    [
        column(tensor, a),
        column(tensor, b),
        column(tensor, c),
        column(tensor, d),
    ]
}

const YOLOV7: i64 = 6 + POSE as i64;
const YOLOV8: i64 = 5 + POSE as i64;

/// The layouts, in the order of [`PoseLayout::ALL`].
pub(super) static TABLE: [Spec; PoseLayout::ALL.len()] = [
    Spec {
        name: "yolov7-pose",
        expected: "[1, N, 57]",
        parts: &[whole(None, &[YOLOV7])],
        units: Units::Pixels,
        bbox: BoxForm::Center(four(0, [0, 1, 2, 3])),
        score: Score::Product(&[column(0, 4), column(0, 5)]),
        keypoints: pose(0, 6),
    },
    Spec {
        name: "yolov7-pose-nms",
        expected: "[N, 57]",
        parts: &[whole(None, &[YOLOV7])],
        units: Units::Pixels,
        bbox: BoxForm::Edges(four(0, [0, 1, 2, 3])),
        score: Score::Product(&[column(0, 4)]),
        keypoints: pose(0, 6),
    },
    Spec {
        name: "yolov7-pose-heads",
        expected: "four [1, 3, H, W, 57]",
        parts: &[Part {
            name: None,
            row: Row::Head(YOLOV7),
        }],
        units: Units::Cells,
        bbox: BoxForm::Center(four(0, [0, 1, 2, 3])),
        score: Score::Logits(&[column(0, 4), column(0, 5)]),
        keypoints: Keypoints {
            tensor: 0,
            x: 6,
            y: 7,
            confidence: Confidence::Logit(8),
        },
    },
    Spec {
        name: "deepstream-pose",
        expected: "[1, N, 56]",
        parts: &[whole(None, &[YOLOV8])],
        units: Units::Pixels,
        bbox: BoxForm::Center(four(0, [0, 1, 2, 3])),
        score: Score::Product(&[column(0, 4)]),
        keypoints: pose(0, 5),
    },
    Spec {
        name: "deepstream-pose-split",
        expected: "boxes [1, N, 4], scores [1, N, 1], kpts [1, N, 51]",
        parts: &[
            named("boxes", &[4]),
            named("scores", &[1]),
            named("kpts", &[POSE as i64]),
        ],
        units: Units::Pixels,
        bbox: BoxForm::Center(four(0, [0, 1, 2, 3])),
        score: Score::Product(&[column(1, 0)]),
        keypoints: pose(2, 0),
    },
    Spec {
        name: "yolov8-pose",
        expected: "[1, 56, N]",
        parts: &[Part {
            name: None,
            row: Row::Column(YOLOV8),
        }],
        units: Units::Pixels,
        bbox: BoxForm::Center(four(0, [0, 1, 2, 3])),
        score: Score::Product(&[column(0, 4)]),
        keypoints: pose(0, 5),
    },
    Spec {
        name: "yolo26-pose",
        expected: "[1, 300, 57]",
        parts: &[whole(None, &[YOLOV7])],
        units: Units::Pixels,
        bbox: BoxForm::Edges(four(0, [0, 1, 2, 3])),
        score: Score::Product(&[column(0, 4)]),
        keypoints: pose(0, 6),
    },
    Spec {
        name: "rtmo",
        expected: "dets [1, N, 5], keypoints [1, N, 17, 3]",
        parts: &[named("dets", &[5]), named("keypoints", &[Keypoint::COUNT as i64, 3])],
        units: Units::Pixels,
        bbox: BoxForm::Edges(four(0, [0, 1, 2, 3])),
        score: Score::Product(&[column(0, 4)]),
        keypoints: pose(1, 0),
    },
    Spec {
        name: "rfdetr-pose",
        expected: "dets [1, N, 4], labels [1, N, classes], keypoints [1, N, 17 × classes, values]",
        parts: &[
            named("dets", &[4]),
            named("labels", &[-1]),
            Part {
                name: Some("keypoints"),
                row: Row::OfClasses(Keypoint::COUNT as i64),
            },
        ],
        units: Units::Fractions,
        bbox: BoxForm::Center(four(0, [0, 1, 2, 3])),
        score: Score::Logits(&[column(1, 0)]),
        keypoints: Keypoints {
            tensor: 2,
            x: 0,
            y: 1,
            confidence: Confidence::Logit(2),
        },
    },
    Spec {
        name: "detrpose",
        expected: "scores [1, N], keypoints [1, N, 17, 2]",
        parts: &[named("scores", &[]), named("keypoints", &[Keypoint::COUNT as i64, 2])],
        units: Units::Pixels,
        bbox: BoxForm::Keypoints,
        score: Score::Product(&[column(0, 0)]),
        keypoints: Keypoints {
            tensor: 1,
            x: 0,
            y: 1,
            confidence: Confidence::Score,
        },
    },
    Spec {
        name: "movenet-multipose",
        expected: "[1, 6, 56]",
        parts: &[whole(None, &[POSE as i64 + 5])],
        units: Units::Fractions,
        bbox: BoxForm::Edges(four(0, [POSE + 1, POSE, POSE + 3, POSE + 2])),
        score: Score::Product(&[column(0, POSE + 4)]),
        keypoints: Keypoints {
            tensor: 0,
            x: 1,
            y: 0,
            confidence: Confidence::Value(2),
        },
    },
    Spec {
        name: "movenet-singlepose",
        expected: "[1, 1, 17, 3]",
        parts: &[whole(None, &[Keypoint::COUNT as i64, 3])],
        units: Units::Fractions,
        bbox: BoxForm::Keypoints,
        score: Score::Keypoints,
        keypoints: Keypoints {
            tensor: 0,
            x: 1,
            y: 0,
            confidence: Confidence::Value(2),
        },
    },
];
