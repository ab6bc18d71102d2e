//! Keypoints of one person.

use vision::decode::{DecodeError, TensorView, keypoints};
use vision::letterbox::Letterbox;
use vision::{Keypoint, Point, Pose};

/// Half the size of the frame, 10 to the right.
const LETTERBOX: Letterbox = Letterbox {
    transposed: false,
    scale_x: 0.5,
    scale_y: 0.5,
    offset_x: 10.0,
    offset_y: 0.0,
    width: 640.0,
    height: 480.0,
};

fn decode(shape: &[i64], values: &[f32]) -> Result<Option<Pose>, DecodeError> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let output = TensorView {
        name: "keypoints",
        datatype: "FP32",
        shape,
        data: &data,
    };
    keypoints(&output, &LETTERBOX)
}

#[test]
fn keypoints_are_put_back_into_the_frame() {
    let mut values: Vec<f32> = (0..17).flat_map(|joint| [10.0 + joint as f32, 20.0, 0.5]).collect();
    for shape in [&[1, 17, 3][..], &[17, 3]] {
        let pose = decode(shape, &values).unwrap().unwrap();
        let wrist = pose[Keypoint::LeftWrist as usize];
        assert_eq!((wrist.point, wrist.confidence), (Point::new(18.0, 40.0), 0.5));
    }
    for wrong in [f32::NAN, f32::INFINITY, f32::MAX] {
        values[27] = wrong; // overflows in the frame, where it is finite
        assert_eq!(decode(&[17, 3], &values), Ok(None), "{wrong}");
    }
}

#[test]
fn another_shape_is_named() {
    for shape in [&[1, 17, 2][..], &[2, 17, 3], &[1, 16, 3], &[51]] {
        let values = vec![0.0; shape.iter().product::<i64>() as usize];
        let error = decode(shape, &values).unwrap_err();
        let is_named = matches!(&error, DecodeError::Shape { layout: "keypoints", got, .. } if got == shape);
        assert!(is_named, "{error}");
    }
}
