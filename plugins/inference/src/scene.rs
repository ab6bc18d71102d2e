//! Decoding of a model's outputs into people: poses, vests, or both.

use std::sync::Arc;

use people::{Person, VestName, VestScores};
use vision::ModelOutput;
use vision::decode::{self, DecodeError, DecodeOptions, Detection, PoseLayout, TensorView};

/// The people in one region's pose output, in frame pixels, best first.
///
/// `layout` is the layout of the output; `None`: the one in the model's contract, otherwise detected from names and shapes.
///
/// # Errors
/// If the outputs have no known layout, or do not match the layout.
pub fn poses(
    output: &ModelOutput,
    layout: Option<PoseLayout>,
    options: &DecodeOptions,
) -> Result<Vec<Person>, DecodeError> {
    let tensors: Vec<TensorView<'_>> = output.tensors.iter().map(|tensor| tensor.view()).collect();
    let layout = match layout.or(output.layout) {
        Some(layout) => layout,
        None => PoseLayout::detect(&output.shapes(), output.letterbox.input_size())?,
    };
    let detections = layout.decode(&tensors, &output.letterbox, options)?;
    Ok(detections
        .into_iter()
        .map(|detection| person(detection, None))
        .collect())
}

/// The people with their vests, in frame pixels, from the outputs of a model with the task `people`, one for each
/// region.
///
/// # Errors
/// If an output is missing or does not have the shape required by the task.
pub fn people(outputs: &[ModelOutput], labels: &Arc<[VestName]>) -> Result<Vec<Person>, DecodeError> {
    let mut people = Vec::new();
    for output in outputs {
        let tensors: Vec<_> = output.tensors.iter().map(|tensor| tensor.view()).collect();
        let detections = decode::people(&tensors, &output.letterbox, labels.len())?;
        people.extend(detections.into_iter().map(|detection| person(detection, Some(labels))));
    }
    Ok(people)
}

/// The vest of the person in each region, in the order of `outputs`; `tensor` is the name of the output with the
/// logits.
/// `None` if the logits are not finite.
///
/// # Errors
/// [`DecodeError::Classes`] if the shape of the logits is not `[1, labels]`.
pub fn vests(
    outputs: &[ModelOutput],
    tensor: &str,
    labels: &Arc<[VestName]>,
) -> Result<Vec<Option<VestScores>>, DecodeError> {
    let mut vests = Vec::with_capacity(outputs.len());
    for output in outputs {
        let Some(tensor) = output.tensors.iter().find(|candidate| &*candidate.name == tensor) else {
            continue;
        };
        let logits = tensor.view().to_array()?;
        let probabilities = decode::class_probabilities(logits.view(), labels.len())?;
        vests.extend(
            probabilities
                .into_iter()
                .map(|probabilities| scores(probabilities, labels)),
        );
    }
    Ok(vests)
}

fn person(detection: Detection, labels: Option<&Arc<[VestName]>>) -> Person {
    Person {
        bbox: detection.bbox,
        score: detection.score,
        pose: detection.pose,
        vest: labels.and_then(|labels| scores(detection.classes, labels)),
        track: None,
    }
}

fn scores(probabilities: Option<Vec<f32>>, labels: &Arc<[VestName]>) -> Option<VestScores> {
    probabilities.map(|probabilities| VestScores {
        labels: Arc::clone(labels),
        probabilities,
    })
}
