//! What a response means, and attaching it to its frame: people, vests, or the outputs themselves.

use std::sync::Arc;
use std::time::Duration;

use inference::{Error, RegionOutputs, Session, Task, scene};
use people::{Inference, Person, Scene, SkipReason, VestName, VestScores};
use vision::decode::DecodeError;
use vision::letterbox::Orientation;

use crate::tritoninfer::settings::InferenceRegion;

/// A decoded response.
pub enum Decoded {
    /// The people in the frame, with their vests, and the labels of the vests.
    People(Vec<Person>, Arc<[VestName]>),
    /// The vests of the frame's people, in the order of their regions, and the labels of the vests.
    Vests(Vec<Option<VestScores>>, Arc<[VestName]>),
    /// The outputs of a model whose outputs other elements decode.
    Outputs(RegionOutputs),
}

/// Decodes a frame's outputs, according to the model's task.
///
/// # Errors
/// [`Error::Decode`] if the outputs are not those of the contract.
pub fn decode(session: &Session, region: InferenceRegion, outputs: RegionOutputs) -> Result<Decoded, Error> {
    let contract = session.contract();
    let undecodable = |reason: DecodeError| Error::Decode {
        model: contract.model.clone(),
        reason,
    };
    match (&contract.task, region) {
        (Task::Vest { labels, output }, InferenceRegion::People) => {
            let vests = scene::vests(&outputs, output, labels).map_err(undecodable)?;
            Ok(Decoded::Vests(vests, labels.clone()))
        }
        (Task::People { labels }, _) => {
            let people = scene::people(&outputs, labels).map_err(undecodable)?;
            Ok(Decoded::People(people, labels.clone()))
        }
        _ => Ok(Decoded::Outputs(outputs)),
    }
}

/// Attaches a response to its frame. `period`: the time between inferred frames; `orientation`: that of the frame.
pub fn attach(buffer: &mut gst::BufferRef, decoded: Decoded, period: Option<Duration>, orientation: Orientation) {
    match decoded {
        Decoded::Vests(vests, labels) => {
            // The people are in the order of the request, since the buffer has not left this element.
            people_meta::scene_mut(buffer, |scene| {
                scene.vest_inference = Some(Inference::Done);
                scene.vest_labels = Some(labels);
                scene.inference_period = scene.inference_period.max(period);
                for (person, vest) in scene.people.iter_mut().zip(vests) {
                    person.vest = vest;
                }
            });
        }
        Decoded::People(people, labels) => {
            let scene = Scene {
                vest_inference: Some(Inference::Done),
                vest_labels: Some(labels),
                inference_period: period,
                orientation,
                people,
                ..Scene::default()
            };
            people_meta::set_scene(buffer, scene);
        }
        Decoded::Outputs(outputs) => {
            for mut output in outputs {
                output.inference_period = period;
                people_meta::add_model_output(buffer, output);
            }
        }
    }
}

/// Marks a frame that passes without inference, to distinguish it from a frame without people. A frame that already has
/// a scene keeps it, since its people were detected by an earlier element; then only their vests are marked.
pub fn mark_skipped(
    buffer: &mut gst::BufferRef,
    region: InferenceRegion,
    reason: SkipReason,
    period: Option<Duration>,
    orientation: Orientation,
) {
    let skipped = Inference::Skipped(reason);
    if region == InferenceRegion::People {
        people_meta::scene_mut(buffer, |scene| {
            scene.vest_inference = Some(skipped);
            scene.inference_period = scene.inference_period.max(period);
        });
    } else if people_meta::scene(buffer).is_none() {
        let scene = Scene {
            inference: skipped,
            inference_period: period,
            orientation,
            ..Scene::default()
        };
        people_meta::set_scene(buffer, scene);
    }
}
