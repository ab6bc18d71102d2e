//! Class scores to probabilities.

use ndarray::{ArrayD, IxDyn, arr2};
use vision::decode::{DecodeError, class_probabilities, softmax};

#[test]
fn softmax_sums_to_one() {
    assert_eq!(softmax([0.0, 0.0]), [0.5, 0.5]);
    assert_eq!(softmax([1000.0, 1000.0, f32::MIN]), [0.5, 0.5, 0.0]);
    assert_eq!(softmax([]), [0.0; 0]);
    let (e, got) = (std::f32::consts::E, softmax([1.0, 0.0]));
    assert!((got[0] - e / (1.0 + e)).abs() < 1e-6, "{got:?}");
}

#[test]
fn each_row_of_logits_is_a_persons_probabilities() {
    let logits = arr2(&[[0.0, 0.0, 50.0], [f32::NAN, 0.0, 0.0], [9.0, 0.0, 0.0]]).into_dyn();
    let got = class_probabilities(logits.view(), 3).unwrap();
    let likely: Vec<_> = got
        .iter()
        .map(|p| p.as_ref().and_then(|p| p.iter().position(|p| *p > 0.5)))
        .collect();
    assert_eq!(likely, [Some(2), None, Some(0)]);
    let nobody = ArrayD::zeros(IxDyn(&[0, 3]));
    assert_eq!(class_probabilities(nobody.view(), 3).unwrap(), []);
    for shape in [&[3][..], &[2, 4], &[1, 2, 3]] {
        let error = class_probabilities(ArrayD::zeros(IxDyn(shape)).view(), 3).unwrap_err();
        assert_eq!(
            error,
            DecodeError::Classes {
                labels: 3,
                got: shape.to_vec()
            }
        );
    }
}
