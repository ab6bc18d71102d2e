//! Errors of opening a model and of inference with it.

use std::sync::Arc;

use triton::FailureKind;
use vision::decode::DecodeError;

use crate::contract::ContractError;

/// Why a model cannot be used, or inference failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the server or of the connection to it.
    #[error(transparent)]
    Triton(#[from] triton::Error),
    /// The model is not supported, or its parameters are invalid.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// A model that sees one person at a time is used without `inference-region=people`.
    #[error(
        "model '{model}' sees one person at a time: set inference-region=people, \
         after elements that find people (tritoninfer model=person_pose ! poseparse)"
    )]
    NeedsPeople {
        /// The model.
        model: Arc<str>,
    },
    /// An output that cannot be split into the regions of the request.
    #[error(
        "output '{output}': expected the batch, {batch}, as its first dimension, got shape {shape:?}; \
         a model without a batch dimension needs max_batch_size: 0 in its config.pbtxt"
    )]
    Batch {
        /// The output's name.
        output: Arc<str>,
        /// Number of regions in the request.
        batch: usize,
        /// The output's shape.
        shape: Vec<i64>,
    },
    /// Outputs that do not match the contract.
    #[error("cannot decode the outputs of model '{model}': {reason}")]
    Decode {
        /// The model.
        model: Arc<str>,
        /// What does not match.
        reason: DecodeError,
    },
    /// The server has another model under the same name since it was opened.
    #[error("model '{model}' has changed on the server: it was {before}, and is {now}; restart the pipeline to use it")]
    ModelChanged {
        /// The model.
        model: Arc<str>,
        /// Its task and input when it was opened.
        before: String,
        /// Its task and input now.
        now: String,
    },
    /// A region that cannot be sampled into the model's input.
    #[error(transparent)]
    Sample(#[from] vision::letterbox::SampleError),
}

impl Error {
    /// What the failure means for later requests.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::Triton(error) => error.failure_kind(),
            Self::Contract(_) | Self::NeedsPeople { .. } | Self::ModelChanged { .. } => FailureKind::SetUp,
            Self::Batch { .. } | Self::Decode { .. } => FailureKind::Refused,
            Self::Sample(_) => FailureKind::Failed,
        }
    }
}
