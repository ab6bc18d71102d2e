//! Decoding of a model's outputs into people: boxes, poses, vests, or all of them.

use std::sync::Arc;

use people::{Person, VestName, VestScores};
use vision::decode::{self, BoxLayout, DecodeError, DecodeOptions, Detection, PoseLayout};
use vision::{ModelOutput, Pose};

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
    let layout = match layout.or(output.layout) {
        Some(layout) => layout,
        None => PoseLayout::detect(&output.shapes(), output.letterbox.input_size())?,
    };
    let detections = layout.decode(&output.views(), &output.letterbox, options)?;
    Ok(detections
        .into_iter()
        .map(|detection| person(detection, None))
        .collect())
}

/// The class of people in the outputs of object detectors: the first one of COCO.
const PERSON: usize = 0;

/// The people in the outputs of an object detector, in frame pixels, without keypoints, one output for each region.
///
/// `layout` is that of the task; `None`: detected from names and shapes.
///
/// # Errors
/// If the outputs have no known layout, or do not match the layout.
pub fn detections(outputs: &[ModelOutput], layout: Option<BoxLayout>) -> Result<Vec<Person>, DecodeError> {
    let mut people = Vec::new();
    for output in outputs {
        let defaults = DecodeOptions::default();
        let options = DecodeOptions {
            score_threshold: output.score_threshold.unwrap_or(defaults.score_threshold),
            ..defaults
        };
        let layout = match layout {
            Some(layout) => layout,
            None => BoxLayout::detect(&output.shapes(), output.letterbox.input_size())?,
        };
        let objects = layout.decode(&output.views(), &output.letterbox, &options, Some(PERSON))?;
        people.extend(objects.into_iter().map(|object| Person {
            bbox: object.bbox,
            score: object.score,
            ..Person::default()
        }));
    }
    Ok(people)
}

/// The pose of the person in each region, in frame pixels and in the order of `outputs`; `tensor` is the name of the output with the
/// keypoints. `None` if they are not finite.
///
/// # Errors
/// If the shape of the keypoints is not `[1, 17, 3]`.
pub fn keypoints(outputs: &[ModelOutput], tensor: &str) -> Result<Vec<Option<Pose>>, DecodeError> {
    let of_region = |output: &ModelOutput| {
        let tensor = output.tensor(tensor)?;
        Some(decode::keypoints(&tensor.view(), &output.letterbox))
    };
    outputs.iter().filter_map(of_region).collect()
}

/// The people with their vests, in frame pixels, from the outputs of a model with the task `people`, one for each
/// region.
///
/// # Errors
/// If an output is missing or does not have the shape required by the task.
pub fn people(outputs: &[ModelOutput], labels: &Arc<[VestName]>) -> Result<Vec<Person>, DecodeError> {
    let mut people = Vec::new();
    for output in outputs {
        let detections = decode::people(&output.views(), &output.letterbox, labels.len())?;
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
        let Some(tensor) = output.tensor(tensor) else {
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
