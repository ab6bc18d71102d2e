//! The plugin `shopfloor`: five elements that detect workers on video with a Triton server and report who works where.
//!
//! GObject glue only. The work is done in the crates `inference` (requests and responses), `people` (tracks and activity),
//! `people-meta` (metas on buffers) and `draw` (the overlay).
//!
//! An application in Rust may link the crate and call [`plugin_register_static`]. Only then can it set a [`pool`] and read
//! the metas of `people-meta`, whose types a loaded plugin file would register a second time.
#![allow(missing_docs, reason = "the items of gst::plugin_define! have none")]

mod activityzone;
mod bounded_pool;
mod exclusive;
mod locate;
mod outlet;
mod overlay;
pub mod pool;
mod poseparse;
mod qos;
mod stations;
mod stats;
mod time;
mod tritoninfer;
mod vesttrack;
mod video;
mod wiring;

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
