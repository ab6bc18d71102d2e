//! Stream time and discontinuities, for elements that keep a history.

use std::time::Duration;

use gst_base::prelude::*;

/// The running time of a buffer, which is the same on all branches of a pipeline. A buffer without a timestamp has that of
/// the segment's position.
pub fn running_time(element: &gst_base::BaseTransform, buffer: &gst::BufferRef) -> Duration {
    let segment = element.segment();
    let Some(segment) = segment.downcast_ref::<gst::ClockTime>() else {
        return Duration::ZERO;
    };
    let time = buffer.pts().or_else(|| segment.position());
    time.and_then(|time| segment.to_running_time(time))
        .unwrap_or_default()
        .into()
}

/// Whether the stream begins anew with this event, so that history from before it must be dropped.
pub fn starts_anew(event: &gst::Event) -> bool {
    matches!(
        event.view(),
        gst::EventView::FlushStop(_) | gst::EventView::StreamStart(_)
    )
}
