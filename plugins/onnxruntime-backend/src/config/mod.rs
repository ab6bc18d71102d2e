//! The model's `config.pbtxt`, which Triton passes to a backend as JSON: the fields that this backend uses.
//!
//! Names and meanings of the parameters are those of NVIDIA's ONNX Runtime backend, so that both can use one file:
//! `intra_op_thread_count`, `inter_op_thread_count` (0: one thread per core), `execution_mode` (0 sequential,
//! 1 parallel), `enable_mem_arena`, `enable_mem_pattern`, `optimization { graph { level } }` and
//! `optimization { execution_accelerators { … } }`. `execution_provider` exists in this backend only. Other parameters
//! are ignored: they belong to clients.
//!
//! A configuration that lacks inputs or outputs is completed from the model file as NVIDIA's backend does it, see
//! [`Model::completed`](crate::model::Model::completed).

mod json;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::error::Error;
use crate::tensor::DataType;
use json::{RawConfig, RawTensor};

/// The configuration of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelConfig {
    pub name: String,
    /// The largest batch size; 0 if the model does not batch.
    pub max_batch_size: i64,
    /// The inputs, in the order of the file.
    pub inputs: Vec<TensorConfig>,
    /// The outputs, in the order of the file.
    pub outputs: Vec<TensorConfig>,
    /// The model file in the version folder.
    pub file_name: String,
    /// How ONNX Runtime runs the model.
    pub options: Options,
}

/// An input or output that the model must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorConfig {
    pub name: String,
    pub dtype: DataType,
    /// The shape, including the batch dimension if the model batches; -1 is a variable size.
    pub dims: Vec<i64>,
    /// Whether requests may omit it.
    pub optional: bool,
}

/// How ONNX Runtime runs a model. `None` is ONNX Runtime's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Threads within an operator; 0 is one per core, the default.
    pub intra_threads: Option<usize>,
    /// Threads across operators if `parallel` is set; 0 is one per core, the default.
    pub inter_threads: Option<usize>,
    /// Whether independent branches run at the same time.
    pub parallel: bool,
    /// Whether freed memory is kept in an arena.
    pub memory_arena: Option<bool>,
    /// Whether the memory of a run is planned ahead.
    pub memory_pattern: Option<bool>,
    /// How far the graph is optimised.
    pub graph_level: GraphLevel,
    /// Execution providers for instances on the CPU, in order of preference.
    pub cpu_providers: Vec<Provider>,
    /// Execution providers for instances on a GPU, in order of preference; CUDA follows them.
    pub gpu_providers: Vec<Provider>,
}

/// `optimization { graph { level } }`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum GraphLevel {
    /// Not set: all optimisations.
    #[default]
    All,
    /// -1.
    Basic,
    /// 1.
    Extended,
    /// 2: no optimisation.
    Disabled,
}

/// An execution provider with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    pub kind: ProviderKind,
    /// Its options, by the names that the provider uses.
    pub options: BTreeMap<String, String>,
}

/// The execution providers that a configuration can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProviderKind {
    Cpu,
    Cuda,
    TensorRt,
    OpenVino,
}

impl ProviderKind {
    const ALL: [(&'static str, Self); 4] = [
        ("cpu", Self::Cpu),
        ("cuda", Self::Cuda),
        ("tensorrt", Self::TensorRt),
        ("openvino", Self::OpenVino),
    ];

    /// ONNX Runtime's name for it.
    pub fn onnx(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
            Self::TensorRt => "TensorrtExecutionProvider",
            Self::OpenVino => "OpenVINOExecutionProvider",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let short = name.to_ascii_lowercase();
        let short = short.strip_suffix("executionprovider").unwrap_or(&short);
        Self::ALL
            .iter()
            .find(|(known, _)| *known == short)
            .map(|(_, kind)| *kind)
    }
}

impl ModelConfig {
    /// Parses the JSON of `TRITONBACKEND_ModelConfig`.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and the values that are accepted; [`Error::ConfigJson`] if it is not
    /// the JSON of a configuration.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let raw: RawConfig = serde_json::from_str(json).map_err(|error| Error::ConfigJson {
            reason: error.to_string(),
        })?;
        let model = raw.name.clone();
        Self::from_raw(raw).map_err(|problem| Error::Config { model, problem })
    }

    fn from_raw(raw: RawConfig) -> Result<Self, String> {
        let tensors = |tensors: &[RawTensor]| {
            let with_batch = tensors.iter().map(|tensor| tensor.with_batch(raw.max_batch_size));
            with_batch.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            max_batch_size: raw.max_batch_size,
            inputs: tensors(&raw.input)?,
            outputs: tensors(&raw.output)?,
            options: raw.options()?,
            file_name: if raw.default_model_filename.is_empty() {
                "model.onnx".to_owned()
            } else {
                raw.default_model_filename
            },
            name: raw.name,
        })
    }
}

/// What a configuration lacks, from the model file.
pub(crate) struct Completion<'a> {
    pub max_batch_size: i64,
    /// The inputs with their batch dimension if the model batches; `None`: the configuration has them.
    pub inputs: Option<&'a [TensorConfig]>,
    /// Likewise.
    pub outputs: Option<&'a [TensorConfig]>,
}

/// The configuration `json` with what it lacked. Requests of a model that batches are queued to form batches, unless the
/// configuration has a scheduler.
pub(crate) fn complete(json: &str, completion: &Completion<'_>) -> String {
    let mut config: Value = serde_json::from_str(json).unwrap_or_default();
    config["max_batch_size"] = completion.max_batch_size.into();
    let has_scheduler = ["dynamic_batching", "sequence_batching"]
        .iter()
        .any(|scheduler| config.get(scheduler).is_some());
    if completion.max_batch_size > 1 && !has_scheduler {
        config["dynamic_batching"] = json!({});
    }
    let batching = completion.max_batch_size > 0;
    for (key, tensors) in [("input", completion.inputs), ("output", completion.outputs)] {
        if let Some(tensors) = tensors {
            config[key] = tensors.iter().map(|tensor| described(tensor, batching)).collect();
        }
    }
    config.to_string()
}

fn described(tensor: &TensorConfig, batching: bool) -> Value {
    let TensorConfig { name, dtype, dims, .. } = tensor;
    let dims = dims.get(usize::from(batching)..).unwrap_or_default();
    let mut described = json!({ "name": name, "data_type": format!("TYPE_{dtype}"), "dims": dims });
    if dims.is_empty() {
        // Triton requires a dimension. Beside the batch dimension, one element is reshaped to none.
        described["dims"] = json!([1]);
        if batching {
            described["reshape"] = json!({ "shape": [] });
        }
    }
    described
}

impl fmt::Display for TensorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.dims)
    }
}
