//! The few messages of `onnx.proto` that a graph of constants needs.

use prost::Message;

/// ONNX's numbers of element types (`TensorProto.DataType`).
#[derive(Clone, Copy)]
pub enum Element {
    Fp32 = 1,
    Uint8 = 2,
    Int64 = 7,
}

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    operator_sets: Vec<OperatorSet>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSet {
    #[prost(int64, tag = "2")]
    version: i64,
}

/// A graph: nothing is computed, its outputs are constants.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    constants: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    inputs: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    outputs: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "4")]
    operator: String,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    element: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Message)]
struct Kind {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorKind>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorKind {
    #[prost(int32, tag = "1")]
    element: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dims: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, tag = "1")]
    size: i64,
}

impl Graph {
    /// A graph without inputs and outputs.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Adds an input, which is not used.
    pub fn input(mut self, name: &str, element: Element, dims: &[i64]) -> Self {
        self.inputs.push(value(name, element, dims));
        self
    }

    /// Adds an output whose elements are all zero.
    pub fn zeros(mut self, name: &str, element: Element, dims: &[i64]) -> Self {
        let size = match element {
            Element::Uint8 => 1,
            Element::Fp32 => 4,
            Element::Int64 => 8,
        };
        let count = dims.iter().product::<i64>() as usize;
        let constant = format!("{name}_constant");
        self.constants.push(Tensor {
            dims: dims.to_vec(),
            element: element as i32,
            name: constant.clone(),
            data: vec![0; size * count],
        });
        self.nodes.push(Node {
            inputs: vec![constant],
            outputs: vec![name.to_owned()],
            operator: "Identity".into(),
        });
        self.outputs.push(value(name, element, dims));
        self
    }

    /// The model file: IR version 8, operator set 17.
    pub fn model(self) -> Vec<u8> {
        let model = Model {
            ir_version: 8,
            graph: Some(self),
            operator_sets: vec![OperatorSet { version: 17 }],
        };
        model.encode_to_vec()
    }
}

fn value(name: &str, element: Element, dims: &[i64]) -> Value {
    let dims = dims.iter().map(|size| Dimension { size: *size }).collect();
    let tensor = TensorKind {
        element: element as i32,
        shape: Some(Shape { dims }),
    };
    Value {
        name: name.to_owned(),
        kind: Some(Kind { tensor: Some(tensor) }),
    }
}
