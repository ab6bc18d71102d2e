//! `overlay`: draws people, skeletons, names, stations and their states on the frame, in place.
//!
//! A bin of a filter that draws and a `videoconvert` for sinks that do not take the stream's format. Frames without a scene
//! pass unchanged, or obscured if `redact` is set.
//!
//! # Example pipeline
//!
//! ```sh
//! gst-launch-1.0 filesrc location=media/vests.mp4 ! decodebin ! tritoninfer ! queue ! vesttrack \
//!     ! activityzone stations=pipelines/stations/demo.json ! overlay redact=faces ! autovideosink
//! ```
//!
//! See also: `vesttrack`, `activityzone`. Since: 0.1.

mod core;
mod fonts;
mod imp;
mod redact;

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "overlay",
        gst::DebugColorFlags::empty(),
        Some("Drawing of people and stations"),
    )
});

glib::wrapper! {
    /// The element `overlay`.
    pub struct Overlay(ObjectSubclass<imp::Overlay>) @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

glib::wrapper! {
    /// The filter inside [`Overlay`] that draws; not registered as an element.
    pub struct OverlayCore(ObjectSubclass<core::OverlayCore>) @extends gst_video::VideoFilter, gst_base::BaseTransform,
        gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "overlay", gst::Rank::NONE, Overlay::static_type())
}
