//! The JSON of `TRITONBACKEND_ModelConfig`: the fields that the backend uses, and their conversion.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{GraphLevel, Options, Provider, ProviderKind, TensorConfig};
use crate::tensor::DataType;

/// A model configuration.
#[derive(Deserialize)]
pub(super) struct RawConfig {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) max_batch_size: i64,
    #[serde(default)]
    pub(super) input: Vec<RawTensor>,
    #[serde(default)]
    pub(super) output: Vec<RawTensor>,
    #[serde(default)]
    pub(super) default_model_filename: String,
    #[serde(default)]
    parameters: BTreeMap<String, RawParameter>,
    #[serde(default)]
    optimization: RawOptimization,
}

/// An input or output.
#[derive(Deserialize)]
pub(super) struct RawTensor {
    name: String,
    data_type: String,
    #[serde(default)]
    dims: Vec<i64>,
    reshape: Option<RawShape>,
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
struct RawShape {
    #[serde(default)]
    shape: Vec<i64>,
}

#[derive(Deserialize)]
struct RawParameter {
    #[serde(default)]
    string_value: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawOptimization {
    graph: RawGraph,
    execution_accelerators: RawAccelerators,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawGraph {
    level: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawAccelerators {
    gpu_execution_accelerator: Vec<RawAccelerator>,
    cpu_execution_accelerator: Vec<RawAccelerator>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawAccelerator {
    name: String,
    parameters: BTreeMap<String, String>,
}

impl RawTensor {
    /// The tensor that the model must have, with the batch dimension if the model batches.
    pub(super) fn with_batch(&self, max_batch_size: i64) -> Result<TensorConfig, String> {
        let dtype = DataType::from_config(&self.data_type).ok_or_else(|| {
            format!(
                "tensor '{}' has the data_type {}; the onnxruntime backend supports numbers and TYPE_BOOL only",
                self.name, self.data_type
            )
        })?;
        let dims = self.reshape.as_ref().map_or(&self.dims, |reshape| &reshape.shape);
        let batch = (max_batch_size > 0).then_some(-1);
        Ok(TensorConfig {
            name: self.name.clone(),
            dtype,
            dims: batch.into_iter().chain(dims.iter().copied()).collect(),
            optional: self.optional,
        })
    }
}

impl RawConfig {
    /// How ONNX Runtime runs the model.
    pub(super) fn options(&self) -> Result<Options, String> {
        let accelerators = &self.optimization.execution_accelerators;
        let mut cpu_providers = providers(&accelerators.cpu_execution_accelerator)?;
        let mut gpu_providers = providers(&accelerators.gpu_execution_accelerator)?;
        if let Some(name) = self.parameter("execution_provider") {
            let provider = Provider {
                kind: provider_kind(name)?,
                options: BTreeMap::new(),
            };
            cpu_providers.push(provider.clone());
            gpu_providers.push(provider);
        }
        Ok(Options {
            intra_threads: self.number("intra_op_thread_count")?,
            inter_threads: self.number("inter_op_thread_count")?,
            parallel: self.switch("execution_mode")?.unwrap_or(false),
            memory_arena: self.switch("enable_mem_arena")?,
            memory_pattern: self.switch("enable_mem_pattern")?,
            graph_level: match self.optimization.graph.level {
                0 => GraphLevel::All,
                -1 => GraphLevel::Basic,
                1 => GraphLevel::Extended,
                2 => GraphLevel::Disabled,
                other => {
                    return Err(format!(
                        "optimization.graph.level is {other}; expected -1 (basic), 1 (extended) or 2 (none)"
                    ));
                }
            },
            cpu_providers,
            gpu_providers,
        })
    }

    fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(|parameter| parameter.string_value.trim())
    }

    fn number(&self, key: &str) -> Result<Option<usize>, String> {
        let Some(text) = self.parameter(key) else {
            return Ok(None);
        };
        // ONNX Runtime takes a C int; no machine has more threads than this.
        match text.parse::<u16>() {
            Ok(number) => Ok(Some(usize::from(number))),
            Err(_) => Err(format!(
                "parameter {key} is '{text}'; expected a number of threads up to 65535, or 0 for one per core"
            )),
        }
    }

    fn switch(&self, key: &str) -> Result<Option<bool>, String> {
        match self.parameter(key) {
            None => Ok(None),
            Some("0") => Ok(Some(false)),
            Some("1") => Ok(Some(true)),
            Some(text) => Err(format!("parameter {key} is '{text}'; expected 0 or 1")),
        }
    }
}

fn providers(accelerators: &[RawAccelerator]) -> Result<Vec<Provider>, String> {
    accelerators
        .iter()
        .map(|raw| {
            let kind = provider_kind(&raw.name)?;
            let options = raw
                .parameters
                .iter()
                .map(|(key, value)| provider_option(kind, key, value))
                .collect();
            Ok(Provider { kind, options })
        })
        .collect()
}

fn provider_kind(name: &str) -> Result<ProviderKind, String> {
    ProviderKind::parse(name).ok_or_else(|| {
        let known: Vec<_> = ProviderKind::ALL.iter().map(|(name, _)| *name).collect();
        format!(
            "execution provider '{name}' is unknown; expected one of {}",
            known.join(", ")
        )
    })
}

/// An option by the name that the provider uses. Triton has its own names for some options of `tensorrt`.
fn provider_option(kind: ProviderKind, key: &str, value: &str) -> (String, String) {
    match (kind, key, value) {
        (ProviderKind::TensorRt, "precision_mode", "FP16") => ("trt_fp16_enable".into(), "1".into()),
        (ProviderKind::TensorRt, "precision_mode", "INT8") => ("trt_int8_enable".into(), "1".into()),
        (ProviderKind::TensorRt, "precision_mode", _) => ("trt_fp16_enable".into(), "0".into()),
        (ProviderKind::TensorRt, "max_workspace_size_bytes", size) => ("trt_max_workspace_size".into(), size.into()),
        (ProviderKind::TensorRt, key, value) if key.starts_with("int8_") => (format!("trt_{key}"), value.into()),
        _ => (key.into(), value.into()),
    }
}
