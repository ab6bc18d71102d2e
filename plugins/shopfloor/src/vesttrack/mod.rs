//! `vesttrack`: tracks people from frame to frame and identifies workers by the colour of their vests.
//!
//! Each vest colour is at most one worker at a time; a person without a vest is a visitor with a track id. People who are
//! hidden for a moment, and all people of frames without inference, stay in the scene with predicted boxes. Frames without a
//! scene pass unchanged.
//!
//! No later element changes the people, so they are exported here for other programs: as `GstVideoRegionOfInterestMeta` with
//! the params `detection`, `object_id`, `classification` (the vest) and `keypoints` of DL Streamer's elements, and as
//! `GstAnalyticsRelationMeta` if built with the cargo feature `analytics`, unless `roi-metas=false`.
//!
//! # Example pipeline
//!
//! ```sh
//! gst-launch-1.0 filesrc location=media/vests.mp4 ! decodebin ! tritoninfer ! queue ! vesttrack ! overlay ! autovideosink
//! ```
//!
//! See also: `tritoninfer`, `poseparse`, `activityzone`, `overlay`. Since: 0.1.

mod imp;
mod warnings;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element `vesttrack`.
    pub struct VestTrack(ObjectSubclass<imp::VestTrack>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "vesttrack", gst::Rank::NONE, VestTrack::static_type())
}
