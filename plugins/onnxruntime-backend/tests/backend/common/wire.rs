//! Requests and responses of KServe v2 over HTTP: JSON, then the bytes of each tensor.

use serde_json::{Value, json};

/// A tensor of a request or response.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub name: String,
    pub dtype: String,
    pub shape: Vec<i64>,
    pub data: Vec<u8>,
}

impl Tensor {
    pub fn new(name: &str, dtype: &str, shape: &[i64], data: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            dtype: dtype.into(),
            shape: shape.into(),
            data,
        }
    }

    pub fn floats(name: &str, shape: &[i64], values: &[f32]) -> Self {
        Self::new(
            name,
            "FP32",
            shape,
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )
    }

    pub fn integers(name: &str, shape: &[i64], values: &[i64]) -> Self {
        Self::new(
            name,
            "INT64",
            shape,
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )
    }

    pub fn to_floats(&self) -> Vec<f32> {
        assert_eq!(self.dtype, "FP32");
        self.data
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four")))
            .collect()
    }
}

/// A request for `outputs` (all if empty) with a timeout in microseconds (0 for none), and the length of its JSON as text.
pub fn request(inputs: &[Tensor], outputs: &[&str], timeout: u64) -> (Vec<u8>, String) {
    let described: Vec<_> = inputs
        .iter()
        .map(|tensor| {
            json!({
                "name": tensor.name, "shape": tensor.shape, "datatype": tensor.dtype,
                "parameters": { "binary_data_size": tensor.data.len() },
            })
        })
        .collect();
    let parameters = json!({ "binary_data_output": true, "timeout": timeout });
    let mut request = json!({ "inputs": described, "parameters": parameters });
    if !outputs.is_empty() {
        let name = |name| json!({ "name": name, "parameters": { "binary_data": true } });
        request["outputs"] = outputs.iter().map(name).collect();
    }
    let mut body = request.to_string().into_bytes();
    let length = body.len().to_string();
    inputs.iter().for_each(|tensor| body.extend_from_slice(&tensor.data));
    (body, length)
}

/// The tensors of a response whose first `json_length` bytes are JSON.
pub fn tensors(response: &[u8], json_length: usize) -> Vec<Tensor> {
    let (head, mut data) = response.split_at(json_length);
    let head: Value = serde_json::from_slice(head).expect("the response has JSON");
    let outputs = head["outputs"].as_array().expect("outputs");
    outputs
        .iter()
        .map(|output| {
            let size = output["parameters"]["binary_data_size"].as_u64().expect("binary data");
            let (tensor, rest) = data.split_at(size.try_into().expect("a size"));
            data = rest;
            let shape: Vec<_> = output["shape"]
                .as_array()
                .expect("shape")
                .iter()
                .filter_map(Value::as_i64)
                .collect();
            Tensor::new(
                output["name"].as_str().expect("name"),
                output["datatype"].as_str().expect("datatype"),
                &shape,
                tensor.to_vec(),
            )
        })
        .collect()
}
