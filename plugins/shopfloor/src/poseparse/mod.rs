//! `poseparse`: turns the tensors of a pose model into people.
//!
//! Rows below the score threshold go, overlapping people are thinned by NMS, the letterbox is undone, so that boxes and
//! keypoints are in frame pixels. The tensors leave the buffer, the people come on it.
//!
//! ```text
//! … ! tritoninfer model=movenet_multipose ! poseparse ! overlay ! …
//! ```

mod imp;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element; see the module's text.
    pub struct PoseParse(ObjectSubclass<imp::PoseParse>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "poseparse", gst::Rank::NONE, PoseParse::static_type())
}
