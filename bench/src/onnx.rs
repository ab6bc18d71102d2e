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
        self.constant(name, element, dims, vec![0; size * count])
    }

    /// Adds an output of FP32 values in the shape `dims`.
    pub fn floats(self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        let data = bytes(values, |value| value.to_le_bytes());
        self.constant(name, Element::Fp32, dims, data)
    }

    /// Adds an output with the same FP32 row for each entry of the first dimension of an input: n rows of the shape `dims`.
    pub fn rows(mut self, name: &str, input: &str, dims: &[i64], row: &[f32]) -> Self {
        let own = |part: &str| format!("{name}_{part}");
        let with_one = [&[1], dims].concat();
        let rank = [with_one.len() as i64];
        self.initialiser(
            &own("row"),
            Element::Fp32,
            &with_one,
            bytes(row, |value| value.to_le_bytes()),
        );
        let mut vector = |part: &str, values: Vec<i64>| {
            let data = bytes(&values, |value| value.to_le_bytes());
            self.initialiser(&own(part), Element::Int64, &rank, data);
        };
        // The shape [n, …dims], without operators that need attributes: [n, n, …] × [1, 0, …] + [0, …dims].
        vector("first", vec![0; with_one.len()]);
        vector(
            "mask",
            with_one
                .iter()
                .enumerate()
                .map(|(index, _)| i64::from(index == 0))
                .collect(),
        );
        vector("rest", [&[0], dims].concat());
        self.node("Shape", &[input], &own("shape"));
        self.node("Gather", &[&own("shape"), &own("first")], &own("batch"));
        self.node("Mul", &[&own("batch"), &own("mask")], &own("masked"));
        self.node("Add", &[&own("masked"), &own("rest")], &own("target"));
        self.node("Expand", &[&own("row"), &own("target")], name);
        self.outputs.push(value(name, Element::Fp32, &[&[-1], dims].concat()));
        self
    }

    fn initialiser(&mut self, name: &str, element: Element, dims: &[i64], data: Vec<u8>) {
        self.constants.push(Tensor {
            dims: dims.to_vec(),
            element: element as i32,
            name: name.to_owned(),
            data,
        });
    }

    fn node(&mut self, operator: &str, inputs: &[&str], output: &str) {
        self.nodes.push(Node {
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            outputs: vec![output.to_owned()],
            operator: operator.into(),
        });
    }

    fn constant(mut self, name: &str, element: Element, dims: &[i64], data: Vec<u8>) -> Self {
        let constant = format!("{name}_constant");
        self.initialiser(&constant, element, dims, data);
        self.node("Identity", &[&constant], name);
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

fn bytes<T: Copy, const N: usize>(values: &[T], encode: fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| encode(*value)).collect()
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
