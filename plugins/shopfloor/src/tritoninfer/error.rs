//! What can go wrong between a model and the element that asks it.

/// Why a model cannot be used, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's own trouble.
    #[error(transparent)]
    Triton(#[from] triton::Error),
    /// A model of people, asked about something else.
    #[error(
        "model {model} tells the vest of one person: set inference-region=people, \
         after elements that find people (tritoninfer model=movenet_multipose ! poseparse)"
    )]
    NeedsPeople { model: String },
    /// An output that cannot be cut into the regions that were asked about.
    #[error(
        "output {output}: expected {rows} as its first dimension, one for each region of the request, got shape {shape:?}; \
         a model without a batch dimension needs max_batch_size: 0 in its config.pbtxt"
    )]
    Batch {
        output: std::sync::Arc<str>,
        rows: usize,
        shape: Vec<i64>,
    },
    /// An output that does not mean what the contract says.
    #[error(transparent)]
    Decode(#[from] vision::decode::DecodeError),
}

impl Error {
    /// Whether asking again is pointless.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Triton(error) => error.is_fatal(),
            Self::NeedsPeople { .. } | Self::Batch { .. } | Self::Decode(_) => true,
        }
    }
}
