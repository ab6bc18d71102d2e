//! A model's contract: its input format and the meaning of its outputs, from its description.
//!
//! The keys (`parameters` in `config.pbtxt` that begin with `shopfloor.`) are documented in
//! `model_repository/README.md`. The value of a missing key is inferred from names and shapes; if that is not possible,
//! reading fails with [`ContractError`].

mod error;
mod image;
mod layout;
mod parameters;
mod people;

use std::fmt;
use std::sync::Arc;

use ::people::VestName;
use triton::{DataType, ModelDescription, TensorSpec};
use vision::Keypoint;
use vision::decode::{BoxLayout, PoseLayout};

pub use error::ContractError;
pub use image::ImageInput;

use parameters::Parameters;

/// A model's input format and the meaning of its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// The model's name.
    pub model: Arc<str>,
    /// The image input.
    pub image: ImageInput,
    /// The meaning of the outputs.
    pub task: Task,
}

impl fmt::Display for Contract {
    /// Task and input, such as `people, input frame UINT8 [1, 480, 640, 3]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = match &self.task {
            Task::Pose { .. } => "pose",
            Task::Detect { .. } => "detect",
            Task::Keypoints { .. } => "keypoints",
            Task::Vest { .. } => "vest",
            Task::People { .. } => "people",
            Task::Tensors => "tensors",
        };
        let image = &self.image;
        write!(
            f,
            "{task}, input {} {} {:?}",
            image.name,
            image.datatype(),
            image.shape(1)
        )
    }
}

/// The task of a model, which defines the meaning of its outputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Task {
    /// People and their 17 COCO keypoints.
    Pose {
        /// The layout of the outputs; `None`: detected from the tensors of each response, whose shapes are not all known before.
        layout: Option<PoseLayout>,
        /// Minimum score of a person; `None`: the decoder's default.
        score_threshold: Option<f32>,
    },
    /// People without keypoints: the objects of class 0 of an object detector.
    Detect {
        /// The layout of the output; `None`: detected from the tensors of each response, whose shapes are not all known before.
        layout: Option<BoxLayout>,
        /// Minimum score of a person; `None`: the decoder's default.
        score_threshold: Option<f32>,
    },
    /// The 17 COCO keypoints of one person.
    Keypoints {
        /// The name of the output FP32 or FP16 `[n, 17, 3]`: x, y in pixels of the input, and confidence.
        output: Arc<str>,
    },
    /// The colour of a person's vest.
    Vest {
        /// The classes of the output's columns, in order.
        labels: Arc<[VestName]>,
        /// The name of the output with one logit for each label.
        output: Arc<str>,
    },
    /// People with their vests: the model has the outputs `boxes`, `scores`, `keypoints`, `vests` and `count` that
    /// `model_repository/README.md` describes.
    People {
        /// The classes of the columns of `vests`, in order.
        labels: Arc<[VestName]>,
    },
    /// Unknown: the outputs are passed on as tensors.
    Tensors,
}

impl Contract {
    /// Reads a model's contract from its description.
    ///
    /// # Errors
    /// If the model is decoupled, does not have one image input, or has an unknown or invalid parameter.
    pub fn read(description: &ModelDescription) -> Result<Self, ContractError> {
        let model = &description.model;
        if description.decoupled {
            return Err(ContractError::new(
                model,
                "a model with one response for each request",
                "model_transaction_policy { decoupled: true }",
            )
            .remedy("use a model that is not decoupled"));
        }
        let parameters = Parameters::new(model, &description.parameters)?;
        let task = Task::find(&parameters, description)?;
        Ok(Self {
            model: model.as_str().into(),
            image: ImageInput::find(&parameters, description, &task)?,
            task,
        })
    }
}

impl Task {
    fn find(parameters: &Parameters, description: &ModelDescription) -> Result<Self, ContractError> {
        let outputs = &description.outputs;
        match parameters.get("shopfloor.task") {
            Some("pose") => layout::pose(parameters, description),
            Some("detect") => layout::detect(parameters, description),
            Some("keypoints") => Self::keypoints(parameters, outputs),
            Some("vest") => Self::vest(parameters, outputs),
            Some("people") => people::task(parameters, outputs),
            Some(other) => Err(parameters.wrong("shopfloor.task", "pose, detect, keypoints, vest or people", other)),
            None if parameters.get("shopfloor.labels").is_some() => Self::vest(parameters, outputs),
            None if parameters.get(layout::LAYOUT).is_some() || layout::is_pose(parameters, description) => {
                layout::pose(parameters, description)
            }
            None => Ok(Self::Tensors),
        }
    }

    fn keypoints(parameters: &Parameters, outputs: &[TensorSpec]) -> Result<Self, ContractError> {
        let output = one_output(parameters, outputs, "keypoints", &[-1, Keypoint::COUNT as i64, 3])?;
        Ok(Self::Keypoints {
            output: Arc::clone(&output.name),
        })
    }

    fn vest(parameters: &Parameters, outputs: &[TensorSpec]) -> Result<Self, ContractError> {
        let labels = labels(parameters)?;
        let output = only(parameters, outputs, "vest")?;
        let columns = output.shape.last().copied().unwrap_or_default();
        if !is_float(output.datatype) || (columns != -1 && columns != labels.len() as i64) {
            let expected = format!("FP32 or FP16 logits, one for each of the {} labels", labels.len());
            return Err(ContractError::new(parameters.model(), expected, output)
                .tensor(&output.name)
                .key("shopfloor.labels")
                .remedy("name every column of the output, in order, in config.pbtxt"));
        }
        Ok(Self::Vest {
            labels: labels.into(),
            output: Arc::clone(&output.name),
        })
    }
}

/// Whether elements can be decoded as numbers.
fn is_float(datatype: DataType) -> bool {
    matches!(datatype, DataType::Fp32 | DataType::Fp16)
}

/// The minimum score of a person, if the model's configuration has one.
fn score_threshold(parameters: &Parameters) -> Result<Option<f32>, ContractError> {
    let threshold = parameters.number("shopfloor.score-threshold")?;
    match threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
        Some(threshold) => Err(parameters.wrong("shopfloor.score-threshold", "a number from 0 to 1", threshold)),
        None => Ok(threshold),
    }
}

/// The only output of a model.
fn only<'a>(parameters: &Parameters, outputs: &'a [TensorSpec], task: &str) -> Result<&'a TensorSpec, ContractError> {
    let [output] = outputs else {
        let found: Vec<_> = outputs.iter().map(|output| &*output.name).collect();
        let expected = format!("one output for the task {task}");
        return Err(parameters.wrong("shopfloor.task", expected, found.join(", ")));
    };
    Ok(output)
}

/// The only output of a model, of `shape`, in which -1 is any number.
fn one_output<'a>(
    parameters: &Parameters,
    outputs: &'a [TensorSpec],
    task: &str,
    shape: &[i64],
) -> Result<&'a TensorSpec, ContractError> {
    let output = only(parameters, outputs, task)?;
    if is_float(output.datatype) && people::may_be(&output.shape, shape) {
        return Ok(output);
    }
    let expected = format!("FP32 or FP16 {shape:?} for the task {task}");
    Err(ContractError::new(parameters.model(), expected, output)
        .tensor(&output.name)
        .key("shopfloor.task")
        .remedy("give the model the output that model_repository/README.md lists for the task"))
}

fn labels(parameters: &Parameters) -> Result<Vec<VestName>, ContractError> {
    let words = parameters.words("shopfloor.labels")?;
    Ok(words.into_iter().map(Into::into).collect())
}
