//! `poseparse`: decodes the outputs of a pose model into people.
//!
//! Each `ModelOutputMeta` of a pose model, which `tritoninfer` adds for each inferred region, is replaced with the people in
//! it: candidates below `score-threshold` are dropped, then those that overlap a better one by more than `iou-threshold`.
//! Boxes and keypoints are in pixels of the frame. Outputs of other models stay on the frame for other elements, and
//! frames without model outputs pass unchanged.
//!
//! The layout of the outputs is `layout`, otherwise the one in the model's contract, otherwise detected from the outputs'
//! names and shapes and the size of the model's input. Outputs of a pose model that cannot be decoded, or that may have one of
//! several layouts, are an error that stops the stream; that no output is a pose is one warning.
//!
//! # Example pipeline
//!
//! ```sh
//! gst-launch-1.0 filesrc location=media/vests.mp4 ! decodebin ! tritoninfer model=person_pose ! poseparse \
//!     ! overlay ! autovideosink
//! ```
//!
//! See also: `tritoninfer`, `vesttrack`, `overlay`. Since: 0.1.

mod imp;
mod layout;
mod select;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element `poseparse`.
    pub struct PoseParse(ObjectSubclass<imp::PoseParse>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    layout::Layout::static_type().mark_as_plugin_api(gst::PluginAPIFlags::empty());
    gst::Element::register(Some(plugin), "poseparse", gst::Rank::NONE, PoseParse::static_type())
}
