//! The output of a network that finds the keypoints of one person.

use ndarray::{Axis, Ix2};

use super::error::DecodeError;
use super::tensor::TensorView;
use crate::Point;
use crate::letterbox::Letterbox;
use crate::skeleton::{Keypoint, KeypointDetection, Pose};

/// The pose of the person in a crop, in frame pixels; `None` if a value is not finite.
///
/// The tensor is `[1, 17, 3]` or `[17, 3]`: x and y in pixels of the model's input, and confidence, of COCO's keypoints.
///
/// # Errors
/// [`DecodeError::Shape`] if the tensor has another shape; [`DecodeError::Datatype`] or [`DecodeError::Bytes`] if it cannot be
/// read.
pub fn keypoints(output: &TensorView<'_>, letterbox: &Letterbox) -> Result<Option<Pose>, DecodeError> {
    let values = output.to_array()?;
    let values = match values.shape() {
        [1, _, _] => values.index_axis_move(Axis(0), 0),
        _ => values,
    };
    let rows = values.into_dimensionality::<Ix2>().ok();
    let rows = rows
        .filter(|rows| rows.shape() == [Keypoint::COUNT, 3])
        .ok_or_else(|| DecodeError::Shape {
            layout: "keypoints",
            expected: "[1, 17, 3] or [17, 3]",
            name: output.name.to_owned(),
            got: output.shape.to_vec(),
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
