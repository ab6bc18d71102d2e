//! Outputs of object detectors, and keypoints of one person.

use ndarray::{ArrayD, IxDyn};
use vision::decode::{DecodeError, DecodeOptions, boxes, keypoints};
use vision::letterbox::Letterbox;
use vision::{Keypoint, Point, Rect};

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

fn tensor(shape: &[usize], values: &[f32]) -> ArrayD<f32> {
    ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap()
}

#[test]
fn rows_of_the_class_person_above_the_threshold_are_people() {
    let rows: [([f32; 6], bool); 8] = [
        ([110.0, 50.0, 130.0, 100.0, 0.6, 0.0], true),
        ([210.0, 50.0, 230.0, 100.0, 0.9, 0.0], true),
        ([110.0, 150.0, 130.0, 200.0, 0.59, 0.0], false),
        ([110.0, 250.0, 130.0, 300.0, 0.9, 2.0], false), // a car
        ([111.0, 50.0, 131.0, 100.0, 0.6, 0.0], false),  // the first one again
        ([130.0, 350.0, 110.0, 400.0, 0.9, 0.0], false),
        ([f32::NAN, 50.0, 330.0, 100.0, 0.9, 0.0], false),
        ([310.0, 50.0, f32::INFINITY, 100.0, 0.9, 0.0], false),
    ];
    let values: Vec<f32> = rows.iter().flat_map(|(row, _)| *row).collect();
    let options = DecodeOptions {
        score_threshold: 0.6,
        ..DecodeOptions::default()
    };
    for shape in [&[1, 8, 6][..], &[8, 6]] {
        let people = boxes(tensor(shape, &values).view(), &LETTERBOX, &options).unwrap();
        let found: Vec<_> = people.iter().map(|person| (person.bbox, person.score)).collect();
        let expected = [
            (Rect::new(400.0, 100.0, 440.0, 200.0), 0.9),
            (Rect::new(200.0, 100.0, 240.0, 200.0), 0.6),
        ];
        assert_eq!(found, expected);
        assert!(people.iter().all(|person| person.pose.is_none()));
    }
    let one = DecodeOptions {
        max_people: 1,
        ..options
    };
    let best = boxes(tensor(&[8, 6], &values).view(), &LETTERBOX, &one).unwrap();
    assert_eq!(best[0].score, 0.9);
    assert_eq!(best.len(), 1);
}

#[test]
fn nobody_is_no_row_or_a_row_of_zeros() {
    let options = DecodeOptions {
        score_threshold: 0.0,
        ..DecodeOptions::default()
    };
    for shape in [&[1, 0, 6][..], &[0, 6], &[1, 1, 6]] {
        let people = boxes(ArrayD::zeros(IxDyn(shape)).view(), &LETTERBOX, &options).unwrap();
        assert_eq!(people, [], "{shape:?}");
    }
}

#[test]
fn keypoints_are_put_back_into_the_frame() {
    let mut values: Vec<f32> = (0..17).flat_map(|joint| [10.0 + joint as f32, 20.0, 0.5]).collect();
    for shape in [&[1, 17, 3][..], &[17, 3]] {
        let pose = keypoints(tensor(shape, &values).view(), &LETTERBOX).unwrap().unwrap();
        let wrist = pose[Keypoint::LeftWrist as usize];
        assert_eq!((wrist.point, wrist.confidence), (Point::new(18.0, 40.0), 0.5));
    }
    for wrong in [f32::NAN, f32::INFINITY, f32::MAX] {
        values[27] = wrong; // overflows in the frame, where it is finite
        let pose = keypoints(tensor(&[17, 3], &values).view(), &LETTERBOX).unwrap();
        assert_eq!(pose, None, "{wrong}");
    }
}

#[test]
fn another_shape_is_named() {
    for shape in [&[1, 8, 7][..], &[2, 8, 6], &[6], &[1, 1, 8, 6]] {
        let error = boxes(
            ArrayD::zeros(IxDyn(shape)).view(),
            &LETTERBOX,
            &DecodeOptions::default(),
        )
        .unwrap_err();
        let expected = DecodeError::Shape {
            layout: "boxes",
            expected: "[1, N, 6] or [N, 6]",
            got: shape.to_vec(),
        };
        assert_eq!(error, expected);
    }
    for shape in [&[1, 17, 2][..], &[2, 17, 3], &[1, 16, 3], &[51]] {
        let error = keypoints(ArrayD::zeros(IxDyn(shape)).view(), &LETTERBOX).unwrap_err();
        assert!(
            matches!(
                error,
                DecodeError::Shape {
                    layout: "keypoints",
                    ..
                }
            ),
            "{error}"
        );
    }
}
