//! What `activityzone` says on the bus.

use std::time::Duration;

use people::event::Event;
use people::{StationView, Totals, VestName};

/// A station's state changed.
pub fn activity(event: &Event) -> gst::Structure {
    let message = gst::Structure::builder("shopfloor-activity")
        .field("station", &*event.station)
        .field("state", event.state.name())
        .field("previous", event.previous.name())
        .field("running-time", nanoseconds(event.time))
        .field("lasted", nanoseconds(event.lasted));
    with_totals(message, event.worker.as_ref(), &event.totals)
}

/// A station's sums at the end of the stream.
pub fn totals(view: &StationView) -> gst::Structure {
    let message = gst::Structure::builder("shopfloor-totals")
        .field("station", &*view.station.name)
        .field("state", view.activity.name())
        .field("running-time", nanoseconds(view.since + view.lasted))
        .field("lasted", nanoseconds(view.lasted));
    with_totals(message, view.worker.as_ref(), &view.totals)
}

fn with_totals(message: gst::structure::Builder, worker: Option<&VestName>, totals: &Totals) -> gst::Structure {
    message
        .field_if_some("worker", worker.map(|worker| &**worker))
        .field("active", nanoseconds(totals.active))
        .field("idle", nanoseconds(totals.idle))
        .field("absent", nanoseconds(totals.absent))
        .field("unknown", nanoseconds(totals.unknown))
        .build()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
