//! A model's contract: what it wants and what it gives, read from its metadata and its `config.pbtxt`.
//!
//! The keys (`parameters` that begin with `shopfloor.`) are documented in `model_repository/README.md`.
//! Where one is missing, names and shapes are asked; what stays unknown is a [`ContractError`].

mod describe;
mod error;
mod image;
mod parameters;
mod people;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use error::ContractError;
pub use image::{Color, Fit, ImageInput, Layout};

use crate::grpc::inference;
use crate::{DataType, Error};
use describe::{Config, Metadata};
use parameters::Parameters;

/// What a model wants and gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// The model's name.
    pub model: String,
    /// The version that answers.
    pub version: u64,
    /// The most rows of one request; 0: the shapes have no batch dimension of Triton's.
    pub max_batch_size: u32,
    /// The tensors that a request carries.
    pub inputs: Vec<TensorSpec>,
    /// The tensors that a reply carries.
    pub outputs: Vec<TensorSpec>,
    /// All `parameters` of the model's configuration, ours and others'.
    pub parameters: BTreeMap<String, String>,
    /// How to make a tensor of a picture, or why that is not known.
    pub image: Result<ImageInput, ContractError>,
    /// What the answer means.
    pub task: Task,
}

/// A tensor as it stands in a request or a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Of its elements.
    pub datatype: DataType,
    /// The whole shape, -1 for what varies; the first dimension is the batch where the model's `max_batch_size` is not 0.
    pub shape: Vec<i64>,
}

/// What a model is for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Task {
    /// People and their 17 COCO keypoints.
    Pose {
        /// The layout of the output, such as `yolov7-pose`; `None`: to be told from the tensors.
        layout: Option<String>,
        /// People below it are dropped; `None`: the decoder's default.
        score_threshold: Option<f32>,
    },
    /// The colour of a person's vest.
    Vest {
        /// What the output's columns mean, in order.
        labels: Vec<String>,
        /// The tensor that has a logit for each label.
        output: Arc<str>,
    },
    /// People whole, with their vests: the outputs `boxes`, `scores`, `keypoints`, `vests` and `count` that
    /// `model_repository/README.md` describes are there.
    People {
        /// What the columns of `vests` mean, in order.
        labels: Vec<String>,
    },
    /// Not said: the tensors are passed on as they are.
    Tensors,
}

impl Contract {
    /// Reads a model's metadata and configuration, both in Triton's JSON.
    ///
    /// `version` is the one to use; without it, the highest that is served.
    pub fn parse(metadata: &str, config: &str, version: Option<u64>) -> Result<Self, Error> {
        let metadata = Metadata::parse(metadata)?;
        let config = Config::parse(&metadata.name, config)?;
        Self::new(metadata, &config, version)
    }

    /// Reads a model's metadata and configuration as they come by gRPC.
    pub(crate) fn from_grpc(
        metadata: inference::ModelMetadataResponse,
        config: inference::ModelConfig,
        version: Option<u64>,
    ) -> Result<Self, Error> {
        Self::new(metadata.into(), &config.into(), version)
    }

    fn new(metadata: Metadata, config: &Config, version: Option<u64>) -> Result<Self, Error> {
        let model = metadata.name.clone();
        if config.is_decoupled() {
            return Err(ContractError::new(
                &model,
                "a model with one reply a request",
                "model_transaction_policy { decoupled: true }",
            )
            .remedy("serve a model that is not decoupled")
            .into());
        }
        let version = metadata.served_version(version)?;
        let inputs = metadata.inputs(&model)?;
        let outputs = metadata.outputs(&model)?;
        let parameters = Parameters::new(&model, config.parameters())?;
        let task = Task::find(&parameters, &outputs)?;
        let image = ImageInput::find(&parameters, config, &inputs, &task);
        Ok(Self {
            version,
            max_batch_size: config.max_batch_size(),
            inputs,
            outputs,
            image,
            task,
            parameters: parameters.into_all(),
            model,
        })
    }

    /// How to make a tensor of a picture; an error where the model does not take one, or does not say how.
    pub fn image(&self) -> Result<&ImageInput, Error> {
        self.image.as_ref().map_err(|error| error.clone().into())
    }
}

impl Task {
    fn find(parameters: &Parameters, outputs: &[TensorSpec]) -> Result<Self, ContractError> {
        match parameters.get("shopfloor.task") {
            Some("pose") => Self::pose(parameters),
            Some("vest") => Self::vest(parameters, outputs),
            Some("people") => people::task(parameters, outputs),
            Some(other) => Err(parameters.wrong("shopfloor.task", "pose, vest or people", other)),
            None if parameters.get("shopfloor.labels").is_some() => Self::vest(parameters, outputs),
            None if outputs.iter().any(TensorSpec::looks_like_people) => Self::pose(parameters),
            None => Ok(Self::Tensors),
        }
    }

    fn pose(parameters: &Parameters) -> Result<Self, ContractError> {
        let score_threshold = parameters.number("shopfloor.score-threshold")?;
        if let Some(threshold) = score_threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
            return Err(parameters.wrong("shopfloor.score-threshold", "a number from 0 to 1", threshold));
        }
        Ok(Self::Pose {
            layout: parameters.get("shopfloor.output.layout").map(str::to_owned),
            score_threshold,
        })
    }

    fn vest(parameters: &Parameters, outputs: &[TensorSpec]) -> Result<Self, ContractError> {
        let labels = parameters.words("shopfloor.labels")?;
        let [output] = outputs else {
            let found = outputs
                .iter()
                .map(|output| &*output.name)
                .collect::<Vec<_>>()
                .join(", ");
            return Err(parameters.wrong("shopfloor.task", "one output for the task vest", found));
        };
        let columns = output.shape.last().copied().unwrap_or_default();
        if output.datatype != DataType::Fp32 || (columns != -1 && columns != labels.len() as i64) {
            let expected = format!("FP32 logits, one for each of the {} labels", labels.len());
            return Err(ContractError::new(parameters.model(), expected, output.describe())
                .tensor(&output.name)
                .key("shopfloor.labels")
                .remedy("name every column of the output, in order, in config.pbtxt"));
        }
        Ok(Self::Vest {
            labels,
            output: Arc::clone(&output.name),
        })
    }
}

impl TensorSpec {
    /// Whether the shape is that of a pose network's people: rows of box, scores and 17 keypoints (YOLOv7-Pose's
    /// 57 columns), or the 56 channels of YOLOv8-Pose.
    fn looks_like_people(&self) -> bool {
        matches!(self.shape[..], [.., _, 57] | [_, 56, _])
    }

    fn describe(&self) -> String {
        format!("{} {:?}", self.datatype, self.shape)
    }
}
