//! Messages about failures: each condition is posted once when it begins; the end of failing requests is posted, too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use inference::Error;
use people::SkipReason;

use crate::tritoninfer::settings::OnError;

/// The present conditions.
#[derive(Default)]
pub struct Reporter {
    /// The reason why requests are failing.
    failure: Mutex<Option<String>>,
    /// Frames cannot be read.
    unreadable: AtomicBool,
    /// Frames have no people to infer on.
    no_people: AtomicBool,
}

impl Reporter {
    /// The reason why requests are failing, if they are.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Clears all conditions; called when the model is opened.
    pub fn reset(&self) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.unreadable.store(false, Ordering::Relaxed);
        self.no_people.store(false, Ordering::Relaxed);
    }

    /// Reports a failed request: posts an error, or one warning until a request succeeds.
    ///
    /// # Errors
    /// [`gst::FlowError::Error`] if the stream is to end.
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

    /// Reports a successful request: posts the end of a failure.
    pub fn succeeded(&self, element: &gst::Element) {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(failure) = failure {
            gst::element_info!(
                element,
                gst::ResourceError::Failed,
                ("The server responds again, after: {failure}"),
                // gst-launch-1.0 shows only the debug text of an INFO
                ["The server responds again, after: {failure}"]
            );
        }
    }

    /// Reports whether a frame could be read, or the reason why not.
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

    /// Reports a frame without the people that `inference-region=people` requires.
    pub fn no_people(&self, element: &gst::Element) {
        if !self.no_people.swap(true, Ordering::Relaxed) {
            gst::element_warning!(
                element,
                gst::StreamError::Failed,
                ("inference-region=people, but the frames have no people: add an element that finds people upstream, \
                  such as tritoninfer model=movenet_multipose ! poseparse")
            );
        }
    }
}

/// Posts an error, whose text names what failed, where, and the remedy.
pub fn post_error(element: &gst::Element, error: &Error) {
    gst::element_error!(element, gst::ResourceError::Failed, ("{error}"));
}
