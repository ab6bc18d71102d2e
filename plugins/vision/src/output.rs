//! What a model responded with for one region of a frame: its output tensors and how the region became its input.

use std::sync::Arc;

use bytes::Bytes;

use crate::decode::{PoseLayout, TensorView};
use crate::letterbox::Letterbox;

/// A model's response for one region of a frame.
#[derive(Clone, Debug, Default)]
pub struct ModelOutput {
    /// The model's name.
    pub model: Arc<str>,
    /// The layout of the pose output that the model's contract states; `None` where it states none.
    pub layout: Option<PoseLayout>,
    /// The score threshold that the model's contract recommends, 0..1.
    pub score_threshold: Option<f32>,
    /// How the region's pixels became the model's input; undo it to get frame pixels.
    pub letterbox: Letterbox,
    /// All outputs.
    pub tensors: Vec<OutputTensor>,
}

/// One output tensor.
#[derive(Clone, Debug)]
pub struct OutputTensor {
    /// The output's name in the model.
    pub name: Arc<str>,
    /// KServe's name of the element type, e.g. `FP32`.
    pub datatype: &'static str,
    /// Dimensions, the batch dimension first where the model has one (then it is 1).
    pub shape: Vec<i64>,
    /// Row-major, little-endian.
    pub data: Bytes,
}

impl OutputTensor {
    /// The tensor as decoders read it.
    pub fn view(&self) -> TensorView<'_> {
        TensorView {
            name: &self.name,
            shape: &self.shape,
            data: &self.data,
        }
    }
}
