//! Why a region cannot become a tensor.

use thiserror::Error;

use crate::Rect;

/// Why a region of a frame cannot become a tensor.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SampleError {
    /// The tensor has no pixels.
    #[error("a tensor of {width}×{height} pixels is empty; the model's input needs a fixed size")]
    #[allow(missing_docs)] // the message describes the fields
    Size { width: usize, height: usize },
    /// Elements would not be finite.
    #[error(
        "pixels become (pixel·{scale} - mean)/std, which needs finite numbers and no std of 0; \
         got mean {mean:?}, std {std:?}"
    )]
    #[allow(missing_docs)] // the message describes the fields
    Normalization { scale: f32, mean: [f32; 3], std: [f32; 3] },
    /// The region, in frame pixels, is empty, not finite or too far from the frame.
    #[error(
        "the region from ({}, {}) to ({}, {}) cannot be sampled: it must be finite, wider and higher than 0, and near the frame",
        .0.left, .0.top, .0.right, .0.bottom
    )]
    Region(Rect),
    /// The output has another length than the tensor.
    #[error("the tensor has {expected} bytes, the memory to write it to {got}")]
    #[allow(missing_docs)] // the message describes the fields
    Output { expected: usize, got: usize },
}
