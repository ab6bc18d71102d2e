//! The plugin `shopfloor`: five elements that turn a camera and a Triton server into facts about a shop floor.
//!
//! GObject glue only: what the elements do is in the crates `people` (the domain), `triton` (the client),
//! `people-meta` (what rides on buffers) and `draw` (the picture).
//!
//! An application in Rust may link the crate and call [`plugin_register_static`]; only then can it hand elements a
//! [`pool`], and read the metas of `people-meta`, whose types the plugin's file would register again.
#![allow(missing_docs, reason = "the items of gst::plugin_define! have none")]

mod activityzone;
mod overlay;
mod places;
pub mod pool;
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
