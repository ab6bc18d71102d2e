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

/// A size, or the name of a variable one.
#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    size: Option<i64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
}

impl Graph {
    /// A graph without inputs and outputs.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Adds an input, which is not used; -1 is a variable size.
    pub fn input(mut self, name: &str, element: Element, dims: &[i64]) -> Self {
        self.inputs.push(value(name, element, dims));
        self
    }

    /// Adds an output whose elements are all zero.
    pub fn zeros(self, name: &str, element: Element, dims: &[i64]) -> Self {
        let size = match element {
            Element::Uint8 => 1,
            Element::Fp32 => 4,
            Element::Int64 => 8,
        };
        let count = dims.iter().product::<i64>() as usize;
        self.constant(name, element, dims, dims, vec![0; size * count])
    }

    /// Adds an output of FP32 values in the shape `dims`, which is declared as `declared`: -1 is a variable size.
    pub fn floats(self, name: &str, declared: &[i64], dims: &[i64], values: &[f32]) -> Self {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, Element::Fp32, declared, dims, data)
    }

    fn constant(mut self, name: &str, element: Element, declared: &[i64], dims: &[i64], data: Vec<u8>) -> Self {
        let constant = format!("{name}_constant");
        self.constants.push(Tensor {
            dims: dims.to_vec(),
            element: element as i32,
            name: constant.clone(),
            data,
        });
        self.nodes.push(Node {
            inputs: vec![constant],
            outputs: vec![name.to_owned()],
            operator: "Identity".into(),
        });
        self.outputs.push(value(name, element, declared));
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
    let dimension = |(index, size): (usize, &i64)| match *size {
        -1 => Dimension {
            size: None,
            name: Some(format!("{name}_{index}")),
        },
        size => Dimension {
            size: Some(size),
            name: None,
        },
    };
    let dims = dims.iter().enumerate().map(dimension).collect();
    let tensor = TensorKind {
        element: element as i32,
        shape: Some(Shape { dims }),
    };
    Value {
        name: name.to_owned(),
        kind: Some(Kind { tensor: Some(tensor) }),
    }
}
