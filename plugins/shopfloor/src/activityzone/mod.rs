//! `activityzone`: states which worker is working at which workstation, and since when.
//!
//! A station is a polygon in normalised coordinates, optionally assigned to a vest. It is *active* while a wrist or
//! elbow of its worker is inside, and for the hold time after; *idle* while the worker is in view with the hands
//! elsewhere; *absent* otherwise; and *unknown* while no frame has shown what the worker does for `unknown-after`: people
//! were not detected, or nobody's vest is known. Events are posted
//! as element messages, each with `station`, `worker` (strings) and `running-time` (guint64, nanoseconds):
//!
//! - `shopfloor-start`: the station is watched from now on, and absent at first; `worker` is the one it is assigned to
//! - `shopfloor-activity`: its state changed; with `state`, `previous` (strings), `lasted`, `active`, `idle`, `absent`,
//!   `unknown` (guint64, nanoseconds)
//! - `shopfloor-handover`: at an unassigned station, another worker took over while the station stayed active; `worker`
//!   is the new one, `from` the previous one (strings, missing for people without a vest), `lasted` how long the previous
//!   one worked
//! - `shopfloor-heartbeat`: the sums so far, every `heartbeat-interval`; the fields are those of `shopfloor-activity` without
//!   `previous`
//! - `shopfloor-clock`: something is odd about the stream's time, once for each `reason` (string), with `step` (gint64, nanoseconds)
//!   and without a station
//! - `shopfloor-totals`: the stream, or the station, ended; the fields are those of `shopfloor-activity` without `previous`
//!
//! `people_meta::bus` reads and writes these messages. `events-location` names a file or pipe for the same events as
//! lines of JSON, in the format of `docs/activity.schema.json`.
//!
//! With `draw=true` the stations are edited with the mouse: the left button sets a corner, the middle button or backspace
//! removes it, the right button closes the polygon or removes the station under the pointer. The station file is
//! replaced, and created if it does not exist; each change is posted as an element message `shopfloor-stations` with
//! the file's text in `stations`.
//!
//! # Example pipeline
//!
//! ```sh
//! gst-launch-1.0 filesrc location=media/vests.mp4 ! decodebin ! tritoninfer ! vesttrack \
//!     ! activityzone stations=pipelines/stations/demo.json ! overlay ! autovideosink sync=false
//! ```
//!
//! See also: `vesttrack`, `overlay`. Since: 0.1.

mod drawing;
mod imp;
mod log;
mod numbering;
mod settings;
mod time_of_day;
mod timer;
mod warnings;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element `activityzone`.
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
