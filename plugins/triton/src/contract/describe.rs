//! Triton's own words about a model: the parts of its metadata and configuration that a contract needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::{ContractError, TensorSpec};
use crate::grpc::inference;
use crate::grpc::inference::model_metadata_response::TensorMetadata;
use crate::{DataType, Error};

/// KServe v2 model metadata.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    inputs: Vec<Tensor>,
    #[serde(default)]
    outputs: Vec<Tensor>,
}

#[derive(Debug, Deserialize)]
struct Tensor {
    name: Arc<str>,
    datatype: String,
    shape: Vec<i64>,
}

impl Metadata {
    pub(super) fn parse(json: &str) -> Result<Self, ContractError> {
        serde_json::from_str(json).map_err(|error| ContractError::new("", "KServe v2 model metadata", error))
    }

    /// The version asked for, or the highest one.
    pub(super) fn served_version(&self, wanted: Option<u64>) -> Result<u64, Error> {
        let served = self.versions.iter().filter_map(|version| version.parse::<u64>().ok());
        let found = match wanted {
            Some(wanted) => served.clone().find(|version| *version == wanted),
            None => served.max(),
        };
        found.ok_or_else(|| Error::VersionNotFound {
            model: self.name.clone(),
            version: wanted.unwrap_or_default(),
            available: self.versions.clone(),
        })
    }

    pub(super) fn inputs(&self, model: &str) -> Result<Vec<TensorSpec>, ContractError> {
        self.inputs.iter().map(|tensor| tensor.spec(model)).collect()
    }

    pub(super) fn outputs(&self, model: &str) -> Result<Vec<TensorSpec>, ContractError> {
        self.outputs.iter().map(|tensor| tensor.spec(model)).collect()
    }
}

impl Tensor {
    fn spec(&self, model: &str) -> Result<TensorSpec, ContractError> {
        let datatype = DataType::from_name(&self.datatype)
            .ok_or_else(|| ContractError::new(model, "a KServe v2 data type", &self.datatype).tensor(&self.name))?;
        Ok(TensorSpec {
            name: Arc::clone(&self.name),
            datatype,
            shape: self.shape.clone(),
        })
    }
}

/// A model's `config.pbtxt` as Triton serialises it.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    max_batch_size: i64,
    #[serde(default)]
    input: Vec<ConfigInput>,
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    model_transaction_policy: Option<TransactionPolicy>,
}

#[derive(Debug, Deserialize)]
struct ConfigInput {
    name: String,
    #[serde(default)]
    format: String,
}

#[derive(Debug, Deserialize)]
struct Parameter {
    #[serde(default)]
    string_value: String,
}

#[derive(Debug, Deserialize)]
struct TransactionPolicy {
    #[serde(default)]
    decoupled: bool,
}

impl Config {
    pub(super) fn parse(model: &str, json: &str) -> Result<Self, ContractError> {
        serde_json::from_str(json).map_err(|error| ContractError::new(model, "a Triton model configuration", error))
    }

    /// 0 for models that do not batch.
    pub(super) fn max_batch_size(&self) -> u32 {
        u32::try_from(self.max_batch_size).unwrap_or(0)
    }

    pub(super) fn is_decoupled(&self) -> bool {
        self.model_transaction_policy
            .as_ref()
            .is_some_and(|policy| policy.decoupled)
    }

    /// `FORMAT_NCHW`, `FORMAT_NHWC`, or `FORMAT_NONE` where it is not said.
    pub(super) fn format(&self, input: &str) -> &str {
        self.input
            .iter()
            .find(|known| known.name == input)
            .map_or("FORMAT_NONE", |known| &known.format)
    }

    pub(super) fn parameters(&self) -> BTreeMap<String, String> {
        self.parameters
            .iter()
            .map(|(key, value)| (key.clone(), value.string_value.clone()))
            .collect()
    }
}

impl From<inference::ModelMetadataResponse> for Metadata {
    fn from(message: inference::ModelMetadataResponse) -> Self {
        let tensors = |tensors: Vec<TensorMetadata>| tensors.into_iter().map(Tensor::from).collect();
        Self {
            name: message.name,
            versions: message.versions,
            inputs: tensors(message.inputs),
            outputs: tensors(message.outputs),
        }
    }
}

impl From<TensorMetadata> for Tensor {
    fn from(message: TensorMetadata) -> Self {
        Self {
            name: message.name.into(),
            datatype: message.datatype,
            shape: message.shape,
        }
    }
}

impl From<inference::ModelConfig> for Config {
    fn from(message: inference::ModelConfig) -> Self {
        let input = |input: inference::ModelInput| ConfigInput {
            format: input.format().as_str_name().to_owned(),
            name: input.name,
        };
        let parameter = |(key, value): (String, inference::ModelParameter)| {
            let string_value = value.string_value;
            (key, Parameter { string_value })
        };
        Self {
            max_batch_size: message.max_batch_size.into(),
            input: message.input.into_iter().map(input).collect(),
            parameters: message.parameters.into_iter().map(parameter).collect(),
            model_transaction_policy: message.model_transaction_policy.map(|policy| TransactionPolicy {
                decoupled: policy.decoupled,
            }),
        }
    }
}
