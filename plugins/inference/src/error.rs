//! What can fail between a model and whoever asks it for inference.

use std::sync::Arc;

use vision::decode::DecodeError;

use crate::contract::ContractError;

/// Why a model cannot be used, or did not respond.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server or the way to it.
    #[error(transparent)]
    Triton(#[from] triton::Error),
    /// The model is not of a kind that we can use, or its parameters are wrong.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// A model that classifies people, asked about something else.
    #[error(
        "model '{model}' classifies the vest of one person: set inference-region=people, \
         after elements that find people (tritoninfer model=movenet_multipose ! poseparse)"
    )]
    NeedsPeople {
        /// The model.
        model: Arc<str>,
    },
    /// An output that cannot be split into the regions that were asked about.
    #[error(
        "output '{output}': expected the batch, {batch}, as its first dimension, got shape {shape:?}; \
         a model without a batch dimension needs max_batch_size: 0 in its config.pbtxt"
    )]
    Batch {
        /// The output's name.
        output: Arc<str>,
        /// How many regions the request had.
        batch: usize,
        /// The output's shape.
        shape: Vec<i64>,
    },
    /// An output that does not match the contract.
    #[error("cannot decode the outputs of model '{model}': {reason}")]
    Decode {
        /// The model.
        model: Arc<str>,
        /// What does not match.
        reason: DecodeError,
    },
    /// A region that cannot be sampled into the model's input.
    #[error(transparent)]
    Sample(#[from] vision::letterbox::SampleError),
}

impl Error {
    /// Whether asking again is pointless: something about the set-up, the model or the request has to be corrected first.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Triton(error) => error.is_fatal(),
            Self::Contract(_) | Self::NeedsPeople { .. } | Self::Batch { .. } | Self::Decode { .. } => true,
            Self::Sample(_) => false,
        }
    }
}
