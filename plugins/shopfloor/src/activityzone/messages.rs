//! What `activityzone` says on the bus.

use std::time::Duration;

use people::Totals;
use people::event::{Event, EventKind};

/// What happened at a station, as the structure of an element message.
pub fn of(event: &Event) -> gst::Structure {
    let name = match event.kind {
        EventKind::Start => "shopfloor-start",
        EventKind::Change { .. } => "shopfloor-activity",
        EventKind::Handover { .. } => "shopfloor-handover",
        EventKind::End { .. } => "shopfloor-totals",
    };
    let message = gst::Structure::builder(name)
        .field("station", &*event.station)
        .field_if_some("worker", event.worker.as_deref())
        .field("running-time", nanoseconds(event.time));
    match &event.kind {
        EventKind::Start => message.build(),
        EventKind::Change {
            state,
            previous,
            lasted,
            totals,
        } => {
            let message = message.field("state", state.name()).field("previous", previous.name());
            with_times(message, *lasted, totals)
        }
        EventKind::Handover { from, lasted } => message
            .field_if_some("from", from.as_deref())
            .field("lasted", nanoseconds(*lasted))
            .build(),
        EventKind::End { state, lasted, totals } => with_times(message.field("state", state.name()), *lasted, totals),
    }
}

fn with_times(message: gst::structure::Builder, lasted: Duration, totals: &Totals) -> gst::Structure {
    message
        .field("lasted", nanoseconds(lasted))
        .field("active", nanoseconds(totals.active))
        .field("idle", nanoseconds(totals.idle))
        .field("absent", nanoseconds(totals.absent))
        .field("unknown", nanoseconds(totals.unknown))
        .build()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
