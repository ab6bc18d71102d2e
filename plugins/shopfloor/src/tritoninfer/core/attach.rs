//! Where a response goes on its frame: people, vests, or the outputs themselves.

use inference::{Error, RegionOutputs, Session, Task, scene};
use people::{Inference, Scene, SkipReason};
use vision::decode::DecodeError;

use crate::tritoninfer::settings::InferenceRegion;

/// Attaches a frame's outputs to its buffer, as what the model's task says they are.
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
            // The order of the people is that of the request: the buffer was in this element all the time.
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

/// Marks a frame that passes without inference, so that it is not taken for an empty shop floor. A frame that already has
/// people keeps them: they were detected, whatever this element did not do.
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
