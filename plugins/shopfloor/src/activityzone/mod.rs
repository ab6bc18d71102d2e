//! `activityzone`: says which worker is working at which workstation, since when.
//!
//! A station is a polygon in normalised coordinates, optionally assigned to a vest. It is *active* while a wrist or
//! elbow of its worker is inside, and for the hold time after; *idle* while the worker is in view with the hands
//! elsewhere; *absent* otherwise. Each edge is an element message `shopfloor-activity` on the bus, with the fields
//! `station`, `worker`, `state`, `previous` (strings), `running-time`, `lasted`, `active`, `idle`, `absent`, `unknown`
//! (guint64, nanoseconds). At EOS a message `shopfloor-totals` follows for each station.
//!
//! With `draw=true` the mouse edits the stations on the picture: left button a corner, middle button or backspace takes it
//! back, right button closes the polygon or removes the station under it. The station file is rewritten, and each
//! change is an element message `shopfloor-stations` with the file's text in `stations`.
//!
//! ```text
//! … ! vesttrack ! activityzone stations=kitchen.json ! overlay ! …
//! ```

mod drawing;
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
