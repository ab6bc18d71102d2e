//! `overlay`: draws people, skeletons, names, stations and their states on the frame, in place.
//!
//! ```text
//! … ! vesttrack ! activityzone stations=kitchen.json ! overlay ! videoconvert ! autovideosink
//! ```

mod imp;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element; see the module's text.
    pub struct Overlay(ObjectSubclass<imp::Overlay>) @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "overlay", gst::Rank::NONE, Overlay::static_type())
}
