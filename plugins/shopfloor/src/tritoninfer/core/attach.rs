//! Attaching a response to its frame: people, vests, or the outputs themselves.

use inference::{Error, RegionOutputs, Session, Task, scene};
use people::{Inference, Scene, SkipReason};
use vision::decode::DecodeError;

use crate::tritoninfer::settings::InferenceRegion;

/// Attaches a frame's outputs to its buffer, according to the model's task.
pub fn attach(
    buffer: &mut gst::BufferRef,
    session: &Session,
    region: InferenceRegion,
    outputs: RegionOutputs,
) -> Result<(), Error> {
    let contract = session.contract();
    let undecodable = |reason: DecodeError| Error::Decode {
        model: contract.model.clone(),
        reason,
    };
    match (&contract.task, region) {
        (Task::Vest { labels, output }, InferenceRegion::People) => {
            let vests = scene::vests(&outputs, output, labels).map_err(undecodable)?;
            // The people are in the order of the request, since the buffer has not left this element.
            people_meta::scene_mut(buffer, |scene| {
                for (person, vest) in scene.people.iter_mut().zip(vests) {
                    person.vest = vest;
                }
            });
        }
        (Task::People { labels }, _) => {
            let scene = Scene {
                people: scene::people(&outputs, labels).map_err(undecodable)?,
                ..Scene::default()
            };
            people_meta::set_scene(buffer, scene);
        }
        _ => {
            for output in outputs {
                people_meta::add_model_output(buffer, output);
            }
        }
    }
    Ok(())
}

/// Marks a frame that passes without inference, to distinguish it from a frame without people. A frame that already has
/// a scene keeps it, since its people were detected by an earlier element.
pub fn mark_skipped(buffer: &mut gst::BufferRef, region: InferenceRegion, reason: SkipReason) {
    if region != InferenceRegion::People && people_meta::scene(buffer).is_none() {
        people_meta::set_scene(
            buffer,
            Scene {
                inference: Inference::Skipped(reason),
                ..Scene::default()
            },
        );
    }
}
