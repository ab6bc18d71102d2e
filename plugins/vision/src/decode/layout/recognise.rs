//! Which layout outputs have: by their names, their shapes, and the size of the network's input.

use super::PoseLayout;
use super::spec::TABLE;
use crate::decode::columns::{Part, Row};
use crate::decode::error::DecodeError;
use crate::decode::grid::{ANCHORS, InputSize, grids};

impl PoseLayout {
    /// The layout of a model's outputs, given their names and shapes, and the size of the model's input if it is known. Dimensions
    /// that are not known yet are -1.
    ///
    /// Layouts of equal shapes are told apart by the number of candidates: it is that of the input's grid or it is not. Other
    /// outputs, such as the raw heads beside the gridded one, are ignored.
    ///
    /// # Errors
    /// [`DecodeError::Ambiguous`] if the outputs are a pose in one of several layouts, [`DecodeError::EndToEnd`] for an export of
    /// YOLOv7-Pose that cannot be used, [`DecodeError::NoPose`] if nothing is recognised.
    pub fn detect(outputs: &[(&str, &[i64])], input: Option<InputSize>) -> Result<Self, DecodeError> {
        let possible = possible(outputs, input);
        match possible[..] {
            [layout] => Ok(layout),
            [] if outputs.iter().any(|(name, shape)| end_to_end(name, shape)) => {
                Err(DecodeError::EndToEnd { got: describe(outputs) })
            }
            [] => {
                let known = TABLE.each_ref().map(|spec| format!("{} {}", spec.name, spec.expected));
                Err(DecodeError::NoPose {
                    expected: known.join("; "),
                    got: describe(outputs),
                })
            }
            _ => Err(DecodeError::Ambiguous {
                layouts: possible
                    .iter()
                    .map(|layout| layout.name())
                    .collect::<Vec<_>>()
                    .join(" or "),
                input: input.map_or("an input of unknown size".to_owned(), |(width, height)| {
                    format!("an input of {width}×{height}")
                }),
                got: describe(outputs),
            }),
        }
    }

    /// The indices of the outputs that have this layout, in the order of its tensors.
    ///
    /// # Errors
    /// [`DecodeError::Missing`] if there are none.
    pub fn find(self, outputs: &[(&str, &[i64])]) -> Result<Vec<usize>, DecodeError> {
        let spec = self.spec();
        let all = |part: &Part| {
            let matching = outputs.iter().enumerate();
            let matching = matching.filter(|(_, (name, shape))| part.matches(name, shape));
            let found = matching.map(|(index, _)| index);
            match part.row {
                Row::Head(_) => found.collect(),
                _ => found.take(1).collect::<Vec<usize>>(),
            }
        };
        let found: Vec<Vec<usize>> = spec.parts.iter().map(all).collect();
        if found.iter().any(Vec::is_empty) {
            return Err(DecodeError::Missing {
                layout: spec.name,
                expected: spec.expected,
                got: describe(outputs),
            });
        }
        Ok(found.concat())
    }
}

/// The layouts that the outputs may have; those in several outputs, which have names, before the others.
fn possible(outputs: &[(&str, &[i64])], input: Option<InputSize>) -> Vec<PoseLayout> {
    use PoseLayout::{DeepstreamPoseSplit, Detrpose, RfdetrPose, Rtmo, Yolov7PoseHeads};
    let is = |layout: &PoseLayout| layout.find(outputs).is_ok();
    if let Some(layout) = [DeepstreamPoseSplit, RfdetrPose, Rtmo, Detrpose].into_iter().find(is) {
        return vec![layout];
    }
    let one = outputs.iter().map(|(name, shape)| of_one_output(name, shape, input));
    if let Some(layouts) = one.into_iter().find(|layouts| !layouts.is_empty()) {
        return layouts;
    }
    Some(Yolov7PoseHeads).into_iter().filter(is).collect()
}

/// The layouts that an output alone may have.
fn of_one_output(name: &str, shape: &[i64], input: Option<InputSize>) -> Vec<PoseLayout> {
    use PoseLayout::{
        DeepstreamPose, MovenetMultipose, MovenetSinglepose, Yolo26Pose, Yolov7Pose, Yolov7PoseNms, Yolov8Pose,
    };
    // Whether it has as many rows as the input's grids have candidates; `None` if that is not known.
    let is_grid = |rows: i64, anchors: &[usize]| {
        let (rows, input) = (usize::try_from(rows).ok()?, input?);
        Some(anchors.iter().any(|anchors| grids(rows, input, *anchors).is_some()))
    };
    match shape {
        [_, 57] => vec![Yolov7PoseNms],
        [_, _, 57] if name == "detections" => vec![Yolov7PoseNms],
        [_, rows, 57] => match is_grid(*rows, &[ANCHORS]) {
            Some(true) => vec![Yolov7Pose],
            // the name of all of Ultralytics' exports
            Some(false) if name == "output0" => vec![Yolo26Pose],
            _ => vec![Yolov7Pose, Yolo26Pose],
        },
        [_, 56, 56] => vec![Yolov8Pose, DeepstreamPose],
        [_, 56, _] => vec![Yolov8Pose],
        [_, MOVENET_PEOPLE, 56] => vec![MovenetMultipose],
        [_, rows, 56] => match is_grid(*rows, &[ANCHORS, 1]) {
            Some(true) => vec![DeepstreamPose],
            _ => vec![DeepstreamPose, MovenetMultipose],
        },
        [_, 1, 17, 3] | [-1 | 1, 17, 3] => vec![MovenetSinglepose],
        _ => Vec::new(),
    }
}

/// Number of people that MoveNet MultiPose reports.
const MOVENET_PEOPLE: i64 = 6;

/// The outputs of the main branch's `--end2end`: four for TensorRT, or one of
/// batch, left, top, right, bottom, class and score for ONNX Runtime.
fn end_to_end(name: &str, shape: &[i64]) -> bool {
    matches!(name, "num_dets" | "det_boxes" | "det_scores" | "det_classes") || matches!(shape, [_, 7])
}

/// `output [1, 25500, 57], other [1, 3]`.
pub(in crate::decode) fn describe(outputs: &[(&str, &[i64])]) -> String {
    if outputs.is_empty() {
        return "no outputs".to_owned();
    }
    let each: Vec<String> = outputs
        .iter()
        .map(|(name, shape)| format!("{name} {shape:?}"))
        .collect();
    each.join(", ")
}
