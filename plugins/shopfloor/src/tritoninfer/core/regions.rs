//! The regions of a frame for inference.

use inference::contract::ImageInput;
use inference::{Contract, Error, Task};
use people::station_file::Stations;
use vision::Rect;

use super::presentation;
use crate::stations::StationSource;
use crate::tritoninfer::settings::{InferenceRegion, Settings};

/// Checks that the model's task supports the regions.
pub fn check_task(contract: &Contract, region: InferenceRegion) -> Result<(), Error> {
    let is_of_one_person = matches!(contract.task, Task::Vest { .. } | Task::Keypoints { .. });
    if is_of_one_person && !region.is_of_people() {
        return Err(Error::NeedsPeople {
            model: contract.model.clone(),
        });
    }
    Ok(())
}

/// The stations at which people are inferred on, with [`InferenceRegion::PeopleAtStations`].
#[derive(Default)]
pub struct WatchedStations {
    source: StationSource,
    stations: Stations,
}

impl WatchedStations {
    /// Reads the stations that the settings name, if the regions depend on them.
    ///
    /// # Errors
    /// What is wrong with the property or its file, and what to do.
    pub fn open(settings: &Settings) -> Result<Self, String> {
        let mut watched = Self::default();
        if settings.inference_region == InferenceRegion::PeopleAtStations {
            let stations = settings.stations.as_deref().ok_or(
                "inference-region=people-at-stations, but no stations: set stations= to the file that activityzone has, too",
            )?;
            (watched.stations, _) = watched.source.open(Some(stations), false)?;
        }
        Ok(watched)
    }

    /// Takes the stations anew, if their file has changed.
    ///
    /// # Errors
    /// What is wrong with the file; the stations stay those from before.
    pub fn refresh(&mut self) -> Result<(), String> {
        if let Some(changed) = self.source.changed() {
            self.stations = changed?;
        }
        Ok(())
    }
}

/// The regions of a frame, in pixels of the stored frame; `None` if the buffer has no scene and `region` requires one. The
/// full frame is the part that is seen. `image` is the model's input, once it is known.
pub fn select(
    buffer: &gst::BufferRef,
    info: &gst_video::VideoInfo,
    region: InferenceRegion,
    image: Option<&ImageInput>,
    watched: &WatchedStations,
) -> Option<Vec<Rect>> {
    match region {
        InferenceRegion::FullFrame => Some(vec![presentation::seen(buffer, info)]),
        InferenceRegion::People | InferenceRegion::PeopleAtStations => {
            let scene = people_meta::scene(buffer)?;
            let boxes = scene.people.iter().map(|person| person.bbox);
            let (width, height) = (info.width() as f32, info.height() as f32);
            // The model finds keypoints where it sees the person, and nowhere else.
            let may_be_at_station = |bbox: &Rect| match image {
                Some(image) if region == InferenceRegion::PeopleAtStations => {
                    let seen = image.seen(*bbox).scaled(1.0 / width, 1.0 / height);
                    watched.stations.iter().any(|station| station.may_meet(seen))
                }
                _ => true,
            };
            Some(boxes.filter(may_be_at_station).collect())
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
