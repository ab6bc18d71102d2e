//! The regions of a frame for inference.

use inference::{Contract, Error, Task};
use vision::Rect;

use super::presentation;
use crate::tritoninfer::settings::InferenceRegion;

/// Checks that the model's task supports the regions.
pub fn check_task(contract: &Contract, region: InferenceRegion) -> Result<(), Error> {
    if matches!(contract.task, Task::Vest { .. }) && region != InferenceRegion::People {
        return Err(Error::NeedsPeople {
            model: contract.model.clone(),
        });
    }
    Ok(())
}

/// The regions of a frame, in pixels of the stored frame; `None` if the buffer has no scene and `region` requires one. The
/// full frame is the part that is seen.
pub fn select(buffer: &gst::BufferRef, info: &gst_video::VideoInfo, region: InferenceRegion) -> Option<Vec<Rect>> {
    match region {
        InferenceRegion::FullFrame => Some(vec![presentation::seen(buffer, info)]),
        InferenceRegion::People => {
            let scene = people_meta::scene(buffer)?;
            Some(scene.people.iter().map(|person| person.bbox).collect())
        }
        InferenceRegion::Roi | InferenceRegion::RoiList => {
            let rois = buffer.iter_meta::<gst_video::VideoRegionOfInterestMeta>();
            Some(rois.map(|roi| roi_rect(roi.rect())).collect())
        }
    }
}

fn roi_rect((x, y, width, height): (u32, u32, u32, u32)) -> Rect {
    let (x, y) = (x as f32, y as f32);
    Rect::new(x, y, x + width as f32, y + height as f32)
}
