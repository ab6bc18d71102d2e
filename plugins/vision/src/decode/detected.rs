//! The outputs of an object detector, and of a network that finds the keypoints of one person.

use ndarray::{ArrayView2, ArrayViewD, Axis, Ix2};

use super::detection::{DecodeOptions, Detection};
use super::error::DecodeError;
use crate::letterbox::Letterbox;
use crate::nms::nms;
use crate::skeleton::{Keypoint, KeypointDetection, Pose};
use crate::{Point, Rect};

/// The class of people: the first one of COCO.
const PERSON: f32 = 0.0;

/// The people in the output of an object detector, in frame pixels, best first, without keypoints.
///
/// The tensor is `[1, N, 6]` or `[N, 6]`: rows of left, top, right and bottom in pixels of the model's input, score and class,
/// as detectors have it that are exported with their non-maximum suppression. People are class 0. Rows with a value that is not
/// finite or with an empty box are skipped.
///
/// # Errors
/// [`DecodeError::Shape`] if the tensor has another shape.
pub fn boxes(
    tensor: ArrayViewD<'_, f32>,
    letterbox: &Letterbox,
    options: &DecodeOptions,
) -> Result<Vec<Detection>, DecodeError> {
    let rows = rows(tensor, "boxes", "[1, N, 6] or [N, 6]", |shape| matches!(shape, [_, 6]))?;
    let people: Vec<Detection> = rows
        .outer_iter()
        .filter(|row| row[4] >= options.score_threshold && row[5] == PERSON)
        .map(|row| Detection {
            bbox: letterbox.rect_to_frame(Rect::new(row[0], row[1], row[2], row[3])),
            score: row[4],
            ..Detection::default()
        })
        .filter(Detection::is_sound)
        .collect();
    let ranked: Vec<_> = people.iter().map(|person| (person.bbox, person.score)).collect();
    let kept = nms(&ranked, options.iou_threshold, options.max_people);
    Ok(kept.into_iter().map(|index| people[index].clone()).collect())
}

/// The pose of the person in a crop, in frame pixels; `None` if a value is not finite.
///
/// The tensor is `[1, 17, 3]` or `[17, 3]`: x and y in pixels of the model's input, and confidence, of COCO's keypoints.
///
/// # Errors
/// [`DecodeError::Shape`] if the tensor has another shape.
pub fn keypoints(tensor: ArrayViewD<'_, f32>, letterbox: &Letterbox) -> Result<Option<Pose>, DecodeError> {
    let rows = rows(tensor, "keypoints", "[1, 17, 3] or [17, 3]", |shape| {
        shape == [Keypoint::COUNT, 3]
    })?;
    let pose: Pose = std::array::from_fn(|joint| KeypointDetection {
        point: letterbox.to_frame(Point::new(rows[[joint, 0]], rows[[joint, 1]])),
        confidence: rows[[joint, 2]],
    });
    let is_finite = |keypoint: &KeypointDetection| {
        keypoint.point.x.is_finite() && keypoint.point.y.is_finite() && keypoint.confidence.is_finite()
    };
    Ok(pose.iter().all(is_finite).then_some(pose))
}

/// The rows of a tensor, without the batch dimension of 1 that it may have.
fn rows<'a>(
    tensor: ArrayViewD<'a, f32>,
    layout: &'static str,
    expected: &'static str,
    is_expected: impl Fn(&[usize]) -> bool,
) -> Result<ArrayView2<'a, f32>, DecodeError> {
    let got = tensor.shape().to_vec();
    let rows = match *got {
        [1, _, _] => tensor.index_axis_move(Axis(0), 0),
        _ => tensor,
    };
    let rows = rows.into_dimensionality::<Ix2>().ok();
    rows.filter(|rows| is_expected(rows.shape()))
        .ok_or(DecodeError::Shape { layout, expected, got })
}
