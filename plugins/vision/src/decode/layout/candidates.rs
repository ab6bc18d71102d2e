//! The candidates in a pose network's outputs: scores, boxes and keypoints by the table of layouts.

use super::spec::{Confidence, Score, Spec};
use crate::decode::DecodeError;
use crate::decode::columns::{Column, Columns, Positions, sigmoid};
use crate::decode::select::Scored;
use crate::decode::tensor::TensorView;
use crate::letterbox::Letterbox;
use crate::skeleton::{Keypoint, KeypointDetection, Pose};
use crate::{Point, Rect};

/// Lowest confidence of the keypoints whose bounds are a person's box, if the network has no boxes: that below which MoveNet's
/// published example does not trust a keypoint (TensorFlow's tutorial, `MIN_CROP_KEYPOINT_SCORE`).
const SURE: f32 = 0.2;

/// Outputs that have candidates.
pub(super) struct Candidates<'a> {
    spec: &'static Spec,
    parts: Vec<Columns<'a>>,
    positions: Positions,
    rows: usize,
}

impl<'a> Candidates<'a> {
    /// The candidates in the outputs of a layout's parts.
    ///
    /// # Errors
    /// [`DecodeError::Shape`], [`DecodeError::Datatype`] or [`DecodeError::Bytes`] if they cannot be read.
    pub fn read(spec: &'static Spec, outputs: &[&TensorView<'a>], positions: Positions) -> Result<Self, DecodeError> {
        let mut parts = Vec::with_capacity(outputs.len());
        for (part, output) in spec.parts.iter().zip(outputs) {
            let columns = part.columns(output)?.ok_or_else(|| wrong(spec, output))?;
            parts.push(columns);
        }
        let rows = parts.first().map_or(0, |part| part.table.rows);
        if let Some(other) = parts.iter().position(|part| part.table.rows != rows) {
            return Err(wrong(spec, outputs[other]));
        }
        // Where several classes have keypoints, the last one is the person.
        let classes = parts[spec.keypoints.tensor].classes;
        if let Score::Logits([score]) = spec.score
            && classes > 1
        {
            let labels = outputs[score.tensor];
            if labels.shape.last().is_none_or(|labels| *labels < classes as i64) {
                return Err(wrong(spec, labels));
            }
            let table = &mut parts[score.tensor].table;
            *table = table.skip_columns(classes - 1);
        }
        Ok(Self {
            spec,
            parts,
            positions,
            rows,
        })
    }

    /// Appends the candidates whose score is at least the threshold.
    pub fn passing(&self, source: usize, threshold: f32, passing: &mut Vec<Scored>) {
        passing.extend((0..self.rows).filter_map(|row| Scored::passing(self.score(row), threshold, source, row)));
    }

    #[inline]
    fn value(&self, row: usize, column: Column) -> f32 {
        self.parts[column.tensor].table.get(row, column.index)
    }

    fn score(&self, row: usize) -> f32 {
        match self.spec.score {
            Score::Product(columns) => columns.iter().map(|column| self.value(row, *column)).product(),
            Score::Logits(columns) => columns.iter().map(|column| sigmoid(self.value(row, *column))).product(),
            Score::Keypoints => {
                let sum: f32 = (0..Keypoint::COUNT)
                    .map(|keypoint| self.keypoint(row, keypoint, 0.0).1)
                    .sum();
                sum / Keypoint::COUNT as f32
            }
        }
    }

    /// The box of a candidate, in input pixels.
    pub fn rect(&self, row: usize) -> Rect {
        let given = self
            .positions
            .rect(row, &self.spec.bbox, |column| self.value(row, column));
        given.unwrap_or_else(|| self.bounds(row))
    }

    /// The bounds of the keypoints that are sure, or of all if none is.
    fn bounds(&self, row: usize) -> Rect {
        let score = match self.spec.keypoints.confidence {
            Confidence::Score => self.score(row),
            _ => 0.0,
        };
        let keypoints: [(Point, f32); Keypoint::COUNT] = std::array::from_fn(|i| self.keypoint(row, i, score));
        let least = if keypoints.iter().any(|(_, confidence)| *confidence >= SURE) {
            SURE
        } else {
            f32::NEG_INFINITY
        };
        let sure = keypoints.into_iter().filter(|(_, confidence)| *confidence >= least);
        Rect::around(sure.map(|(point, _)| point))
    }

    /// A keypoint in input pixels, and its confidence.
    #[inline]
    fn keypoint(&self, row: usize, index: usize, score: f32) -> (Point, f32) {
        let keypoints = &self.spec.keypoints;
        let part = &self.parts[keypoints.tensor];
        let value = |column| part.table.get(row, column + index * part.keypoint_step);
        let point = self.positions.point(row, value(keypoints.x), value(keypoints.y));
        let confidence = match keypoints.confidence {
            Confidence::Value(column) => value(column),
            Confidence::Logit(column) => sigmoid(value(column)),
            Confidence::Score => score,
        };
        (point, confidence)
    }

    /// The keypoints of a candidate with that score, in frame pixels.
    pub fn pose(&self, row: usize, score: f32, letterbox: &Letterbox) -> Pose {
        std::array::from_fn(|index| {
            let (point, confidence) = self.keypoint(row, index, score);
            KeypointDetection {
                point: letterbox.to_frame(point),
                confidence,
            }
        })
    }
}

fn wrong(spec: &Spec, output: &TensorView<'_>) -> DecodeError {
    DecodeError::Shape {
        layout: spec.name,
        expected: spec.expected,
        name: output.name.to_owned(),
        got: output.shape.to_vec(),
    }
}
