//! Model descriptions from the JSON of the in-process server.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Deserialize;

use crate::{DataType, Error, ModelDescription, TensorFormat, TensorSpec};

/// KServe v2 model metadata.
#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    inputs: Vec<Tensor>,
    #[serde(default)]
    outputs: Vec<Tensor>,
}

#[derive(Deserialize)]
struct Tensor {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

/// A model's `config.pbtxt` as Triton serialises it.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    max_batch_size: i64,
    #[serde(default)]
    input: Vec<Input>,
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    #[serde(default)]
    model_transaction_policy: TransactionPolicy,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    #[serde(default)]
    format: String,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(default)]
    string_value: String,
}

#[derive(Default, Deserialize)]
struct TransactionPolicy {
    #[serde(default)]
    decoupled: bool,
}

impl ModelDescription {
    /// Reads a model's metadata (KServe v2) and configuration (Triton's `ModelConfig`), both in JSON.
    ///
    /// # Errors
    /// [`Error::Description`] if one of them is malformed or has a data type that is not in KServe v2.
    pub fn from_json(metadata: &str, config: &str) -> Result<Self, Error> {
        let metadata: Metadata =
            serde_json::from_str(metadata).map_err(|error| malformed("", "model metadata", error))?;
        let config: Config = serde_json::from_str(config)
            .map_err(|error| malformed(&metadata.name, "the model's configuration", error))?;
        let format = |input: &str| {
            let known = config.input.iter().find(|known| known.name == input);
            known.map_or(TensorFormat::None, |known| TensorFormat::from_name(&known.format))
        };
        let tensors = |tensors: Vec<Tensor>| {
            let specs = tensors.into_iter().map(|tensor| {
                let format = format(&tensor.name);
                spec(&metadata.name, &tensor.name, &tensor.datatype, tensor.shape, format)
            });
            specs.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            inputs: tensors(metadata.inputs)?,
            outputs: tensors(metadata.outputs)?,
            versions: metadata.versions,
            max_batch_size: u32::try_from(config.max_batch_size).unwrap_or(0),
            parameters: config
                .parameters
                .into_iter()
                .map(|(key, value)| (key, value.string_value))
                .collect(),
            decoupled: config.model_transaction_policy.decoupled,
            model: metadata.name,
        })
    }
}

/// The specification of a tensor, from the values that a server reports.
///
/// # Errors
/// [`Error::Description`] if the data type is not in KServe v2.
pub(crate) fn spec(
    model: &str,
    tensor: &str,
    datatype: &str,
    shape: Vec<i64>,
    format: TensorFormat,
) -> Result<TensorSpec, Error> {
    let Some(datatype) = DataType::from_name(datatype) else {
        let what = format!("the data type of tensor '{tensor}'");
        return Err(malformed(
            model,
            &what,
            format!("'{datatype}' is not a KServe v2 data type"),
        ));
    };
    Ok(TensorSpec {
        name: tensor.into(),
        datatype,
        shape,
        format,
    })
}

fn malformed(model: &str, what: &str, reason: impl Display) -> Error {
    Error::Description {
        model: model.to_owned(),
        reason: format!("cannot read {what}: {reason}"),
    }
}
