//! Models by script, and the calls that their scripts answer.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tonic::{Code, Status};

use crate::inference::model_input::Format;
use crate::inference::model_metadata_response::TensorMetadata;
use crate::inference::{ModelConfig, ModelInput, ModelMetadataResponse, ModelParameter, ModelTransactionPolicy};

type Script = dyn Fn(Call) + Send + Sync;

/// A model: what it says about itself, and the script that answers for it.
pub struct Model {
    pub(crate) metadata: ModelMetadataResponse,
    pub(crate) config: ModelConfig,
    pub(crate) script: Arc<Script>,
}

impl Model {
    /// A model of version 1 without tensors; `script` gets every call, on the server's thread, and answers it or keeps it.
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
        }
    }

    /// A model whose calls come through the channel, for the test to answer when it likes.
    pub fn queued(name: &str) -> (Self, Receiver<Call>) {
        let (sender, receiver) = mpsc::channel();
        let script = move |call| {
            let _ = sender.send(call); // a call that nobody receives is dropped, which answers it
        };
        (Self::new(name, script), receiver)
    }

    /// With one more input, as metadata tell it: the shape includes the batch dimension, -1 varies.
    #[must_use]
    pub fn input(mut self, name: &str, datatype: &str, shape: &[i64]) -> Self {
        self.metadata.inputs.push(tensor(name, datatype, shape));
        self.config.input.push(ModelInput {
            name: name.to_owned(),
            format: Format::None.into(),
        });
        self
    }

    /// As [`Self::input`]; the configuration says `FORMAT_NHWC`.
    #[must_use]
    pub fn nhwc_input(self, name: &str, datatype: &str, shape: &[i64]) -> Self {
        let mut model = self.input(name, datatype, shape);
        if let Some(input) = model.config.input.last_mut() {
            input.set_format(Format::Nhwc);
        }
        model
    }

    /// With one more output.
    #[must_use]
    pub fn output(mut self, name: &str, datatype: &str, shape: &[i64]) -> Self {
        self.metadata.outputs.push(tensor(name, datatype, shape));
        self
    }

    /// With this `max_batch_size`, instead of 0.
    #[must_use]
    pub fn max_batch_size(mut self, rows: i32) -> Self {
        self.config.max_batch_size = rows;
        self
    }

    /// With this key in the configuration's `parameters`.
    #[must_use]
    pub fn parameter(mut self, key: &str, value: &str) -> Self {
        let string_value = value.to_owned();
        self.config
            .parameters
            .insert(key.to_owned(), ModelParameter { string_value });
        self
    }

    /// With these versions, instead of 1.
    #[must_use]
    pub fn versions(mut self, versions: &[&str]) -> Self {
        self.metadata.versions = versions.iter().map(ToString::to_string).collect();
        self
    }

    /// Decoupled, by its configuration.
    #[must_use]
    pub fn decoupled(mut self) -> Self {
        self.config.model_transaction_policy = Some(ModelTransactionPolicy { decoupled: true });
        self
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
    /// The tensor's name.
    pub name: String,
    /// By its KServe v2 name.
    pub datatype: String,
    /// Whatever was sent, or is to be sent: it need not suit the elements.
    pub shape: Vec<i64>,
    /// The elements as bytes.
    pub data: Bytes,
}

impl Tensor {
    /// Puts a tensor together.
    pub fn new(name: &str, datatype: &str, shape: &[i64], data: impl Into<Bytes>) -> Self {
        Self {
            name: name.to_owned(),
            datatype: datatype.to_owned(),
            shape: shape.to_vec(),
            data: data.into(),
        }
    }
}

/// What a call is answered with.
pub(crate) type Answer = Result<Vec<Tensor>, Status>;

/// An inference that somebody waits for. Dropped, it is answered as failed.
#[derive(Debug)]
pub struct Call {
    /// As asked for.
    pub version: String,
    /// The tensors that were sent.
    pub inputs: Vec<Tensor>,
    /// The parameter `priority`, if it was sent.
    pub priority: Option<i64>,
    /// How long the client is going to wait, if it said so.
    pub timeout: Option<Duration>,
    pub(crate) answer: oneshot::Sender<Answer>,
}

impl Call {
    /// Answers with these outputs.
    pub fn answer(self, outputs: Vec<Tensor>) {
        let _ = self.answer.send(Ok(outputs)); // unless the client has gone
    }

    /// Answers with an error.
    pub fn fail(self, code: Code, message: &str) {
        let _ = self.answer.send(Err(Status::new(code, message))); // as above
    }
}
