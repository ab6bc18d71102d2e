//! The model's `config.pbtxt`, as the JSON that Triton hands to a backend, reduced to what this backend acts on.
//!
//! Parameter names and meanings are those of NVIDIA's ONNX Runtime backend, so that one file serves both:
//! `intra_op_thread_count`, `inter_op_thread_count` (0: as many as cores), `execution_mode` (0 sequential, 1 parallel),
//! `enable_mem_arena`, `enable_mem_pattern`, `optimization { graph { level } }` and
//! `optimization { execution_accelerators { … } }`. `execution_provider` is ours. Other parameters are somebody else's
//! and are left alone.

mod json;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::signature::Tensor;
use crate::tensor::DataType;
use json::{RawConfig, RawTensor};

/// What the configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelConfig {
    /// The model's name.
    pub name: String,
    /// The largest batch; 0 where the model does not batch and the shapes are whole.
    pub max_batch_size: i64,
    /// The inputs, in the order of the file.
    pub inputs: Vec<TensorConfig>,
    /// The outputs, in the order of the file.
    pub outputs: Vec<TensorConfig>,
    /// The file in the version's folder.
    pub file_name: String,
    /// How to run it.
    pub options: Options,
}

/// An input or output as the model must have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorConfig {
    /// The tensor's name.
    pub name: String,
    /// Its type.
    pub dtype: DataType,
    /// The whole shape, with the batch dimension where the model batches; -1 is any size.
    pub dims: Vec<i64>,
    /// Whether a request may leave it out.
    pub optional: bool,
}

/// How ONNX Runtime is to run the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Threads within an operator; 0 or nothing: one per core.
    pub intra_threads: Option<usize>,
    /// Threads across operators, where `parallel` is set; 0 or nothing: one per core.
    pub inter_threads: Option<usize>,
    /// Run independent branches at the same time.
    pub parallel: bool,
    /// Keep freed memory in an arena; ONNX Runtime's default where nothing is said.
    pub memory_arena: Option<bool>,
    /// Plan the memory of a run ahead; ONNX Runtime's default where nothing is said.
    pub memory_pattern: Option<bool>,
    /// How far the graph is rewritten.
    pub graph_level: GraphLevel,
    /// The execution providers for instances on the CPU, in order of preference.
    pub cpu_providers: Vec<Provider>,
    /// The execution providers for instances on a GPU, in order of preference, before CUDA itself.
    pub gpu_providers: Vec<Provider>,
}

/// `optimization { graph { level } }`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GraphLevel {
    /// Not given: everything.
    #[default]
    All,
    /// -1.
    Basic,
    /// 1.
    Extended,
    /// 2: none.
    Disabled,
}

/// An execution provider with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Which one.
    pub kind: ProviderKind,
    /// Its options, in the provider's own words.
    pub options: BTreeMap<String, String>,
}

/// The execution providers that a configuration can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ProviderKind {
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
    #[must_use]
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
    /// Reads the JSON that `TRITONBACKEND_ModelConfig` gives.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field, what it says and what it should say.
    pub fn parse(json: &str) -> Result<Self> {
        let raw: RawConfig = serde_json::from_str(json).map_err(|error| Error::Config {
            model: String::new(),
            what: format!("the model configuration cannot be read: {error}"),
        })?;
        let fail = |what: String| Error::Config {
            model: raw.name.clone(),
            what,
        };
        let tensors = |raw_tensors: &[RawTensor]| {
            raw_tensors
                .iter()
                .map(|tensor| tensor.whole(raw.max_batch_size).map_err(fail))
                .collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            max_batch_size: raw.max_batch_size,
            inputs: tensors(&raw.input)?,
            outputs: tensors(&raw.output)?,
            file_name: Some(&raw.default_model_filename)
                .filter(|name| !name.is_empty())
                .map_or_else(|| "model.onnx".to_owned(), Clone::clone),
            options: raw.options().map_err(fail)?,
            name: raw.name.clone(),
        })
    }
}

/// The configuration `json` with the `input` or `output` that it leaves out.
///
/// # Errors
/// [`Error::DataType`] for a tensor that cannot be served.
pub fn complete(json: &str, inputs: &[Tensor], outputs: &[Tensor]) -> Result<String> {
    let mut config: Value = serde_json::from_str(json).unwrap_or_default();
    let batching = config["max_batch_size"].as_i64().unwrap_or(0) > 0;
    for (key, tensors) in [("input", inputs), ("output", outputs)] {
        if config[key].as_array().is_none_or(Vec::is_empty) {
            config[key] = tensors
                .iter()
                .map(|tensor| described(tensor, batching))
                .collect::<Result<_>>()?;
        }
    }
    Ok(config.to_string())
}

fn described(tensor: &Tensor, batching: bool) -> Result<Value> {
    let dtype = tensor.dtype.ok_or_else(|| Error::DataType {
        tensor: tensor.name.clone(),
        dtype: tensor.words.clone(),
    })?;
    let dims = tensor.dims.get(usize::from(batching)..).unwrap_or_default();
    let mut described = json!({ "name": tensor.name, "data_type": format!("TYPE_{dtype}"), "dims": dims });
    if dims.is_empty() {
        // Triton has no tensor without a dimension. Beside the batch a row of one element stands for it.
        described["dims"] = json!([1]);
        if batching {
            described["reshape"] = json!({ "shape": [] });
        }
    }
    Ok(described)
}

impl fmt::Display for TensorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.dims)
    }
}
