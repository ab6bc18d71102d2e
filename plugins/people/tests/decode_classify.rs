//! Class scores become probabilities.

use std::sync::Arc;

use ndarray::{ArrayD, IxDyn, arr2};
use people::VestName;
use people::decode::{DecodeError, softmax, vest_scores};

#[test]
fn softmax_sums_to_one() {
    assert_eq!(softmax([0.0, 0.0]), [0.5, 0.5]);
    assert_eq!(softmax([1000.0, 1000.0, f32::MIN]), [0.5, 0.5, 0.0]);
    assert_eq!(softmax([]), [0.0; 0]);
    let (e, got) = (std::f32::consts::E, softmax([1.0, 0.0]));
    assert!((got[0] - e / (1.0 + e)).abs() < 1e-6, "{got:?}");
}

#[test]
fn a_row_of_class_scores_a_person() {
    let labels: Arc<[VestName]> = ["none", "red", "blue"].map(VestName::from).into();
    let logits = arr2(&[[0.0, 0.0, 50.0], [f32::NAN, 0.0, 0.0], [9.0, 0.0, 0.0]]).into_dyn();
    let got = vest_scores(logits.view(), &labels).unwrap();
    let best: Vec<_> = got
        .iter()
        .map(|s| s.as_ref().and_then(|s| Some(s.best()?.0.as_ref())))
        .collect();
    assert_eq!(best, [Some("blue"), None, Some("none")]);
    let nobody = ArrayD::zeros(IxDyn(&[0, 3]));
    assert_eq!(vest_scores(nobody.view(), &labels).unwrap(), []);
    for shape in [&[3][..], &[2, 4], &[1, 2, 3]] {
        let error = vest_scores(ArrayD::zeros(IxDyn(shape)).view(), &labels).unwrap_err();
        assert_eq!(
            error,
            DecodeError::Classes {
                labels: 3,
                got: shape.to_vec()
            }
        );
    }
}
