//! `activityzone`: says which worker is working at which workstation, since when.
//!
//! A station is a polygon in normalised coordinates, optionally assigned to a vest. It is *active* while a wrist or
//! elbow of its worker is inside, and for the hold time after; *idle* while the worker is in view with the hands
//! elsewhere; *absent* otherwise; and *unknown* while there has been no inference for `unknown-after`. Element messages
//! on the bus say what happens, with `station`, `worker` (strings) and `running-time` (guint64, nanoseconds) in each:
//!
//! - `shopfloor-start`: the station is watched from now on, absent at first; `worker` is the one it is assigned to
//! - `shopfloor-activity`: its state changed; with `state`, `previous` (strings), `lasted`, `active`, `idle`, `absent`,
//!   `unknown` (guint64, nanoseconds)
//! - `shopfloor-handover`: at a station of everybody's, `worker` took over from `from` (a string; neither field is there
//!   for who wears no vest), who had been working for `lasted`; the station stayed active
//! - `shopfloor-totals`: the stream, or the station, ended; the fields are those of `shopfloor-activity` but for `previous`
//!
//! `events-location` names a file for the same as lines of JSON; `docs/activity.schema.json` has their form.
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
mod log;
mod messages;
mod settings;
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
