//! QoS events, by which a late sink asks upstream elements to drop frames, and whether a stream is live.
//!
//! Of a file every frame is to be inferred. A window that draws too late must not make the decoder drop frames before they
//! are, so the elements up to `activityzone` stop QoS events of streams that are not live.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use crate::time;

/// Whether the stream of a sink pad is live and how late its frames may be, as upstream elements answer a LATENCY query. The answer
/// is kept; while there is none, as before the source is negotiated, the query is repeated. No lock is held during a query.
#[derive(Debug, Default)]
pub struct Liveness(Mutex<Option<Answer>>);

/// An answer to a LATENCY query.
#[derive(Clone, Copy, Debug)]
struct Answer {
    is_live: bool,
    latency: gst::ClockTime,
}

impl Liveness {
    /// Queries again; to be called when the caps or the segment of the stream change. The previous answer is kept if
    /// upstream gives none.
    pub fn query(&self, sinkpad: &gst::Pad) -> Option<bool> {
        let mut latency = gst::query::Latency::new();
        if sinkpad.peer_query(&mut latency) {
            let (is_live, latency, _) = latency.result();
            self.set(Some(Answer { is_live, latency }));
        }
        self.known()
    }

    /// Whether the stream is live; `None` if upstream has not answered yet.
    pub fn get(&self, sinkpad: &gst::Pad) -> Option<bool> {
        self.known().or_else(|| self.query(sinkpad))
    }

    /// Forgets the answer, as when the element stops.
    pub fn reset(&self) {
        self.set(None);
    }

    /// Queries again if `event` is one after which the answer may be another.
    pub fn sink_event(&self, sinkpad: &gst::Pad, event: &gst::Event) {
        if matches!(event.type_(), gst::EventType::Caps | gst::EventType::Segment) {
            self.query(sinkpad);
        }
    }

    /// Whether an event from downstream ends here: a QoS event of a stream that is not known to be live.
    pub fn stops(&self, sinkpad: &gst::Pad, event: &gst::Event) -> bool {
        event.type_() == gst::EventType::Qos && self.get(sinkpad) != Some(true)
    }

    /// The latest answer, without a query; `None` if upstream has not answered yet.
    pub fn known(&self) -> Option<bool> {
        self.answer().map(|answer| answer.is_live)
    }

    /// The latency of a stream that is known to be live, by the latest answer: its frames arrive at most so much after their
    /// running time.
    pub fn latency(&self) -> Option<gst::ClockTime> {
        self.answer()
            .filter(|answer| answer.is_live)
            .map(|answer| answer.latency)
    }

    /// The running time by the clock of a pipeline whose stream is known to be live, such as that at which a frame arrives.
    pub fn running_time(&self, element: &impl IsA<gst::Element>) -> Option<Duration> {
        self.latency().and_then(|_| time::running_time(element))
    }

    fn answer(&self) -> Option<Answer> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, answer: Option<Answer>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}
