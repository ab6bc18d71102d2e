//! The read-only property `stats`, a GstStructure, which `glib::Properties` cannot derive.

use gst::glib;
use gst::prelude::*;

/// The property's name.
pub const PROPERTY: &str = "stats";

/// An element's derived properties, followed by `stats`.
pub fn with_property(derived: &[glib::ParamSpec], blurb: &str) -> Vec<glib::ParamSpec> {
    let stats = glib::ParamSpecBoxed::builder::<gst::Structure>(PROPERTY)
        .nick("Statistics")
        .blurb(blurb)
        .read_only();
    derived.iter().cloned().chain([stats.build()]).collect()
}
