//! The task `pose`: which layout the outputs have.

use triton::{ModelDescription, TensorSpec};
use vision::decode::{DecodeError, PoseLayout};

use super::parameters::Parameters;
use super::{ContractError, Task, image};

const LAYOUT: &str = "shopfloor.output.layout";

/// Whether the outputs are a pose, by their names and shapes.
pub(super) fn is_pose(parameters: &Parameters, description: &ModelDescription) -> bool {
    matches!(
        detect(parameters, description),
        Ok(_) | Err(DecodeError::Ambiguous { .. })
    )
}

/// The task, with the layout that the key names, otherwise the one that is inferred.
pub(super) fn task(parameters: &Parameters, description: &ModelDescription) -> Result<Task, ContractError> {
    let score_threshold = parameters.number("shopfloor.score-threshold")?;
    if let Some(threshold) = score_threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
        return Err(parameters.wrong("shopfloor.score-threshold", "a number from 0 to 1", threshold));
    }
    let layouts = PoseLayout::ALL.map(|layout| (layout.name(), layout));
    let layout = match parameters.choice(LAYOUT, &layouts)? {
        Some(layout) => layout.find(&shapes(description)).map(|_| layout),
        None => detect(parameters, description),
    };
    match layout {
        Ok(layout) => Ok(Task::Pose {
            layout: Some(layout),
            score_threshold,
        }),
        // The shapes of the responses will tell, or the model's task is only a guess that `poseparse` reports if it is used.
        Err(_) if !description.outputs.iter().all(is_known) || parameters.get("shopfloor.task").is_none() => {
            Ok(Task::Pose {
                layout: parameters.choice(LAYOUT, &layouts)?,
                score_threshold,
            })
        }
        Err(error) => Err(undecodable(parameters, description, &error)),
    }
}

fn undecodable(parameters: &Parameters, description: &ModelDescription, error: &DecodeError) -> ContractError {
    let found: Vec<String> = description
        .outputs
        .iter()
        .map(|output| format!("'{}' {output}", output.name))
        .collect();
    ContractError::new(
        parameters.model(),
        format!("outputs of a pose model in a layout that can be decoded ({error})"),
        found.join(" and "),
    )
    .key(LAYOUT)
    .remedy("set the key in config.pbtxt to the layout of the outputs, or export the model as docs/models.md describes")
}

fn detect(parameters: &Parameters, description: &ModelDescription) -> Result<PoseLayout, DecodeError> {
    PoseLayout::detect(&shapes(description), image::input_size(parameters, description))
}

fn shapes(description: &ModelDescription) -> Vec<(&str, &[i64])> {
    let outputs = description.outputs.iter();
    outputs.map(|output| (&*output.name, &*output.shape)).collect()
}

/// Whether the dimensions are known, except for that of the batch.
fn is_known(output: &TensorSpec) -> bool {
    output.shape.iter().skip(1).all(|dim| *dim >= 0)
}
