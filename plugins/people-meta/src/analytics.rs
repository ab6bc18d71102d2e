//! People as `GstAnalyticsRelationMeta` (GStreamer 1.24 and later): cargo feature `analytics`.
//!
//! Each person who has a region of interest is an object detection of the type `person`, whose id is the region's. A person
//! with a track has a tracking related to the detection, marked lost while the person is hidden, and a classification with
//! one label contained in it: the worker's vest, `none` for a visitor.

use std::collections::BTreeMap;

use gst_analytics::{
    AnalyticsMetaRefMutExt, AnalyticsRelationMeta, AnalyticsRelationMetaClassificationExt, AnalyticsRelationMetaODExt,
    AnalyticsRelationMetaTrackingExt, AnalyticsTrackingMtd, RelTypes,
};
use people::{Person, Scene, Track, VestScores};

use crate::roi;
use crate::scene::scene;

/// How long the first time of a track that is not detected any more is kept; longer than any track lives undetected.
const MEMORY: gst::ClockTime = gst::ClockTime::from_seconds(60);

type Relations<'a> = gst::MetaRefMut<'a, AnalyticsRelationMeta, gst::meta::Standalone>;

/// Writes the people of one stream's frames, and keeps since when each track has been detected.
#[derive(Debug, Default)]
pub struct Analytics {
    /// When each track was detected first and last.
    seen: BTreeMap<u64, (gst::ClockTime, gst::ClockTime)>,
}

impl Analytics {
    /// Adds the buffer's people to its relation meta, and regions with the same ids, as [`set_rois`](crate::set_rois) does.
    /// `frame_size` is (width, height) in pixels. Entries of a relation meta cannot be removed, so if the frame already has
    /// regions of ours, from an earlier `vesttrack`, the relation metas are replaced.
    ///
    /// # Errors
    /// When GStreamer cannot allocate all entries. The regions are added all the same.
    pub fn attach(&mut self, buffer: &mut gst::BufferRef, frame_size: (u32, u32)) -> Result<(), glib::BoolError> {
        if roi::has_rois(buffer) {
            remove(buffer);
        }
        let Some(people) = scene(buffer) else { return Ok(()) };
        match detect(buffer, &people, frame_size) {
            Ok(detections) => {
                roi::set_numbered(buffer, frame_size, detections.iter().map(|(id, _)| *id as i32));
                self.describe(buffer, &detections)
            }
            Err(error) => {
                roi::set_rois(buffer, frame_size);
                Err(error)
            }
        }
    }

    /// Adds track and vest of each detection.
    fn describe(&mut self, buffer: &mut gst::BufferRef, detections: &[(u32, &Person)]) -> Result<(), glib::BoolError> {
        let now = buffer.pts().unwrap_or_default();
        self.seen
            .retain(|_, (_, last)| last.saturating_add(MEMORY) >= now && *last <= now);
        for (id, person) in detections {
            if let Some(track) = &person.track {
                self.track(buffer, *id, track, now)?;
                // Last, because DL Streamer 2025.2's Python bindings fail on a meta that ends in anything else.
                classify(&mut relations_of(buffer)?, *id, track)?;
            }
        }
        Ok(())
    }

    fn track(
        &mut self,
        buffer: &mut gst::BufferRef,
        detection: u32,
        track: &Track,
        now: gst::ClockTime,
    ) -> Result<(), glib::BoolError> {
        let (first, last) = self.seen.entry(track.id).or_insert((now, now));
        if track.frames_since_update == 0 {
            *last = now;
        }
        let mut relations = relations_of(buffer)?;
        let tracking = relations.add_tracking_mtd(track.id, *first)?.id();
        relations.set_relation(RelTypes::RELATE_TO, detection, tracking)?;
        if let Some(mut tracking) = relations.mtd_mut::<AnalyticsTrackingMtd>(tracking) {
            tracking.update_last_seen(*last)?;
            if track.frames_since_update > 0 {
                tracking.set_lost()?;
            }
        }
        Ok(())
    }
}

fn relations_of(buffer: &mut gst::BufferRef) -> Result<Relations<'_>, glib::BoolError> {
    if buffer.meta::<AnalyticsRelationMeta>().is_none() {
        AnalyticsRelationMeta::add(buffer);
    }
    let relations = buffer.meta_mut::<AnalyticsRelationMeta>();
    relations.ok_or_else(|| glib::bool_error!("GStreamer added no GstAnalyticsRelationMeta to the buffer"))
}

/// Adds a detection for each person in the frame, and returns their ids, which are consecutive.
fn detect<'a>(
    buffer: &mut gst::BufferRef,
    people: &'a Scene,
    frame_size: (u32, u32),
) -> Result<Vec<(u32, &'a Person)>, glib::BoolError> {
    let mut relations = relations_of(buffer)?;
    let kind = glib::Quark::from_str("person");
    let detections = roi::visible(people, roi::frame(frame_size)).map(|(person, (x, y, w, h))| {
        let detection = relations.add_od_mtd(kind, x as i32, y as i32, w as i32, h as i32, person.score)?;
        Ok((detection.id(), person))
    });
    detections.collect()
}

fn classify(relations: &mut Relations, detection: u32, track: &Track) -> Result<(), glib::BoolError> {
    let label = track.worker.as_deref().unwrap_or(VestScores::NONE);
    let vest = relations
        .add_one_cls_mtd(track.confidence, glib::Quark::from_str(label))?
        .id();
    relations.set_relation(RelTypes::CONTAIN, detection, vest)?;
    relations.set_relation(RelTypes::IS_PART_OF, vest, detection)
}

/// Removes all relation metas, with what other elements wrote there: single entries cannot be removed.
pub(crate) fn remove(buffer: &mut gst::BufferRef) {
    while let Some(relations) = buffer.meta_mut::<AnalyticsRelationMeta>() {
        if relations.remove().is_err() {
            break;
        }
    }
}
