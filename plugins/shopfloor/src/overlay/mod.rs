//! `overlay`: draws people, skeletons, names, stations and their states on the frame, in place.
//!
//! Any video sink may follow it: what the sink cannot show is converted after drawing.
//!
//! ```text
//! … ! vesttrack ! activityzone stations=kitchen.json ! overlay ! autovideosink
//! ```

mod filter;
mod imp;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element; see the module's text.
    pub struct Overlay(ObjectSubclass<imp::Overlay>) @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

glib::wrapper! {
    /// What draws inside of [`Overlay`], and leaves the format as it is; no element of the plugin by itself.
    pub struct OverlayCore(ObjectSubclass<filter::OverlayCore>) @extends gst_video::VideoFilter, gst_base::BaseTransform,
        gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "overlay", gst::Rank::NONE, Overlay::static_type())
}
