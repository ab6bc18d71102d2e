//! Errors, with the Triton error code of each.

use std::path::{Path, PathBuf};

use crate::tensor::DataType;

/// `TRITONSERVER_Error_Code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Triton's names
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
    /// The code with this number in Triton's C API; [`Code::Unknown`] for codes not listed here.
    pub(crate) fn from_raw(raw: u32) -> Self {
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

/// An error of the backend. Its text is shown by Triton's client, log or load call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error that Triton returned.
    #[error("{message}")]
    Triton {
        /// Triton's code.
        code: Code,
        /// Triton's message.
        message: String,
    },
    /// The server has another version of the backend API.
    #[error(
        "this server has TRITONBACKEND API {major}.{minor}, but the onnxruntime backend needs 1.19 or a later 1.x; use a \
         Triton with that API (24.10 or newer)"
    )]
    ApiVersion {
        /// The server's major version.
        major: u32,
        /// The server's minor version.
        minor: u32,
    },
    /// libonnxruntime was not found or cannot be used.
    #[error(
        "cannot load ONNX Runtime: {}; set the path of libonnxruntime.so from an onnxruntime package with \
         --backend-config=onnxruntime,library=PATH",
        .tried.join("; ")
    )]
    Library {
        /// Each path that was tried, with the reason why it was not used.
        tried: Vec<String>,
    },
    /// The process already has another ONNX Runtime; it can have only one.
    #[error(
        "cannot load ONNX Runtime from {}: this process already has it from {}; set the same library for all servers of \
         the process (--backend-config=onnxruntime,library=PATH)",
        .requested.display(), .loaded.display()
    )]
    OtherLibrary {
        /// The library in use.
        loaded: PathBuf,
        /// The library that was requested.
        requested: PathBuf,
    },
    /// The model configuration from Triton cannot be parsed.
    #[error(
        "cannot read the model configuration from Triton: {reason}; use a Triton release that this backend supports"
    )]
    ConfigJson {
        /// The parser's message.
        reason: String,
    },
    /// A field of config.pbtxt has a value that this backend does not accept.
    #[error("model '{model}': config.pbtxt: {problem}")]
    Config {
        /// The model's name.
        model: String,
        /// The field, its value, and the values that are accepted.
        problem: String,
    },
    /// The model repository is not on a file system.
    #[error(
        "model '{model}': the onnxruntime backend reads models from a local file system only; copy the model repository \
         to one"
    )]
    Repository {
        /// The model's name.
        model: String,
    },
    /// The version folder has no model file.
    #[error(
        "model '{model}': cannot load {}: there is no such file; {}",
        .path.display(), found_by(.readme.as_deref())
    )]
    NoFile {
        /// The model's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// A README in the model's folder.
        readme: Option<PathBuf>,
    },
    /// ONNX Runtime cannot load the model file.
    #[error(
        "model '{model}': cannot load {}: {reason}; expected an ONNX model there (default_model_filename in config.pbtxt \
         sets another file name)",
        .path.display()
    )]
    Load {
        /// The model's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// ONNX Runtime's message.
        reason: String,
    },
    /// The library does not have the execution provider.
    #[error(
        "model '{model}' needs the execution provider {provider}, but {} has only {}; use a library that has it \
         (--backend-config=onnxruntime,library=PATH) or remove it from config.pbtxt (for CUDA, use KIND_CPU)",
        .library.display(), .available.join(", ")
    )]
    Provider {
        /// The model's name.
        model: String,
        /// ONNX Runtime's name of the provider.
        provider: &'static str,
        /// The library in use.
        library: PathBuf,
        /// The providers that it has.
        available: Vec<String>,
    },
    /// A tensor differs between configuration and model file.
    #[error(transparent)]
    Mismatch(#[from] Box<Mismatch>),
    /// The size of an input does not match its data type and shape.
    #[error(
        "input '{tensor}' has {bytes} bytes, expected {expected} for {dtype} {shape:?}; send one value per element"
    )]
    InputSize {
        /// The tensor's name.
        tensor: String,
        /// Its data type.
        dtype: DataType,
        /// Its shape.
        shape: Vec<i64>,
        /// The bytes that it has.
        bytes: usize,
        /// The bytes that data type and shape take.
        expected: usize,
    },
    /// The data type of a tensor is not supported.
    #[error("tensor '{tensor}' has the data type {dtype}; the onnxruntime backend supports numbers and BOOL only")]
    DataType {
        /// The tensor's name.
        tensor: String,
        /// Its data type.
        dtype: String,
    },
    /// An output cannot be divided among the requests of the batch.
    #[error(
        "output '{tensor}' has the shape {shape:?} for batch size {batch_size}: expected the batch as its first dimension; \
         set max_batch_size: 0 in config.pbtxt if the model does not batch"
    )]
    OutputBatch {
        /// The tensor's name.
        tensor: String,
        /// Its shape.
        shape: Vec<i64>,
        /// The size of the batch that was run.
        batch_size: i64,
    },
    /// The model did not return a requested output as a tensor.
    #[error("the model returned no tensor for output '{tensor}'; check the model file")]
    NoOutput {
        /// The output's name.
        tensor: String,
    },
    /// The server has no memory for an output.
    #[error(
        "the server has no memory for the {bytes} bytes of output '{tensor}'; send fewer or smaller requests at a time"
    )]
    NoMemory {
        /// The output's name.
        tensor: String,
        /// The bytes that were requested.
        bytes: u64,
    },
    /// ONNX Runtime failed to run the model.
    #[error("ONNX Runtime: {0}")]
    Runtime(#[from] ort::Error),
    /// The client has cancelled the request before it was run.
    #[error("the request was cancelled before it was run")]
    Cancelled,
    /// Device memory cannot be accessed.
    #[error(transparent)]
    Cuda(#[from] cuda::Error),
    /// A bug in this backend; the server continues to run.
    #[error("the onnxruntime backend panicked: {0}; please report this with the server's log")]
    Panic(String),
}

/// How to get a missing model file; models whose weights may not be passed on have a README that says it.
fn found_by(readme: Option<&Path>) -> String {
    let default =
        || "put the ONNX model there, or name another file with default_model_filename in config.pbtxt".to_owned();
    readme.map_or_else(default, |readme| format!("{} says how to get it", readme.display()))
}

/// A tensor that differs between configuration and model file.
#[derive(Debug, thiserror::Error)]
#[error(
    "model '{model}': {direction} '{tensor}' {problem}: config.pbtxt has {configured}, {} has {found}; {remedy}",
    .path.display()
)]
pub struct Mismatch {
    pub(crate) model: String,
    /// The model file.
    pub(crate) path: PathBuf,
    /// `input` or `output`.
    pub(crate) direction: &'static str,
    pub(crate) tensor: String,
    pub(crate) problem: &'static str,
    /// The tensor in config.pbtxt.
    pub(crate) configured: String,
    /// The tensor in the model file.
    pub(crate) found: String,
    pub(crate) remedy: &'static str,
}

impl Error {
    /// The code under which Triton reports this error.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Triton { code, .. } => *code,
            Self::ApiVersion { .. } | Self::Provider { .. } | Self::DataType { .. } | Self::Repository { .. } => {
                Code::Unsupported
            }
            Self::Library { .. } | Self::NoFile { .. } => Code::NotFound,
            Self::OtherLibrary { .. } => Code::AlreadyExists,
            Self::ConfigJson { .. }
            | Self::Config { .. }
            | Self::Load { .. }
            | Self::Mismatch(_)
            | Self::InputSize { .. } => Code::InvalidArgument,
            Self::NoMemory { .. } => Code::Unavailable,
            Self::Cancelled => Code::Cancelled,
            Self::OutputBatch { .. } | Self::NoOutput { .. } | Self::Runtime(_) | Self::Cuda(_) | Self::Panic(_) => {
                Code::Internal
            }
        }
    }
}
