//! Which regions of a frame are asked about, and where the answers go on the buffer.

use std::sync::Arc;

use people::{Inference, Rect, Scene, SkipReason, VestName, decode};
use people_meta::Tensors;
use triton::Task;

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
                } => (layout.as_deref().unwrap_or_default(), *score_threshold),
                _ => ("", None),
            };
            let (model, layout): (Arc<str>, Arc<str>) = (contract.model.as_str().into(), layout.into());
            for region in answer {
                let tensors = Tensors {
                    model: model.clone(),
                    layout: layout.clone(),
                    score_threshold,
                    letterbox: region.letterbox,
                    tensors: region.tensors,
                };
                people_meta::add_tensors(buffer, tensors);
            }
            Ok(())
        }
    }
}

/// The answer is people already, with their vests.
fn attach_people(buffer: &mut gst::BufferRef, labels: &Arc<[VestName]>, answer: &Answer) -> Result<(), Error> {
    let mut people = Vec::new();
    for region in answer {
        let outputs = region.tensors.iter().map(|tensor| decode::Output {
            name: &tensor.name,
            shape: &tensor.shape,
            data: &tensor.data,
        });
        people.extend(decode::people(&outputs.collect::<Vec<_>>(), &region.letterbox, labels)?);
    }
    let scene = Scene {
        people,
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
    let mut scores = Vec::with_capacity(answer.len());
    for region in answer {
        let Some(tensor) = region.tensors.iter().find(|tensor| &*tensor.name == output) else {
            continue;
        };
        let logits = decode::f32_tensor(&tensor.shape, &tensor.data)?;
        scores.extend(decode::vest_scores(logits.view(), labels)?);
    }
    people_meta::scene_mut(buffer, |scene| {
        for (person, scores) in scene.people.iter_mut().zip(scores) {
            person.vest = scores;
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
