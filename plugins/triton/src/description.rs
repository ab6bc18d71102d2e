//! What a server reports about a model, in plain values: each transport fills it, whatever it is reported in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{DataType, Error};

/// What a server reports about a model: the parts of its metadata and configuration that a client needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelDescription {
    /// The model's name.
    pub model: String,
    /// The versions that the model's version policy serves, as the server lists them.
    pub versions: Vec<String>,
    /// The largest batch of one request; 0: the shapes have no batch dimension of Triton's.
    pub max_batch_size: u32,
    /// The tensors of a request.
    pub inputs: Vec<TensorSpec>,
    /// The tensors of a response.
    pub outputs: Vec<TensorSpec>,
    /// All `parameters` of the model's configuration.
    pub parameters: BTreeMap<String, String>,
    /// Whether the model may send any number of responses to a request (`model_transaction_policy { decoupled: true }`).
    pub decoupled: bool,
}

/// A tensor as it stands in a request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name.
    pub name: Arc<str>,
    /// The type of its elements.
    pub datatype: DataType,
    /// The whole shape, -1 for what varies; the first dimension is the batch where the model's `max_batch_size` is not 0.
    pub shape: Vec<i64>,
    /// The `format` of the model's configuration; only inputs have one.
    pub format: TensorFormat,
}

/// How an input's dimensions are to be read, as the model's configuration says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TensorFormat {
    /// Not said.
    #[default]
    None,
    /// `FORMAT_NCHW`: a plane for each channel.
    Nchw,
    /// `FORMAT_NHWC`: channels next to each other.
    Nhwc,
}

impl ModelDescription {
    /// The version to use: `wanted`, or the highest that is served.
    ///
    /// # Errors
    /// [`Error::VersionNotFound`] with the versions that are served.
    pub fn served_version(&self, wanted: Option<u64>) -> Result<u64, Error> {
        let served = self.versions.iter().filter_map(|version| version.parse::<u64>().ok());
        let found = match wanted {
            Some(wanted) => served.clone().find(|version| *version == wanted),
            None => served.max(),
        };
        found.ok_or_else(|| Error::VersionNotFound {
            model: self.model.clone(),
            version: wanted.unwrap_or_default(),
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
