//! The plugin `shopfloor`: five elements that turn a camera and a Triton server into facts about a shop floor.
//!
//! GObject glue only: what the elements do is in the crates `people` (the domain), `triton` (the client),
//! `people-meta` (what rides on buffers) and `draw` (the picture).
#![allow(missing_docs, reason = "only the items of gst::plugin_define! are public")]

mod activityzone;
mod overlay;
mod places;
mod poseparse;
mod stats;
mod time;
mod tritoninfer;
mod vesttrack;
mod video;

use gst::glib;

fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    tritoninfer::register(plugin)?;
    poseparse::register(plugin)?;
    vesttrack::register(plugin)?;
    activityzone::register(plugin)?;
    overlay::register(plugin)
}

gst::plugin_define!(
    shopfloor,
    env!("CARGO_PKG_DESCRIPTION"),
    plugin_init,
    concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
    "MIT/X11",
    "shopfloor",
    env!("CARGO_PKG_NAME"),
    "shopfloor",
    env!("BUILD_REL_DATE")
);
