//! The stream's time for elements that keep a history of it.

use std::time::Duration;

use gst_base::prelude::*;

/// The running time of a buffer: the time since the pipeline began to play, the same on all branches. A buffer without
/// a timestamp counts as the segment's position.
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

/// Does the stream begin anew with this event, so that nothing before it explains what follows?
pub fn starts_anew(event: &gst::Event) -> bool {
    matches!(
        event.view(),
        gst::EventView::FlushStop(_) | gst::EventView::StreamStart(_)
    )
}
