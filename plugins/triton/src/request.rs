//! What goes to a model and what comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{Buffer, DataType};

/// One inference.
#[derive(Debug)]
pub struct Request {
    /// A tensor for each of the model's inputs.
    pub inputs: Vec<Input>,
    /// After this long the answer is [`crate::Error::DeadlineExceeded`]; `None`: as long as it takes.
    pub timeout: Option<Duration>,
    /// 1 is served first; 0: the model's default. Only models with `priority_levels` heed it.
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
    /// Of its elements.
    pub datatype: DataType,
    /// With the batch dimension where the model has one.
    pub shape: Vec<i64>,
    /// The elements, row-major, in the machine's byte order. An in-process Triton reads them where they are.
    pub data: Buffer,
}

/// A model's answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// All of the model's outputs, in Triton's order.
    pub outputs: Vec<Output>,
}

impl Reply {
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
    /// Of its elements.
    pub datatype: DataType,
    /// With the batch dimension where the model has one.
    pub shape: Vec<i64>,
    /// The elements, row-major, in the machine's byte order: the memory that an in-process model wrote, or a part of the
    /// message that came by gRPC. Not necessarily aligned.
    pub data: Bytes,
}
