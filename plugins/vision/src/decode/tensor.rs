//! Tensors as bytes and as arrays.

use ndarray::{ArrayD, IxDyn};

use super::error::DecodeError;

/// A borrowed output tensor.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// The output's name in the model.
    pub name: &'a str,
    /// The dimensions.
    pub shape: &'a [i64],
    /// The elements, little-endian and row-major.
    pub data: &'a [u8],
}

/// The FP32 tensor of `shape` in `bytes`, which are little-endian, row-major and need not be aligned.
///
/// # Errors
/// [`DecodeError::Bytes`] if the length does not match the shape, or the shape has a negative dimension.
pub fn f32_tensor(shape: &[i64], bytes: &[u8]) -> Result<ArrayD<f32>, DecodeError> {
    let wrong = |expected| DecodeError::Bytes {
        shape: shape.to_vec(),
        expected,
        got: bytes.len(),
    };
    let dims: Option<Vec<usize>> = shape.iter().map(|d| usize::try_from(*d).ok()).collect();
    let dims = dims.ok_or_else(|| wrong("no negative dimensions".to_owned()))?;
    let expected = dims
        .iter()
        .try_fold(size_of::<f32>(), |product, dim| product.checked_mul(*dim));
    if expected != Some(bytes.len()) {
        return Err(wrong(
            expected.map_or("more bytes than memory".to_owned(), |n| format!("{n} bytes")),
        ));
    }
    let (values, _) = bytes.as_chunks();
    let values = values.iter().map(|v| f32::from_le_bytes(*v)).collect();
    ArrayD::from_shape_vec(IxDyn(&dims), values).map_err(|e| wrong(e.to_string()))
}
