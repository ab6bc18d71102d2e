//! What the element posts on the bus about failures: each condition once when it begins, and once when it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use inference::Error;
use people::SkipReason;

use crate::tritoninfer::settings::OnError;

/// Which conditions last at present.
#[derive(Default)]
pub struct Reporter {
    /// Why requests fail.
    failure: Mutex<Option<String>>,
    /// Frames cannot be read.
    unreadable: AtomicBool,
    /// Frames have no people to infer on.
    no_people: AtomicBool,
}

impl Reporter {
    /// Why requests fail, if they do.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The model is open.
    pub fn reset(&self) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.unreadable.store(false, Ordering::Relaxed);
        self.no_people.store(false, Ordering::Relaxed);
    }

    /// A request failed: the stream ends with an error, or continues after one warning, with the frame marked.
    pub fn failed(
        &self,
        element: &gst::Element,
        error: &Error,
        on_error: OnError,
    ) -> Result<SkipReason, gst::FlowError> {
        let ends = match on_error {
            OnError::Fail => true,
            OnError::Pass => false,
            OnError::Auto => error.is_fatal(),
        };
        if ends {
            post_error(element, error);
            return Err(gst::FlowError::Error);
        }
        let earlier = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(error.to_string());
        if earlier.is_none() {
            gst::element_warning!(
                element,
                gst::ResourceError::Failed,
                ("{error}. Frames pass through without inference until the server responds.")
            );
        }
        Ok(SkipReason::Failed)
    }

    /// A request succeeded.
    pub fn succeeded(&self, element: &gst::Element) {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(failure) = failure {
            gst::element_info!(
                element,
                gst::ResourceError::Failed,
                ("The server responds again, after: {failure}"),
                // gst-launch-1.0 shows this text of an INFO, and not the other
                ["The server responds again, after: {failure}"]
            );
        }
    }

    /// Whether a frame could be read, or why not.
    pub fn readable(&self, element: &gst::Element, read: Result<(), &str>) {
        let unreadable = self.unreadable.swap(read.is_err(), Ordering::Relaxed);
        if let Err(reason) = read
            && !unreadable
        {
            gst::element_warning!(
                element,
                gst::StreamError::Format,
                ("Cannot read a frame: {reason}. Such frames pass through without inference.")
            );
        }
    }

    /// A frame has no people to infer on.
    pub fn no_people(&self, element: &gst::Element) {
        if !self.no_people.swap(true, Ordering::Relaxed) {
            gst::element_warning!(
                element,
                gst::StreamError::Failed,
                ("inference-region=people, but the frames have no people: put an element that finds people before, \
                  such as tritoninfer model=movenet_multipose ! poseparse")
            );
        }
    }
}

/// Posts an error, whose text names what failed, where, and the remedy.
pub fn post_error(element: &gst::Element, error: &Error) {
    gst::element_error!(element, gst::ResourceError::Failed, ("{error}"));
}
