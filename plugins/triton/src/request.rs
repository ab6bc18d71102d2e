//! What goes to a model and what comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{DataType, Lease};

/// One inference request.
#[derive(Debug)]
pub struct Request {
    /// A tensor for each of the model's inputs.
    pub inputs: Vec<Input>,
    /// After this long the response is [`crate::Error::DeadlineExceeded`]; `None`: no limit.
    pub timeout: Option<Duration>,
    /// 1 is the highest; 0: the model's default. Only models with `priority_levels` regard it.
    pub priority: u64,
}

impl Request {
    /// A request without a timeout, of the model's default priority.
    pub fn new(inputs: Vec<Input>) -> Self {
        Self {
            inputs,
            timeout: None,
            priority: 0,
        }
    }
}

/// A tensor for a model.
#[derive(Debug)]
pub struct Input {
    /// The tensor's name in the model.
    pub name: Arc<str>,
    /// The type of its elements.
    pub datatype: DataType,
    /// With the batch dimension where the model has one.
    pub shape: Vec<i64>,
    /// The elements, row-major, in the machine's byte order. An in-process Triton reads them in place.
    pub data: Lease,
}

/// A model's response.
#[derive(Clone, Debug)]
pub struct Response {
    /// All of the model's outputs, in Triton's order.
    pub outputs: Vec<Output>,
}

impl Response {
    /// The output called `name`.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| &*output.name == name)
    }
}

/// A tensor from a model.
#[derive(Clone, Debug)]
pub struct Output {
    /// The tensor's name in the model.
    pub name: Arc<str>,
    /// The type of its elements.
    pub datatype: DataType,
    /// With the batch dimension where the model has one.
    pub shape: Vec<i64>,
    /// The elements, row-major, in the machine's byte order: the memory that an in-process model wrote, or a part of the
    /// message that arrived by gRPC. Not necessarily aligned.
    pub data: Bytes,
}
