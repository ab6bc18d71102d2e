//! Which regions of a frame are asked about, and where the answers go on the buffer.

use std::sync::Arc;

use people::{Inference, Scene, SkipReason, VestName};
use triton::Task;
use vision::decode::PoseLayout;
use vision::{ModelOutput, Rect};

use super::error::Error;
use super::session::{Answer, Session};
use super::settings::InferenceRegion;

/// Does a model of this task answer what is asked of it?
pub fn check(contract: &triton::Contract, region: InferenceRegion) -> Result<(), Error> {
    if matches!(contract.task, Task::Vest { .. }) && region != InferenceRegion::People {
        return Err(Error::NeedsPeople {
            model: contract.model.clone(),
        });
    }
    Ok(())
}

/// The regions to ask about, in frame pixels; `None` when the buffer lacks what `region` needs.
pub fn of_frame(buffer: &gst::BufferRef, width: u32, height: u32, region: InferenceRegion) -> Option<Vec<Rect>> {
    match region {
        InferenceRegion::FullFrame => Some(vec![Rect::new(0.0, 0.0, width as f32, height as f32)]),
        InferenceRegion::People => Some(
            people_meta::scene(buffer)?
                .people
                .iter()
                .map(|person| person.bbox)
                .collect(),
        ),
        InferenceRegion::Roi => {
            let rois = buffer.iter_meta::<gst_video::VideoRegionOfInterestMeta>();
            Some(rois.map(|roi| roi_rect(roi.rect())).collect())
        }
    }
}

fn roi_rect((x, y, width, height): (u32, u32, u32, u32)) -> Rect {
    let (x, y) = (x as f32, y as f32);
    Rect::new(x, y, x + width as f32, y + height as f32)
}

/// Puts a frame's answer on its buffer.
pub fn attach(
    buffer: &mut gst::BufferRef,
    session: &Session,
    region: InferenceRegion,
    answer: Answer,
) -> Result<(), Error> {
    let contract = session.contract();
    match (&contract.task, region) {
        (Task::Vest { output, .. }, InferenceRegion::People) => attach_vests(buffer, session.labels(), output, &answer),
        (Task::People { .. }, _) => attach_people(buffer, session.labels(), &answer),
        (task, _) => {
            let (layout, score_threshold) = match task {
                Task::Pose {
                    layout,
                    score_threshold,
                } => (layout.as_deref().and_then(PoseLayout::from_name), *score_threshold),
                _ => (None, None),
            };
            let model: Arc<str> = contract.model.as_str().into();
            for output in answer {
                people_meta::add_model_output(
                    buffer,
                    ModelOutput {
                        model: model.clone(),
                        layout,
                        score_threshold,
                        ..output
                    },
                );
            }
            Ok(())
        }
    }
}

/// The answer is people already, with their vests.
fn attach_people(buffer: &mut gst::BufferRef, labels: &Arc<[VestName]>, answer: &Answer) -> Result<(), Error> {
    let scene = Scene {
        people: inference::scene::people(answer, labels)?,
        ..Scene::default()
    };
    people_meta::set_scene(buffer, scene);
    Ok(())
}

/// The people's order has not changed since they were asked about: the buffer was ours all the time.
fn attach_vests(
    buffer: &mut gst::BufferRef,
    labels: &Arc<[VestName]>,
    output: &str,
    answer: &Answer,
) -> Result<(), Error> {
    let vests = inference::scene::vests(answer, output, labels)?;
    people_meta::scene_mut(buffer, |scene| {
        for (person, vest) in scene.people.iter_mut().zip(vests) {
            person.vest = vest;
        }
    });
    Ok(())
}

/// Marks a frame that goes on without inference, so that nobody takes it for an empty shop floor. A frame that already
/// has people keeps them: they were seen, whatever this element did not do.
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
