//! Inference requests and responses, with their tensors.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{DataType, Lease};

/// One inference request.
#[derive(Debug)]
pub struct Request {
    /// One tensor for each of the model's inputs.
    pub inputs: Vec<Input>,
    /// Time after which the caller gets [`crate::Error::DeadlineExceeded`]; `None`: no limit. The server may go on working
    /// on the request: it has ended when `on_release` is invoked.
    pub timeout: Option<Duration>,
    /// Time after which nobody needs a response: Triton drops the request if it has not begun to execute it, where the model's
    /// queue policy allows that. `None`: at `timeout`.
    pub queue_timeout: Option<Duration>,
    /// Time without a response after which a remote server is asked whether it is alive, and is asked again each time it has
    /// passed once more; one that does not reply counts as hung, and the request fails with [`crate::Error::Unreachable`].
    /// `None`: at `timeout`.
    pub probe_after: Option<Duration>,
    /// Priority, 1 the highest; 0: the model's default. Only effective for models with `priority_levels`.
    pub priority: u64,
    /// Invoked when the server neither works on the request nor uses its memory any more.
    pub on_release: Option<OnRelease>,
}

/// A closure that is invoked once, when it is dropped: the end of a request at the server, which may be later than the
/// response or the deadline.
pub struct OnRelease(Option<Box<dyn FnOnce() + Send + Sync>>);

impl OnRelease {
    /// `released` is invoked on any thread, possibly one of the server's; it must return quickly.
    pub fn new(released: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(released)))
    }
}

impl Drop for OnRelease {
    fn drop(&mut self) {
        if let Some(released) = self.0.take() {
            released();
        }
    }
}

impl fmt::Debug for OnRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRelease")
    }
}

impl Request {
    /// A request without a timeout and with the model's default priority.
    pub fn new(inputs: Vec<Input>) -> Self {
        Self {
            inputs,
            timeout: None,
            queue_timeout: None,
            probe_after: None,
            priority: 0,
            on_release: None,
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
