//! The layouts of pose networks' outputs: their names, and how they are decoded.

mod candidates;
mod recognise;
mod spec;

use std::str::FromStr;

use thiserror::Error;

use super::columns::{Positions, Units};
use super::detection::{DecodeOptions, Detection};
use super::error::DecodeError;
use super::grid::{self, Head};
use super::select::{Scored, select};
use super::tensor::TensorView;
use crate::letterbox::Letterbox;
use candidates::Candidates;
pub(super) use recognise::describe;
use spec::{Spec, TABLE};

/// The meaning of the numbers of a pose network's outputs. Pixels are those of the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoseLayout {
    /// YOLOv7-Pose exported with `--grid`: `[1, N, 57]`, rows of centre x, centre y, width, height, objectness, class score
    /// and 17 × (x, y, confidence), in pixels; the score is objectness times class score. N is three times the number of cells of
    /// the input's grids (25,500 for 640×640).
    Yolov7Pose,
    /// YOLOv7-Pose exported with `--grid --export-nms`: `[N, 57]`, rows of left, top, right, bottom, score, class and the 17
    /// keypoints, in pixels.
    Yolov7PoseNms,
    /// YOLOv7-w6-pose exported without flags: for each of the strides 8, 16, 32 and 64 one `[1, 3, H, W, 57]`, before sigmoids
    /// and anchors.
    Yolov7PoseHeads,
    /// Poses exported for DeepStream-Yolo-Pose: `[1, N, 56]`, rows of centre x, centre y, width, height, score and the 17
    /// keypoints, in pixels.
    DeepstreamPose,
    /// The same in three outputs, as earlier versions of it export them: `boxes` `[1, N, 4]`, `scores` `[1, N, 1]` and `kpts`
    /// `[1, N, 51]`.
    DeepstreamPoseSplit,
    /// Ultralytics' YOLOv8-pose and YOLO11-pose, and YOLO26-pose exported with `end2end=False`: `[1, 56, N]`, columns of centre x,
    /// centre y, width, height, score and the 17 keypoints, in pixels.
    Yolov8Pose,
    /// Ultralytics' YOLO26-pose, and others exported with `nms=True`: `[1, 300, 57]`, rows of left, top, right, bottom, score,
    /// class and the 17 keypoints, in pixels.
    Yolo26Pose,
    /// RTMO exported by MMDeploy: `dets` `[1, N, 5]`, rows of left, top, right, bottom and score, and `keypoints`
    /// `[1, N, 17, 3]`, in pixels.
    Rtmo,
    /// RF-DETR's keypoint models: `dets` `[1, N, 4]`, rows of centre x, centre y, width and height, `labels` `[1, N, classes]`,
    /// logits, and `keypoints` `[1, N, 17 × classes, values]`, each x, y, a logit, and values that are not used; in fractions of
    /// the input. The last class that has keypoints is a person.
    RfdetrPose,
    /// DETRPose with its postprocessor: `scores` `[1, N]` and `keypoints` `[1, N, 17, 2]`, in pixels. Keypoints have the score of
    /// their person, and boxes are the bounds of keypoints.
    Detrpose,
    /// MoveNet MultiPose as published: `[1, 6, 56]`, rows of 17 × (y, x, confidence), top, left, bottom, right and score, in
    /// fractions of the input.
    MovenetMultipose,
    /// MoveNet SinglePose as published: `[1, 1, 17, 3]`, 17 × (y, x, confidence) in fractions of the input. The score is the mean
    /// confidence, and the box is the bounds of the keypoints.
    MovenetSinglepose,
}

impl PoseLayout {
    /// Every layout.
    pub const ALL: [Self; 12] = [
        Self::Yolov7Pose,
        Self::Yolov7PoseNms,
        Self::Yolov7PoseHeads,
        Self::DeepstreamPose,
        Self::DeepstreamPoseSplit,
        Self::Yolov8Pose,
        Self::Yolo26Pose,
        Self::Rtmo,
        Self::RfdetrPose,
        Self::Detrpose,
        Self::MovenetMultipose,
        Self::MovenetSinglepose,
    ];

    fn spec(self) -> &'static Spec {
        &TABLE[self as usize]
    }

    /// The name in properties and model contracts, e.g. `yolov7-pose`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The shapes of the outputs in words, e.g. `[1, N, 57]`.
    pub fn shapes(self) -> &'static str {
        self.spec().expected
    }

    /// The layout of that [name](Self::name); parse the name ([`FromStr`]) for an error that lists the names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name() == name)
    }

    /// The people in outputs of this layout, in frame pixels, best first; other outputs are ignored.
    ///
    /// Candidates below the score threshold, with a value that is not finite or with an empty box are skipped; of the others, the
    /// best [`MAX_CANDIDATES`](super::MAX_CANDIDATES) are compared, and duplicates suppressed, even if the network has done so.
    /// There are at most [`MAX_PEOPLE`](super::MAX_PEOPLE).
    ///
    /// # Errors
    /// [`DecodeError::Missing`] or [`DecodeError::Shape`] if no outputs have this layout, [`DecodeError::Datatype`] or
    /// [`DecodeError::Bytes`] if they cannot be read, [`DecodeError::InputSize`] if the layout needs the size of the input and the
    /// letterbox has none.
    pub fn decode(
        self,
        outputs: &[TensorView<'_>],
        letterbox: &Letterbox,
        options: &DecodeOptions,
    ) -> Result<Vec<Detection>, DecodeError> {
        let sources = self.sources(outputs, letterbox)?;
        let mut passing = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            source.passing(index, options.score_threshold, &mut passing);
        }
        let source = |candidate: &Scored| &sources[candidate.source as usize];
        Ok(select(
            passing,
            options,
            letterbox,
            |candidate| source(candidate).rect(candidate.row as usize),
            |candidate, bbox| {
                let person = Detection {
                    bbox,
                    score: candidate.score,
                    pose: Some(source(candidate).pose(candidate.row as usize, candidate.score, letterbox)),
                    classes: None,
                };
                person.is_sound().then_some(person)
            },
        ))
    }

    /// The outputs that have the candidates: one source, or one for each head.
    fn sources<'a>(
        self,
        outputs: &[TensorView<'a>],
        letterbox: &Letterbox,
    ) -> Result<Vec<Candidates<'a>>, DecodeError> {
        let spec = self.spec();
        let shapes: Vec<(&str, &[i64])> = outputs.iter().map(|output| (output.name, output.shape)).collect();
        let input = || {
            letterbox
                .input_size()
                .ok_or(DecodeError::InputSize { layout: spec.name })
        };
        let positions = match spec.units {
            Units::Pixels => Positions::Pixels,
            Units::Fractions => {
                input()?;
                Positions::Fractions(letterbox.width, letterbox.height)
            }
            Units::Cells => {
                let heads = self.heads(&shapes, input()?)?.into_iter();
                let read =
                    |(index, head): (usize, Head)| Candidates::read(spec, &[&outputs[index]], Positions::Head(head));
                return heads.map(read).collect();
            }
        };
        let parts: Vec<&TensorView<'a>> = self.find(&shapes)?.into_iter().map(|index| &outputs[index]).collect();
        Ok(vec![Candidates::read(spec, &parts, positions)?])
    }

    /// The outputs that are raw heads, by index.
    fn heads(self, shapes: &[(&str, &[i64])], input: grid::InputSize) -> Result<Vec<(usize, Head)>, DecodeError> {
        let heads: Vec<(usize, Head)> = self
            .find(shapes)?
            .into_iter()
            .filter_map(|index| match shapes[index].1 {
                [_, _, rows, columns, _] => {
                    let side = |dim: i64| usize::try_from(dim).ok();
                    Some((index, Head::new(input, side(*rows)?, side(*columns)?)?))
                }
                _ => None,
            })
            .collect();
        // Anchors are known of this network alone.
        if heads.len() == grid::YOLOV7_POSE_ANCHORS.len() {
            Ok(heads)
        } else {
            Err(DecodeError::Heads {
                width: input.0,
                height: input.1,
                got: describe(shapes),
            })
        }
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
