//! Which model outputs of a frame are poses; the others are for other elements.

use vision::ModelOutput;
use vision::decode::{DecodeError, PoseLayout};

/// Whether the outputs are a pose model's: by the model's contract, or by the shapes of `layout`, `None`: of any layout.
///
/// # Errors
/// Why they are not.
pub fn check_pose(output: &ModelOutput, layout: Option<PoseLayout>) -> Result<(), DecodeError> {
    if output.layout.is_some() {
        return Ok(());
    }
    let shapes = output.shapes();
    let found = match layout {
        Some(layout) => layout.find(&shapes).map(drop),
        None => PoseLayout::detect(&shapes, output.letterbox.input_size()).map(drop),
    };
    match found {
        // A pose that cannot be decoded: the decoder reports it.
        Err(DecodeError::Ambiguous { .. }) => Ok(()),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use vision::OutputTensor;

    use super::*;

    #[test]
    fn poses_are_recognised_by_contract_or_shape() {
        use PoseLayout::{MovenetMultipose, Yolo26Pose, Yolov7Pose, Yolov8Pose};
        for (shapes, contract, layout, expected) in [
            (&[("a", &[1, 3, 57][..])][..], None, None, true),
            (&[("a", &[3, 57])], None, None, true),
            (&[("a", &[1, 56, 8400])], None, None, true),
            (&[("a", &[1, 6, 56])], None, None, true),
            (&[("a", &[1, 3, 80, 80, 57])], None, None, true),
            (&[("a", &[1, 300, 57])], None, None, true), // one of two layouts: a pose, and an error
            (&[("a", &[1, 300, 57])], None, Some(Yolo26Pose), true),
            (
                &[("dets", &[1, 50, 5]), ("keypoints", &[1, 50, 17, 3])],
                None,
                None,
                true,
            ),
            (&[("other", &[1, 7, 7]), ("pose", &[1, 6, 56])], None, None, true),
            (&[("a", &[1, 1000])], None, None, false),     // a classifier
            (&[("a", &[1, 7])], None, None, false),        // one of seven classes
            (&[("a", &[1, 84, 8400])], None, None, false), // a detector
            (&[("num_dets", &[1, 1]), ("det_boxes", &[1, 100, 4])], None, None, false),
            (&[("a", &[1, 512])], None, None, false), // an embedding
            (&[], None, None, false),
            // what the contract or the property states, whatever the shapes
            (&[("a", &[1, 1000])], Some(Yolov8Pose), None, true),
            (&[("a", &[1, 1000])], Some(Yolov8Pose), Some(Yolov7Pose), true),
            (&[("a", &[1, 1000])], None, Some(Yolov7Pose), false),
            (&[("a", &[1, 6, 56])], None, Some(Yolov7Pose), false),
            (&[("a", &[1, 6, 56])], None, Some(MovenetMultipose), true),
        ] {
            let tensor = |(name, shape): &(&str, &[i64])| OutputTensor {
                name: (*name).into(),
                datatype: "FP32",
                shape: shape.to_vec(),
                data: Default::default(),
            };
            let output = ModelOutput {
                layout: contract,
                tensors: shapes.iter().map(tensor).collect(),
                ..ModelOutput::default()
            };
            let is_pose = check_pose(&output, layout).is_ok();
            assert_eq!(
                is_pose, expected,
                "{shapes:?}, contract {contract:?}, property {layout:?}"
            );
        }
    }
}
