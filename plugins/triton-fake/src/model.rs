//! Scripted models, and the calls that the scripts answer.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tonic::{Code, Status};

use crate::hold::Hold;
use crate::inference::model_input::Format;
use crate::inference::model_metadata_response::TensorMetadata;
use crate::inference::{ModelConfig, ModelInput, ModelMetadataResponse, ModelParameter, ModelTransactionPolicy};
use crate::shared_memory::Slot;

type Script = dyn Fn(Call) + Send + Sync;

/// A model: its metadata and configuration, and the script that answers its calls.
pub struct Model {
    pub(crate) metadata: ModelMetadataResponse,
    pub(crate) config: ModelConfig,
    pub(crate) script: Arc<Script>,
    pub(crate) hold: Option<Arc<Hold>>,
}

impl Model {
    /// A model of version 1 without tensors. `script` receives every call on the server's thread; it answers the call or
    /// stores it to be answered later.
    pub fn new(name: &str, script: impl Fn(Call) + Send + Sync + 'static) -> Self {
        let metadata = ModelMetadataResponse {
            name: name.to_owned(),
            versions: vec!["1".to_owned()],
            ..ModelMetadataResponse::default()
        };
        Self {
            metadata,
            config: ModelConfig::default(),
            script: Arc::new(script),
            hold: None,
        }
    }

    /// A model whose calls arrive through the channel; the test answers them at any time.
    pub fn queued(name: &str) -> (Self, Receiver<Call>) {
        let (sender, receiver) = mpsc::channel();
        let script = move |call| {
            let _ = sender.send(call); // without a receiver the call is dropped, which fails it
        };
        (Self::new(name, script), receiver)
    }

    /// Adds an input. `shape` is that of the metadata: with the batch dimension, -1 for variable sizes.
    #[must_use]
    pub fn input(mut self, name: &str, datatype: &str, shape: &[i64]) -> Self {
        self.metadata.inputs.push(tensor(name, datatype, shape));
        self.config.input.push(ModelInput {
            name: name.to_owned(),
            format: Format::None.into(),
            ..ModelInput::default()
        });
        self
    }

    /// As [`Self::input`], with `FORMAT_NHWC` in the configuration.
    #[must_use]
    pub fn nhwc_input(self, name: &str, datatype: &str, shape: &[i64]) -> Self {
        let mut model = self.input(name, datatype, shape);
        if let Some(input) = model.config.input.last_mut() {
            input.set_format(Format::Nhwc);
        }
        model
    }

    /// Adds an output; `shape` as for [`Self::input`].
    #[must_use]
    pub fn output(mut self, name: &str, datatype: &str, shape: &[i64]) -> Self {
        self.metadata.outputs.push(tensor(name, datatype, shape));
        self
    }

    /// Sets `max_batch_size`, 0 by default.
    #[must_use]
    pub fn max_batch_size(mut self, size: i32) -> Self {
        self.config.max_batch_size = size;
        self
    }

    /// Adds a key to `parameters` of the configuration.
    #[must_use]
    pub fn parameter(mut self, key: &str, value: &str) -> Self {
        let string_value = value.to_owned();
        self.config
            .parameters
            .insert(key.to_owned(), ModelParameter { string_value });
        self
    }

    /// Sets the versions, 1 by default.
    #[must_use]
    pub fn versions(mut self, versions: &[&str]) -> Self {
        self.metadata.versions = versions.iter().map(ToString::to_string).collect();
        self
    }

    /// Makes the model decoupled in its configuration.
    #[must_use]
    pub fn decoupled(mut self) -> Self {
        self.config.model_transaction_policy = Some(ModelTransactionPolicy { decoupled: true });
        self
    }

    /// Holds the response to `ModelConfig` back until [`Hold::release`]: a server that takes its time to describe a model.
    #[must_use]
    pub fn held(mut self) -> (Self, Arc<Hold>) {
        let hold = Arc::new(Hold::default());
        self.hold = Some(Arc::clone(&hold));
        (self, hold)
    }
}

fn tensor(name: &str, datatype: &str, shape: &[i64]) -> TensorMetadata {
    TensorMetadata {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
    }
}

/// A tensor with its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its KServe v2 data type, such as `FP32`.
    pub datatype: String,
    /// Its shape; not checked against the elements.
    pub shape: Vec<i64>,
    /// Its elements as bytes.
    pub data: Bytes,
}

impl Tensor {
    /// Creates a tensor.
    pub fn new(name: &str, datatype: &str, shape: &[i64], data: impl Into<Bytes>) -> Self {
        Self {
            name: name.to_owned(),
            datatype: datatype.to_owned(),
            shape: shape.to_vec(),
            data: data.into(),
        }
    }
}

/// The outputs of a call, or its error.
pub(crate) type Answer = Result<Vec<Tensor>, Status>;

/// An inference request of a client. A call that is dropped fails with `INTERNAL`.
#[derive(Debug)]
pub struct Call {
    /// The requested version; empty if the client left the choice to the server.
    pub version: String,
    /// The inputs, in the order of the request.
    pub inputs: Vec<Tensor>,
    /// The slots of shared memory that the request refers to: those of inputs, then those of outputs.
    pub slots: Vec<Slot>,
    /// The parameter `priority` of the request, if it is an `int64`.
    pub priority: Option<i64>,
    /// The parameter `timeout` of the request, in microseconds, if it is an `int64`.
    pub timeout: Option<i64>,
    /// The client's gRPC deadline, measured from the start of the call, if it set one.
    pub deadline: Option<Duration>,
    pub(crate) answer: oneshot::Sender<Answer>,
}

impl Call {
    /// Answers with `outputs`.
    pub fn answer(self, outputs: Vec<Tensor>) {
        let _ = self.answer.send(Ok(outputs)); // the client may have cancelled
    }

    /// Whether the client no longer waits for the answer. Triton from 2.74 on drops such a request before it is executed.
    pub fn is_cancelled(&self) -> bool {
        self.answer.is_closed()
    }

    /// Answers with an error.
    pub fn fail(self, code: Code, message: &str) {
        let _ = self.answer.send(Err(Status::new(code, message))); // as above
    }
}
