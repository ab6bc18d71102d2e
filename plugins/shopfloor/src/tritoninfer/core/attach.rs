//! What a response means, and attaching it to its frame: people, vests, or the outputs themselves.

use std::sync::Arc;
use std::time::Duration;

use inference::{Error, RegionOutputs, Session, Task, scene};
use people::{Inference, Person, Scene, SkipReason, VestName, VestScores};
use vision::decode::DecodeError;
use vision::letterbox::Orientation;
use vision::{Pose, Rect};

use crate::tritoninfer::settings::InferenceRegion;

/// A decoded response.
pub enum Decoded {
    /// The people in the frame, and, if they have vests, the labels of the vests.
    People(Vec<Person>, Option<Arc<[VestName]>>),
    /// The poses of the frame's people, in the order of their regions.
    Poses(Vec<Option<Pose>>),
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
        (Task::Vest { labels, output }, region) if region.is_of_people() => {
            let vests = scene::vests(&outputs, output, labels).map_err(undecodable)?;
            Ok(Decoded::Vests(vests, labels.clone()))
        }
        (Task::Keypoints { output }, region) if region.is_of_people() => {
            let poses = scene::keypoints(&outputs, output).map_err(undecodable)?;
            Ok(Decoded::Poses(poses))
        }
        (Task::People { labels }, _) => {
            let people = scene::people(&outputs, labels).map_err(undecodable)?;
            Ok(Decoded::People(people, Some(labels.clone())))
        }
        (Task::Detect { layout, .. }, _) => {
            let people = scene::detections(&outputs, *layout).map_err(undecodable)?;
            Ok(Decoded::People(people, None))
        }
        _ => Ok(Decoded::Outputs(outputs)),
    }
}

/// Attaches a response to its frame. `regions`: those of the request; `period`: the time between inferred frames; `orientation`:
/// that of the frame.
pub fn attach(
    buffer: &mut gst::BufferRef,
    decoded: Decoded,
    regions: &[Rect],
    period: Option<Duration>,
    orientation: Orientation,
) {
    match decoded {
        Decoded::Poses(poses) => {
            people_meta::scene_mut(buffer, |scene| {
                scene.pose_inference = Some(Inference::Done);
                scene.inference_period = scene.inference_period.max(period);
                for (person, pose) in of_regions(&mut scene.people, regions).zip(poses) {
                    person.pose = pose;
                }
            });
        }
        Decoded::Vests(vests, labels) => {
            people_meta::scene_mut(buffer, |scene| {
                scene.vest_inference = Some(Inference::Done);
                scene.vest_labels = Some(labels);
                scene.inference_period = scene.inference_period.max(period);
                for (person, vest) in of_regions(&mut scene.people, regions).zip(vests) {
                    person.vest = vest;
                }
            });
        }
        Decoded::People(people, labels) => {
            let scene = Scene {
                vest_inference: labels.is_some().then_some(Inference::Done),
                vest_labels: labels,
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

/// The people whose boxes are the regions of a request, in its order: that of the scene, which may have others between them.
fn of_regions<'a>(people: &'a mut [Person], regions: &'a [Rect]) -> impl Iterator<Item = &'a mut Person> {
    let mut regions = regions.iter().peekable();
    people
        .iter_mut()
        .filter(move |person| regions.next_if(|region| **region == person.bbox).is_some())
}

/// What an element adds to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// People, or outputs that become people.
    People,
    /// Poses of people whom an earlier element has found.
    Poses,
    /// Vests of such people.
    Vests,
}

impl Stage {
    /// The stage of an element with such regions; `task` is its model's, once it is known.
    pub fn of(task: Option<&Task>, region: InferenceRegion) -> Self {
        match task {
            _ if !region.is_of_people() => Self::People,
            Some(Task::Keypoints { .. }) => Self::Poses,
            _ => Self::Vests,
        }
    }
}

/// Marks a frame that passes without inference, to distinguish it from a frame without people. A frame that already has
/// a scene keeps it, since its people were detected by an earlier element; then only their poses or vests are marked.
pub fn mark_skipped(
    buffer: &mut gst::BufferRef,
    stage: Stage,
    reason: SkipReason,
    period: Option<Duration>,
    orientation: Orientation,
) {
    let skipped = Inference::Skipped(reason);
    let of_people = |buffer: &mut gst::BufferRef, mark: fn(&mut Scene, Inference)| {
        people_meta::scene_mut(buffer, |scene| {
            mark(scene, skipped);
            scene.inference_period = scene.inference_period.max(period);
        });
    };
    match stage {
        Stage::Poses => of_people(buffer, |scene, skipped| scene.pose_inference = Some(skipped)),
        Stage::Vests => of_people(buffer, |scene, skipped| scene.vest_inference = Some(skipped)),
        Stage::People if people_meta::scene(buffer).is_none() => {
            let scene = Scene {
                inference: skipped,
                inference_period: period,
                orientation,
                ..Scene::default()
            };
            people_meta::set_scene(buffer, scene);
        }
        Stage::People => {}
    }
}
