//! A model's metadata and configuration as plain values, which each transport fills in from its own messages.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{DataType, Error};

/// The parts of a model's metadata and configuration that a client needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelDescription {
    /// The model's name.
    pub model: String,
    /// The versions that the model's version policy makes available, as the server lists them.
    pub versions: Vec<String>,
    /// Maximum batch size of a request; 0: the shapes have no batch dimension managed by Triton.
    pub max_batch_size: u32,
    /// The input tensors of a request.
    pub inputs: Vec<TensorSpec>,
    /// The output tensors of a response.
    pub outputs: Vec<TensorSpec>,
    /// All `parameters` of the model's configuration.
    pub parameters: BTreeMap<String, String>,
    /// Whether the model may send any number of responses to a request (`model_transaction_policy { decoupled: true
    /// }`).
    pub decoupled: bool,
}

/// Name, data type and shape of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// The tensor's name.
    pub name: Arc<str>,
    /// The data type of its elements.
    pub datatype: DataType,
    /// The full shape, with -1 for variable dimensions; the first one is the batch if the model's `max_batch_size` is
    /// not 0.
    pub shape: Vec<i64>,
    /// The `format` in the model's configuration; inputs only.
    pub format: TensorFormat,
}

/// Order of an input's dimensions, from the model's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TensorFormat {
    /// Not configured (`FORMAT_NONE`).
    #[default]
    None,
    /// `FORMAT_NCHW`: one plane per channel.
    Nchw,
    /// `FORMAT_NHWC`: interleaved channels.
    Nhwc,
}

impl ModelDescription {
    /// The version to use: `requested`, or the highest available one.
    ///
    /// # Errors
    /// [`Error::VersionNotFound`] with the available versions.
    pub fn served_version(&self, requested: Option<u64>) -> Result<u64, Error> {
        let served = self.versions.iter().filter_map(|version| version.parse::<u64>().ok());
        let found = match requested {
            Some(requested) => served.clone().find(|version| *version == requested),
            None => served.max(),
        };
        found.ok_or_else(|| Error::VersionNotFound {
            model: self.model.clone(),
            version: requested.unwrap_or_default(),
            available: self.versions.clone(),
        })
    }
}

impl TensorFormat {
    /// The format of that name in a model's configuration, such as `FORMAT_NCHW`.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "FORMAT_NCHW" => Self::Nchw,
            "FORMAT_NHWC" => Self::Nhwc,
            _ => Self::None,
        }
    }
}

impl fmt::Display for TensorSpec {
    /// Type and shape, such as `FP32 [1, 3, 480, 640]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.datatype, self.shape)
    }
}
