//! Class scores become probabilities.

use std::sync::Arc;

use ndarray::{ArrayViewD, Ix2};

use super::DecodeError;
use crate::{VestName, VestScores};

/// The probabilities of a row of logits: `exp(x - max) / Σ exp(x - max)`; they sum to 1 for finite logits.
pub fn softmax(logits: impl IntoIterator<Item = f32>) -> Vec<f32> {
    let mut values: Vec<f32> = logits.into_iter().collect();
    // the largest exponent is 0, so that nothing overflows
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter_mut().for_each(|v| *v = (*v - max).exp());
    let sum: f32 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= sum);
    values
}

/// The vests of the people that a batch asked about, a row of logits each; `None` where the network's answer is
/// not made of finite numbers.
///
/// # Errors
/// [`DecodeError::Classes`] when the tensor is not `[people, labels]`.
pub fn vest_scores(
    logits: ArrayViewD<'_, f32>,
    labels: &Arc<[VestName]>,
) -> Result<Vec<Option<VestScores>>, DecodeError> {
    let wrong = DecodeError::Classes {
        labels: labels.len(),
        got: logits.shape().to_vec(),
    };
    let rows = match logits.into_dimensionality::<Ix2>() {
        Ok(rows) if rows.ncols() == labels.len() && !labels.is_empty() => rows,
        _ => return Err(wrong),
    };
    let scores = rows.outer_iter().map(|row| {
        let finite = row.iter().all(|v| v.is_finite());
        let scores = |row| VestScores {
            labels: Arc::clone(labels),
            probabilities: softmax(row),
        };
        finite.then(|| scores(row.to_vec()))
    });
    Ok(scores.collect())
}
