//! What the runner needs of a model's `config.pbtxt`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use triton::{DataType, ModelDescription, TensorFormat, TensorSpec};

use super::pbtxt::Message;

/// A model of the repository.
#[derive(Clone, Debug)]
pub struct Config {
    /// What a client is told.
    pub description: ModelDescription,
    /// Number of Triton's instances of the model.
    pub instances: usize,
    /// Threads of each within an operator; `None`: one a core.
    pub threads: Option<usize>,
    /// The file of the network; an ensemble has none.
    pub file: PathBuf,
    /// The steps of an ensemble in their order; empty for other models.
    pub steps: Vec<EnsembleStep>,
}

/// A step of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnsembleStep {
    /// The model.
    pub model: String,
    /// Its inputs: the model's name and the ensemble's name of each.
    pub inputs: Vec<(String, String)>,
    /// Likewise its outputs.
    pub outputs: Vec<(String, String)>,
}

impl Config {
    /// Reads the configuration of a model in a repository.
    pub fn read(repository: &Path, model: &str) -> Result<Self> {
        let folder = repository.join(model);
        let file = folder.join("config.pbtxt");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let parsed = Message::read(&text).and_then(|message| Self::of(model, &message, &folder));
        parsed.with_context(|| format!("{} is not a configuration that the runner knows", file.display()))
    }

    fn of(model: &str, message: &Message, folder: &Path) -> Result<Self> {
        let batch = message.number("max_batch_size", 0)?;
        let tensors = |field| {
            message
                .messages(field)
                .map(|tensor| spec(tensor, batch > 0))
                .collect::<Result<Vec<_>>>()
        };
        let parameters: BTreeMap<_, _> = message.messages("parameters").filter_map(parameter).collect();
        let steps = message
            .messages("ensemble_scheduling")
            .flat_map(|scheduling| scheduling.messages("step"))
            .map(step)
            .collect::<Result<Vec<_>>>()?;
        let counts = message.messages("instance_group").map(|group| group.number("count", 1));
        let instances = counts.sum::<Result<i64>>()?.max(1) as usize;
        let threads = match parameters.get("intra_op_thread_count").map(String::as_str) {
            None | Some("0") => None,
            Some(text) => Some(text.trim().parse::<usize>().context("intra_op_thread_count")?),
        };
        let version = newest_version(folder)?;
        let file = message.text("default_model_filename").unwrap_or("model.onnx");
        Ok(Self {
            description: ModelDescription {
                model: model.to_owned(),
                versions: vec![version.clone()],
                max_batch_size: batch.try_into()?,
                inputs: tensors("input")?,
                outputs: tensors("output")?,
                parameters,
                decoupled: false,
                // One more waits than is run, so that no thread need wait; an ensemble has one more for each of its models.
                instances: (instances + steps.len().max(1)) as u32,
                preferred_batch: 1,
                steps: Vec::new(),
            },
            instances,
            threads,
            file: folder.join(version).join(file),
            steps,
        })
    }
}

fn newest_version(folder: &Path) -> Result<String> {
    let entries = fs::read_dir(folder)?.flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
    let newest = numbers.max();
    Ok(newest
        .context("the model has no version's folder, such as 1")?
        .to_string())
}

fn parameter(message: &Message) -> Option<(String, String)> {
    let value = message.messages("value").next()?.text("string_value")?;
    Some((message.text("key")?.to_owned(), value.to_owned()))
}

fn spec(tensor: &Message, batches: bool) -> Result<TensorSpec> {
    let name = tensor.text("name").context("a tensor has no name")?;
    let configured = tensor.text("data_type").unwrap_or_default();
    let datatype = configured.strip_prefix("TYPE_").and_then(DataType::from_name);
    let shape = batches.then_some(Ok(-1)).into_iter();
    let shape = shape.chain(tensor.texts("dims").map(|size| size.parse::<i64>().context("dims")));
    Ok(TensorSpec {
        name: name.into(),
        datatype: datatype.with_context(|| format!("{name}: {configured} is no type"))?,
        shape: shape.collect::<Result<_>>()?,
        format: match tensor.text("format") {
            Some("FORMAT_NCHW") => TensorFormat::Nchw,
            Some("FORMAT_NHWC") => TensorFormat::Nhwc,
            _ => TensorFormat::None,
        },
    })
}

fn step(message: &Message) -> Result<EnsembleStep> {
    let names = |field| {
        let pair = |map: &Message| Some((map.text("key")?.to_owned(), map.text("value")?.to_owned()));
        let pairs: Option<Vec<_>> = message.messages(field).map(pair).collect();
        pairs.with_context(|| format!("{field} has no key or no value"))
    };
    let step = EnsembleStep {
        model: message
            .text("model_name")
            .context("a step has no model_name")?
            .to_owned(),
        inputs: names("input_map")?,
        outputs: names("output_map")?,
    };
    ensure!(!step.inputs.is_empty(), "a step has no input_map");
    if step.outputs.is_empty() {
        bail!("a step has no output_map");
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../model_repository")
    }

    #[test]
    fn a_shipped_network_is_read() {
        let config = Config::read(&shipped(), "vest_resnet18").unwrap();
        let description = &config.description;
        assert_eq!((description.max_batch_size, config.threads), (32, Some(1)));
        assert_eq!(description.inputs[0].shape, [-1, 3, 64, 64]);
        assert_eq!(description.inputs[0].datatype, DataType::Fp32);
        assert_eq!(description.parameters["shopfloor.task"], "vest");
        assert!(config.file.is_file() && config.steps.is_empty());
        let detector = Config::read(&shipped(), "person_detector").unwrap();
        assert_eq!((detector.instances, detector.threads), (2, Some(1)));
    }

    #[test]
    fn a_shipped_ensemble_is_read() {
        let config = Config::read(&shipped(), "person_pose").unwrap();
        let models: Vec<_> = config.steps.iter().map(|step| step.model.as_str()).collect();
        assert_eq!(
            models,
            ["person_detector", "person_crop", "movenet_lightning", "person_join"]
        );
        let pair = |model: &str, ensemble: &str| (model.to_owned(), ensemble.to_owned());
        assert_eq!(config.steps[0].inputs, [pair("images", "images")]);
        assert_eq!(config.steps[3].outputs, [pair("poses", "output")]);
        assert_eq!(config.description.inputs[0].shape, [1, 3, -1, -1]);
    }

    #[test]
    fn a_missing_model_is_named() {
        let error = Config::read(&shipped(), "nobody").unwrap_err();
        assert!(format!("{error:#}").contains("nobody"), "{error:#}");
    }
}
