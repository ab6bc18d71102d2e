//! What can go wrong, with the Triton code that each failure is reported under.

use std::path::PathBuf;

use crate::signature::Mismatch;
use crate::tensor::DataType;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `TRITONSERVER_Error_Code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Code {
    Unknown = 0,
    Internal = 1,
    NotFound = 2,
    InvalidArgument = 3,
    Unavailable = 4,
    Unsupported = 5,
    AlreadyExists = 6,
    Cancelled = 7,
}

impl Code {
    /// The code with Triton's number `raw`; one that is newer than this backend counts as unknown.
    #[must_use]
    pub fn from_triton(raw: i32) -> Self {
        match raw {
            1 => Self::Internal,
            2 => Self::NotFound,
            3 => Self::InvalidArgument,
            4 => Self::Unavailable,
            5 => Self::Unsupported,
            6 => Self::AlreadyExists,
            7 => Self::Cancelled,
            _ => Self::Unknown,
        }
    }
}

/// A failure of the backend. Its text is what Triton's client, log or load call shows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Triton's own error, passed on.
    #[error("{message}")]
    Triton {
        /// Triton's code.
        code: Code,
        /// Triton's text.
        message: String,
    },

    /// The server speaks another major version of the backend API.
    #[error(
        "the onnxruntime backend is written for TRITONBACKEND API 1.19 or newer of major version 1, \
         but this server has {major}.{minor}"
    )]
    ApiVersion {
        /// The server's major version.
        major: u32,
        /// The server's minor version.
        minor: u32,
    },

    /// No libonnxruntime, or one that cannot be used.
    #[error(
        "cannot use ONNX Runtime: {}; give the path of libonnxruntime.so from an onnxruntime package with \
         --backend-config=onnxruntime,library=PATH",
        .tried.join("; ")
    )]
    Library {
        /// One entry for each place that was tried: the path and why it was not used.
        tried: Vec<String>,
    },

    /// ONNX Runtime exists once per process.
    #[error(
        "this process already runs ONNX Runtime from {}, so {} cannot be used as well: give every server of the process \
         the same library",
        .loaded.display(), .asked.display()
    )]
    OtherLibrary {
        /// The library in use.
        loaded: PathBuf,
        /// The library that was asked for.
        asked: PathBuf,
    },

    /// The model configuration says something that this backend does not understand.
    #[error("model '{model}': {what}")]
    Config {
        /// The model's name.
        model: String,
        /// The field, what it says and what it should say.
        what: String,
    },

    /// The model repository is not on a file system.
    #[error("model '{model}' is not stored in a local file system, which is all that the onnxruntime backend reads")]
    Repository {
        /// The model's name.
        model: String,
    },

    /// ONNX Runtime refused the model file.
    #[error("model '{model}': cannot load {}: {reason}", .path.display())]
    Load {
        /// The model's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// ONNX Runtime's words.
        reason: String,
    },

    /// The execution provider is not part of the library.
    #[error(
        "model '{model}' asks for the execution provider {provider}, but {} has only {}: give a library built with it \
         (--backend-config=onnxruntime,library=PATH) or take it out of the model's config.pbtxt",
        .library.display(), .available.join(", ")
    )]
    Provider {
        /// The model's name.
        model: String,
        /// The provider as ONNX Runtime calls it.
        provider: &'static str,
        /// The library in use.
        library: PathBuf,
        /// The providers that it has.
        available: Vec<String>,
    },

    /// Configuration and model file disagree about a tensor.
    #[error(transparent)]
    Tensor(Box<Mismatch>),

    /// An input of a request cannot be what it claims to be.
    #[error("input '{tensor}' has {bytes} bytes, but {dtype} {shape:?} takes {expected}")]
    InputSize {
        /// The tensor's name.
        tensor: String,
        /// Its type.
        dtype: DataType,
        /// Its shape.
        shape: Vec<i64>,
        /// The bytes it has.
        bytes: usize,
        /// The bytes it should have.
        expected: usize,
    },

    /// A tensor has a type that cannot be exchanged with Triton as plain bytes.
    #[error("tensor '{tensor}' has the type {dtype}, which the onnxruntime backend does not support")]
    DataType {
        /// The tensor's name.
        tensor: String,
        /// Its type.
        dtype: String,
    },

    /// The model gave an output that cannot be divided among the requests of the batch.
    #[error(
        "output '{tensor}' has the shape {shape:?} for a batch of {rows}: its first dimension must be the batch; \
         set max_batch_size to 0 for a model that does not batch"
    )]
    OutputBatch {
        /// The tensor's name.
        tensor: String,
        /// Its shape.
        shape: Vec<i64>,
        /// The batch that was run.
        rows: i64,
    },

    /// The model left a requested output out, or gave something that is no tensor.
    #[error("the model gave no tensor for output '{tensor}'")]
    NoOutput {
        /// The output's name.
        tensor: String,
    },

    /// The server has no memory for an output.
    #[error("the server gave no memory for the {bytes} bytes of output '{tensor}'")]
    NoMemory {
        /// The output's name.
        tensor: String,
        /// The bytes that were asked for.
        bytes: u64,
    },

    /// ONNX Runtime failed while running the model.
    #[error("ONNX Runtime: {0}")]
    Runtime(#[from] ort::Error),

    /// Device memory could not be reached.
    #[error("CUDA: {0}")]
    Cuda(String),

    /// A bug of this backend; the server goes on.
    #[error("the onnxruntime backend panicked: {0}")]
    Panic(String),
}

impl Error {
    /// The code that Triton reports this failure under.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Triton { code, .. } => *code,
            Self::ApiVersion { .. } | Self::Provider { .. } | Self::DataType { .. } | Self::Repository { .. } => {
                Code::Unsupported
            }
            Self::Library { .. } => Code::NotFound,
            Self::OtherLibrary { .. } => Code::AlreadyExists,
            Self::Config { .. } | Self::Load { .. } | Self::Tensor(_) | Self::InputSize { .. } => Code::InvalidArgument,
            Self::NoMemory { .. } => Code::Unavailable,
            Self::OutputBatch { .. } | Self::NoOutput { .. } | Self::Runtime(_) | Self::Cuda(_) | Self::Panic(_) => {
                Code::Internal
            }
        }
    }
}
