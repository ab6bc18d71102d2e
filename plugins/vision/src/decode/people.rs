//! The outputs of a model that detects people and classifies their vests at once.

use ndarray::{Array2, ArrayView1};

use super::detection::Detection;
use super::error::DecodeError;
use super::select::MAX_PEOPLE;
use super::tensor::TensorView;
use crate::letterbox::Letterbox;
use crate::skeleton::{Keypoint, KeypointDetection, Pose};
use crate::{Point, Rect};

/// The people in the outputs of a model of the task `people`, in frame pixels and in the model's order.
///
/// The outputs have one row per person, in pixels of the model's input (FP16 is accepted for FP32): `boxes` FP32 `[rows, 4]` (left, top, right, bottom),
/// `scores` FP32 `[rows]`, `keypoints` FP32 `[rows, 17, 3]` (x, y, confidence), `vests` FP32 `[rows, classes]`
/// (probabilities). `count` INT64 `[1]` is the number of people; rows beyond it are ignored. Rows with a value that is not
/// finite or with an empty box are skipped; probabilities that are not finite only leave the person without classes. Of more than
/// [`MAX_PEOPLE`] those with the best scores are kept.
///
/// # Errors
/// [`DecodeError::Output`] if an output is missing or has another shape, [`DecodeError::Bytes`] if its data does not fill its
/// shape, [`DecodeError::Count`] if the count is negative or larger than the number of rows.
pub fn people(
    outputs: &[TensorView<'_>],
    letterbox: &Letterbox,
    classes: usize,
) -> Result<Vec<Detection>, DecodeError> {
    let boxes = rows(outputs, "boxes", &[4])?;
    let scores = rows(outputs, "scores", &[])?;
    let keypoints = rows(outputs, "keypoints", &[Keypoint::COUNT as i64, 3])?;
    let vests = rows(outputs, "vests", &[classes as i64])?;
    let least = [&boxes, &scores, &keypoints, &vests]
        .map(Array2::nrows)
        .into_iter()
        .min();
    let count = count(outputs, least.unwrap_or_default())?;
    let people = (0..count).filter_map(|i| {
        let mut person = person(boxes.row(i), scores[[i, 0]], keypoints.row(i), letterbox)?;
        let probabilities = vests.row(i).to_vec();
        person.classes = probabilities.iter().all(|p| p.is_finite()).then_some(probabilities);
        Some(person)
    });
    Ok(best(people.collect()))
}

/// The people if there are not too many, otherwise the best of them, in the model's order.
fn best(mut people: Vec<Detection>) -> Vec<Detection> {
    if people.len() > MAX_PEOPLE {
        let mut order: Vec<usize> = (0..people.len()).collect();
        // stable: of equal scores the first ones are kept
        order.sort_by(|a, b| people[*b].score.total_cmp(&people[*a].score));
        let mut is_kept = vec![false; people.len()];
        order[..MAX_PEOPLE].iter().for_each(|index| is_kept[*index] = true);
        let mut is_kept = is_kept.into_iter();
        people.retain(|_| is_kept.next().unwrap_or_default());
    }
    people
}

fn person(
    edges: ArrayView1<'_, f32>,
    score: f32,
    keypoints: ArrayView1<'_, f32>,
    letterbox: &Letterbox,
) -> Option<Detection> {
    let bbox = letterbox.rect_to_frame(Rect::new(edges[0], edges[1], edges[2], edges[3]));
    let pose: Pose = std::array::from_fn(|keypoint| {
        let [x, y, confidence] = [0, 1, 2].map(|i| keypoints[3 * keypoint + i]);
        KeypointDetection {
            point: letterbox.to_frame(Point::new(x, y)),
            confidence,
        }
    });
    let person = Detection {
        bbox,
        score,
        pose: Some(pose),
        classes: None,
    };
    person.is_sound().then_some(person)
}

/// An output as `[rows, values]`, if its shape is any number of rows of the shape `row`.
fn rows(outputs: &[TensorView<'_>], name: &'static str, row: &[i64]) -> Result<Array2<f32>, DecodeError> {
    let matches = |output: &&TensorView<'_>| matches!(output.shape, [_, rest @ ..] if rest == row);
    let output = find(outputs, name).filter(matches).ok_or_else(|| {
        let dims: String = row.iter().map(|dim| format!(", {dim}")).collect();
        wrong(outputs, name, format!("FP32 [rows{dims}]"))
    })?;
    let tensor = output.to_array()?;
    let columns = row.iter().product::<i64>() as usize;
    let shape = (tensor.shape()[0], columns);
    tensor
        .into_shape_with_order(shape)
        .map_err(|_| wrong(outputs, name, format!("{shape:?}")))
}

/// The number of rows that are people.
fn count(outputs: &[TensorView<'_>], rows: usize) -> Result<usize, DecodeError> {
    let name = "count";
    let data = find(outputs, name).filter(|output| output.shape == [1]);
    let count = data
        .and_then(|output| output.data.try_into().ok())
        .map(i64::from_le_bytes)
        .ok_or_else(|| wrong(outputs, name, "INT64 [1]".to_owned()))?;
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= rows)
        .ok_or(DecodeError::Count { count, rows })
}

fn find<'a, 'b>(outputs: &'b [TensorView<'a>], name: &str) -> Option<&'b TensorView<'a>> {
    outputs.iter().find(|output| output.name == name)
}

fn wrong(outputs: &[TensorView<'_>], name: &'static str, expected: String) -> DecodeError {
    let got = find(outputs, name).map_or("no such output".to_owned(), |output| {
        format!("{:?} of {} bytes", output.shape, output.data.len())
    });
    DecodeError::Output { name, expected, got }
}
