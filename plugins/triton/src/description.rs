//! A model's metadata and configuration as plain values, which each transport fills in from its own messages.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::Arc;

use serde::Deserialize;

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
    /// Number of executions that the server runs at the same time, over all instance groups; 0 if the configuration has
    /// none, as that of an ensemble.
    pub instances: u32,
    /// The largest preferred batch size of the dynamic batcher, in requests of one entry; 1 without one. `max_batch_size` as the
    /// only one counts as none, since that is what Triton reports of a batcher whose configuration prefers none.
    pub preferred_batch: u32,
    /// The models that an ensemble executes; empty for other models.
    pub steps: Vec<String>,
}

/// A server's own name and version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ServerMetadata {
    /// Its name; Triton's is `triton`.
    pub name: String,
    /// Its version, such as `2.51.0`.
    pub version: String,
}

impl ServerMetadata {
    /// Reads KServe v2 server metadata as JSON.
    pub(crate) fn from_json(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(|error| Error::ServerStart {
            reason: format!("its metadata cannot be read: {error}"),
        })
    }
}

impl Display for ServerMetadata {
    /// Such as `triton 2.51.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
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

impl Display for TensorSpec {
    /// Type and shape, such as `FP32 [1, 3, 480, 640]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.datatype, self.shape)
    }
}

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
    #[serde(default)]
    instance_group: Vec<InstanceGroup>,
    #[serde(default)]
    dynamic_batching: DynamicBatching,
    #[serde(default)]
    ensemble_scheduling: EnsembleScheduling,
}

#[derive(Deserialize)]
struct InstanceGroup {
    #[serde(default)]
    count: i64,
    /// One group of instances on each.
    #[serde(default)]
    gpus: Vec<i64>,
}

#[derive(Default, Deserialize)]
struct DynamicBatching {
    #[serde(default)]
    preferred_batch_size: Vec<i64>,
}

#[derive(Default, Deserialize)]
struct EnsembleScheduling {
    #[serde(default)]
    step: Vec<EnsembleStep>,
}

#[derive(Deserialize)]
struct EnsembleStep {
    model_name: String,
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
            instances: instances(
                config
                    .instance_group
                    .iter()
                    .map(|group| (group.count, group.gpus.len())),
            ),
            preferred_batch: preferred_batch(&config.dynamic_batching.preferred_batch_size, config.max_batch_size),
            steps: config
                .ensemble_scheduling
                .step
                .into_iter()
                .map(|step| step.model_name)
                .collect(),
            model: metadata.name,
        })
    }
}

/// The number of executions at a time, from the count and the number of GPUs of each instance group; 0 without one.
pub(crate) fn instances(groups: impl Iterator<Item = (i64, usize)>) -> u32 {
    let all = groups.map(|(count, gpus)| u32::try_from(count).unwrap_or(0).saturating_mul(gpus.max(1) as u32));
    all.fold(0, u32::saturating_add)
}

/// The largest of the preferred batch sizes; 1 without one, which Triton reports as the maximum batch size alone.
pub(crate) fn preferred_batch(sizes: &[i64], max_batch_size: i64) -> u32 {
    let stated = if sizes == [max_batch_size] { &[] } else { sizes };
    let largest = stated.iter().max().copied().unwrap_or(1);
    u32::try_from(largest).unwrap_or(1).max(1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batcher_that_prefers_no_size_says_nothing() {
        let table = [
            (&[][..], 0, 1),
            (&[], 32, 1),
            (&[32], 32, 1), // what Triton reports of `dynamic_batching { }`
            (&[8], 32, 8),
            (&[4, 8], 32, 8),
            (&[4, 32], 32, 32),
            (&[-4], 32, 1),
        ];
        for (sizes, max_batch_size, expected) in table {
            assert_eq!(
                preferred_batch(sizes, max_batch_size),
                expected,
                "{sizes:?} of {max_batch_size}"
            );
        }
    }
}
