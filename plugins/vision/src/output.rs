//! A model's response for one region of a frame: output tensors and the letterbox of the region.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::decode::{PoseLayout, TensorView};
use crate::letterbox::Letterbox;

/// A model's response for one region of a frame.
#[derive(Clone, Debug, Default)]
pub struct ModelOutput {
    /// The model's name.
    pub model: Arc<str>,
    /// The layout of the pose output according to the model's contract, if it has one.
    pub layout: Option<PoseLayout>,
    /// The score threshold that the model's contract recommends, 0..1.
    pub score_threshold: Option<f32>,
    /// The map from frame pixels to pixels of the model's input; invert it for outputs.
    pub letterbox: Letterbox,
    /// Time between two inferred frames of the stream, measured; `None` before the second one.
    pub inference_period: Option<Duration>,
    /// All outputs.
    pub tensors: Vec<OutputTensor>,
}

impl ModelOutput {
    /// Names and shapes of the tensors.
    pub fn shapes(&self) -> Vec<(&str, &[i64])> {
        self.tensors.iter().map(|t| (&*t.name, t.shape.as_slice())).collect()
    }

    /// Views of all tensors, for decoders.
    pub fn views(&self) -> Vec<TensorView<'_>> {
        self.tensors.iter().map(OutputTensor::view).collect()
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&OutputTensor> {
        self.tensors.iter().find(|tensor| &*tensor.name == name)
    }
}

/// One output tensor.
#[derive(Clone, Debug)]
pub struct OutputTensor {
    /// The output's name in the model.
    pub name: Arc<str>,
    /// KServe's name of the data type, e.g. `FP32`.
    pub datatype: &'static str,
    /// Dimensions, with a batch dimension of 1 first if the model has one.
    pub shape: Vec<i64>,
    /// Row-major, little-endian.
    pub data: Bytes,
}

impl OutputTensor {
    /// A borrowed view for decoders.
    pub fn view(&self) -> TensorView<'_> {
        TensorView {
            name: &self.name,
            datatype: self.datatype,
            shape: &self.shape,
            data: &self.data,
        }
    }
}
