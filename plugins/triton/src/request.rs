//! Inference requests and responses, with their tensors.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{DataType, Lease};

/// One inference request.
#[derive(Debug)]
pub struct Request {
    /// One tensor for each of the model's inputs.
    pub inputs: Vec<Input>,
    /// Time after which the request fails with [`crate::Error::DeadlineExceeded`]; `None`: no limit.
    pub timeout: Option<Duration>,
    /// Priority, 1 the highest; 0: the model's default. Only effective for models with `priority_levels`.
    pub priority: u64,
}

impl Request {
    /// A request without a timeout and with the model's default priority.
    pub fn new(inputs: Vec<Input>) -> Self {
        Self {
            inputs,
            timeout: None,
            priority: 0,
        }
    }
}

/// An input tensor of a request.
#[derive(Debug)]
pub struct Input {
    /// The tensor's name in the model.
    pub name: Arc<str>,
    /// The data type of its elements.
    pub datatype: DataType,
    /// The shape, including the batch dimension if the model has one.
    pub shape: Vec<i64>,
    /// The elements, row-major, in native byte order. An in-process Triton reads them in place.
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

/// An output tensor of a response.
#[derive(Clone, Debug)]
pub struct Output {
    /// The tensor's name in the model.
    pub name: Arc<str>,
    /// The data type of its elements.
    pub datatype: DataType,
    /// The shape, including the batch dimension if the model has one.
    pub shape: Vec<i64>,
    /// The elements, row-major, in native byte order: the memory that an in-process model wrote, or a part of the
    /// received gRPC message. Not necessarily aligned.
    pub data: Bytes,
}
