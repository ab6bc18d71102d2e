//! `vesttrack`: follows people through the frames and says which worker each one is, by the colour of the vest.
//!
//! A colour is at most one worker at a time; who wears none is a visitor with a track id. People who are hidden for a
//! moment are carried on as predicted ("frames_since_update") boxes.
//!
//! From here on nothing changes about people any more, so this element attaches them in public forms too: as
//! `GstVideoRegionOfInterestMeta` with the params `detection`, `object_id`, `classification` (the vest) and `keypoints`
//! of DL Streamer's elements, unless `roi-metas=false`.
//!
//! ```text
//! … ! tritoninfer model=vest_resnet18 inference-region=people ! queue ! vesttrack ! overlay ! …
//! ```

mod imp;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element; see the module's text.
    pub struct VestTrack(ObjectSubclass<imp::VestTrack>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "vesttrack", gst::Rank::NONE, VestTrack::static_type())
}
