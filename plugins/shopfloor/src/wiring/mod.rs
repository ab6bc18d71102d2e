//! Missing and misplaced elements, which otherwise show only in results: nobody is found, or everyone is a visitor.
//!
//! Each element that needs what earlier ones find looks at its frames until one has everything, or until it has reported, once,
//! what is missing and which element to put where. The signs are read in [`signs`], the texts are in [`messages`], and which
//! elements are near is found by [`neighbours`]. If an element upstream reports the same, this one does not.

mod messages;
mod neighbours;
mod signs;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use neighbours::Neighbours;
pub use neighbours::Role;
use signs::{Needs, Sign, Streak};

/// What an element has found out about the elements before it.
///
/// The lock is held for moments, not while elements are visited or a message is posted.
#[derive(Debug, Default)]
pub struct Wiring {
    /// A frame had everything, or what is missing was reported.
    settled: AtomicBool,
    streak: Mutex<Streak>,
}

impl Wiring {
    /// Looks at a frame, before `element` passes it on. `vests`: whether the element has stations of workers.
    pub fn frame(&self, element: &gst::Element, role: Role, vests: bool, buffer: &gst::BufferRef) {
        if self.settled.load(Ordering::Relaxed) {
            return;
        }
        let models: Vec<_> = people_meta::model_outputs(buffer)
            .iter()
            .map(|output| output.model.clone())
            .collect();
        let scene = people_meta::scene(buffer);
        let sign = signs::read(role, scene.as_deref(), &models, Needs { vests });
        let wired = sign == Sign::Wired;
        let reported = self.lock().add(buffer.pts().map(Into::into), sign);
        if wired || reported.is_some() {
            self.settled.store(true, Ordering::Relaxed);
            report(element, role, &reported.unwrap_or(Sign::Wired));
        }
    }

    /// At the end of the stream, reports what was missing until then, however short it was.
    pub fn sink_event(&self, element: &gst::Element, role: Role, event: &gst::Event) {
        if event.type_() != gst::EventType::Eos {
            return;
        }
        let missing = self.lock().end();
        if let Some(sign) = missing.filter(|_| !self.settled.swap(true, Ordering::Relaxed)) {
            report(element, role, &sign);
        }
    }

    /// Begins again, as when the element stops.
    pub fn reset(&self) {
        *self.lock() = Streak::default();
        self.settled.store(false, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Streak> {
        self.streak.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(element: &gst::Element, role: Role, sign: &Sign) {
    if let Some(text) = messages::message(role, sign, &Neighbours::of(element)) {
        gst::element_warning!(element, gst::StreamError::Failed, ("{text}"));
    }
}
