//! Small ONNX models, written as bytes: the fields of the messages in `onnx.proto` that the tests use.

/// Element types, by their numbers in ONNX (`TensorProto.DataType`).
pub const FLOAT: u64 = 1;
pub const INT64: u64 = 7;

/// A graph under construction.
#[derive(Default)]
pub struct Graph(Vec<u8>);

impl Graph {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input; a negative dimension is variable.
    pub fn input(self, name: &str, element: u64, dims: &[i64]) -> Self {
        self.value(11, name, element, dims)
    }

    pub fn output(self, name: &str, element: u64, dims: &[i64]) -> Self {
        self.value(12, name, element, dims)
    }

    /// Adds a node without attributes.
    pub fn node(mut self, operator: &str, inputs: &[&str], output: &str) -> Self {
        let mut node = Vec::new();
        inputs.iter().for_each(|input| bytes(&mut node, 1, input.as_bytes()));
        bytes(&mut node, 2, output.as_bytes());
        bytes(&mut node, 4, operator.as_bytes());
        bytes(&mut self.0, 1, &node);
        self
    }

    /// Adds a constant with the little-endian bytes `data`.
    pub fn constant(mut self, name: &str, element: u64, dims: &[i64], data: &[u8]) -> Self {
        let mut tensor = Vec::new();
        dims.iter().for_each(|dim| number(&mut tensor, 1, dim.unsigned_abs()));
        number(&mut tensor, 2, element);
        bytes(&mut tensor, 8, name.as_bytes());
        bytes(&mut tensor, 9, data);
        bytes(&mut self.0, 5, &tensor);
        self
    }

    /// The model file: IR version 8, operator set 17.
    pub fn model(mut self) -> Vec<u8> {
        bytes(&mut self.0, 2, b"graph");
        let (mut model, mut operators) = (Vec::new(), Vec::new());
        number(&mut operators, 2, 17);
        number(&mut model, 1, 8);
        bytes(&mut model, 7, &self.0);
        bytes(&mut model, 8, &operators);
        model
    }

    fn value(mut self, field: u64, name: &str, element: u64, dims: &[i64]) -> Self {
        let mut shape = Vec::new();
        for (index, dim) in dims.iter().enumerate() {
            let mut dimension = Vec::new();
            match u64::try_from(*dim) {
                Ok(size) => number(&mut dimension, 1, size),
                // Dimensions with the same name have the same size, so each gets its own name.
                Err(_) => bytes(&mut dimension, 2, format!("{name}{index}").as_bytes()),
            }
            bytes(&mut shape, 1, &dimension);
        }
        let (mut tensor, mut kind, mut value) = (Vec::new(), Vec::new(), Vec::new());
        number(&mut tensor, 1, element);
        bytes(&mut tensor, 2, &shape);
        bytes(&mut kind, 1, &tensor);
        bytes(&mut value, 1, name.as_bytes());
        bytes(&mut value, 2, &kind);
        bytes(&mut self.0, field, &value);
        self
    }
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn number(to: &mut Vec<u8>, field: u64, value: u64) {
    varint(to, field << 3);
    varint(to, value);
}

fn bytes(to: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(to, field << 3 | 2);
    varint(to, value.len() as u64);
    to.extend_from_slice(value);
}

/// A model that returns its input `x` as `y`.
pub fn identity(element: u64, dims: &[i64]) -> Vec<u8> {
    Graph::new()
        .input("x", element, dims)
        .output("y", element, dims)
        .node("Identity", &["x"], "y")
        .model()
}

/// The lines of config.pbtxt for a model with input `x` and output `y` of the same type and dims.
pub fn io(dtype: &str, dims: &str) -> String {
    format!(
        "input [{{ name: \"x\" data_type: TYPE_{dtype} dims: {dims} }}]\n\
         output [{{ name: \"y\" data_type: TYPE_{dtype} dims: {dims} }}]\n"
    )
}
