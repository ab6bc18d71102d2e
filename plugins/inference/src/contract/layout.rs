//! The tasks `pose` and `detect`: which layout the outputs have.

use triton::{ModelDescription, TensorSpec};
use vision::decode::{BoxLayout, DecodeError, PoseLayout};

use super::parameters::Parameters;
use super::{ContractError, Task, image, score_threshold};

/// Names a layout.
pub(super) const LAYOUT: &str = "shopfloor.output.layout";

/// Whether the outputs are a pose, by their names and shapes.
pub(super) fn is_pose(parameters: &Parameters, description: &ModelDescription) -> bool {
    let detected = PoseLayout::detect(&shapes(description), image::input_size(parameters, description));
    matches!(detected, Ok(_) | Err(DecodeError::Ambiguous { .. }))
}

/// The task `pose`, with the layout that the key names, otherwise the one that is inferred.
pub(super) fn pose(parameters: &Parameters, description: &ModelDescription) -> Result<Task, ContractError> {
    let known = PoseLayout::ALL.map(|layout| (layout.name(), layout));
    let named = parameters.choice(LAYOUT, &known)?;
    let layout = match named {
        Some(layout) => layout.find(&shapes(description)).map(|_| layout),
        None => PoseLayout::detect(&shapes(description), image::input_size(parameters, description)),
    };
    Ok(Task::Pose {
        layout: known_now(parameters, description, "pose", layout)?.or(named),
        score_threshold: score_threshold(parameters)?,
    })
}

/// The task `detect`, likewise.
pub(super) fn detect(parameters: &Parameters, description: &ModelDescription) -> Result<Task, ContractError> {
    let known = BoxLayout::ALL.map(|layout| (layout.name(), layout));
    let layout = match parameters.choice(LAYOUT, &known)? {
        Some(layout) => Ok(layout),
        None => BoxLayout::detect(&shapes(description), image::input_size(parameters, description)),
    };
    Ok(Task::Detect {
        layout: known_now(parameters, description, "detect", layout)?,
        score_threshold: score_threshold(parameters)?,
    })
}

/// The layout, or none where the shapes of the responses will tell, or where the task is only a guess: then the element that decodes
/// the outputs reports them.
fn known_now<Layout>(
    parameters: &Parameters,
    description: &ModelDescription,
    task: &str,
    layout: Result<Layout, DecodeError>,
) -> Result<Option<Layout>, ContractError> {
    match layout {
        Ok(layout) => Ok(Some(layout)),
        Err(_) if !description.outputs.iter().all(is_known) || parameters.get("shopfloor.task").is_none() => Ok(None),
        Err(error) => Err(undecodable(parameters, description, task, &error)),
    }
}

fn undecodable(
    parameters: &Parameters,
    description: &ModelDescription,
    task: &str,
    error: &DecodeError,
) -> ContractError {
    let found: Vec<String> = description
        .outputs
        .iter()
        .map(|output| format!("'{}' {output}", output.name))
        .collect();
    ContractError::new(
        parameters.model(),
        format!("outputs of a {task} model in a layout that can be decoded ({error})"),
        found.join(" and "),
    )
    .key(LAYOUT)
    .remedy("set the key in config.pbtxt to the layout of the outputs, or export the model as docs/models.md describes")
}

fn shapes(description: &ModelDescription) -> Vec<(&str, &[i64])> {
    let outputs = description.outputs.iter();
    outputs.map(|output| (&*output.name, &*output.shape)).collect()
}

/// Whether the dimensions are known, except for that of the batch.
fn is_known(output: &TensorSpec) -> bool {
    output.shape.iter().skip(1).all(|dim| *dim >= 0)
}
