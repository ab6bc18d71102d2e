//! `activityzone`: says which worker is working at which workstation, since when.
//!
//! A station is a polygon in normalised coordinates, optionally assigned to a vest. It is *active* while a wrist or
//! elbow of its worker is inside, and for the hold time after; *idle* while the worker is in view with the hands
//! elsewhere; *absent* otherwise. Each edge is an element message `shopfloor-activity` on the bus, with the fields
//! `station`, `worker`, `state`, `previous` (strings), `running-time`, `lasted`, `active`, `idle`, `absent`, `unknown`
//! (guint64, nanoseconds). At EOS a message `shopfloor-totals` follows for each station.
//!
//! ```text
//! … ! vesttrack ! activityzone stations=kitchen.json ! overlay ! …
//! ```

mod imp;
mod messages;
mod stations;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element; see the module's text.
    pub struct ActivityZone(ObjectSubclass<imp::ActivityZone>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "activityzone",
        gst::Rank::NONE,
        ActivityZone::static_type(),
    )
}
