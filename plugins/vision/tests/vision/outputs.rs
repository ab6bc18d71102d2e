//! Outputs of networks, as the tests make them.

use half::f16;
use vision::decode::TensorView;

/// An output tensor.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: &'static str,
    pub datatype: &'static str,
    pub shape: Vec<i64>,
    pub data: Vec<u8>,
}

impl Output {
    pub fn new(name: &'static str, shape: &[i64], values: impl IntoIterator<Item = f32>) -> Self {
        Self {
            name,
            datatype: "FP32",
            shape: shape.to_vec(),
            data: values.into_iter().flat_map(f32::to_le_bytes).collect(),
        }
    }

    /// The same with elements of 16 bits.
    pub fn halved(&self) -> Self {
        let values = self.data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        Self {
            datatype: "FP16",
            data: values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect(),
            ..self.clone()
        }
    }

    pub fn view(&self) -> TensorView<'_> {
        TensorView {
            name: self.name,
            datatype: self.datatype,
            shape: &self.shape,
            data: &self.data,
        }
    }
}

pub fn views(outputs: &[Output]) -> Vec<TensorView<'_>> {
    outputs.iter().map(Output::view).collect()
}
