//! Class scores to probabilities.

use ndarray::{ArrayViewD, Ix2};

use super::error::DecodeError;

/// The probabilities of logits: `exp(x - max) / Σ exp(x - max)`; they sum to 1 if the logits are finite.
pub fn softmax(logits: impl IntoIterator<Item = f32>) -> Vec<f32> {
    let mut values: Vec<f32> = logits.into_iter().collect();
    // the largest exponent is 0, so that nothing overflows
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter_mut().for_each(|v| *v = (*v - max).exp());
    let sum: f32 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= sum);
    values
}

/// The class probabilities of each entry of a batch of logits `[batch, classes]`; `None` for an entry with a value that is not
/// finite.
///
/// # Errors
/// [`DecodeError::Classes`] if the tensor is not `[batch, classes]`, or `classes` is 0.
pub fn class_probabilities(logits: ArrayViewD<'_, f32>, classes: usize) -> Result<Vec<Option<Vec<f32>>>, DecodeError> {
    let wrong = DecodeError::Classes {
        labels: classes,
        got: logits.shape().to_vec(),
    };
    let entries = match logits.into_dimensionality::<Ix2>() {
        Ok(entries) if entries.ncols() == classes && classes > 0 => entries,
        _ => return Err(wrong),
    };
    let probabilities = entries.outer_iter().map(|logits| {
        let finite = logits.iter().all(|v| v.is_finite());
        finite.then(|| softmax(logits.iter().copied()))
    });
    Ok(probabilities.collect())
}
