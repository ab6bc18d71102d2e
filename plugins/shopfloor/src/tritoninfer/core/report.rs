//! Messages about conditions: each is posted once when it begins; the end of failing requests is posted, too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::prelude::*;
use inference::failure::OnFailure;
use inference::{Error, Health, State};

use crate::outlet::Outlet;

/// The present conditions.
#[derive(Default)]
pub struct Reporter {
    health: Mutex<Health>,
    /// Changes that have not been posted; filled under the lock of `health`.
    notices: Outlet<Notice>,
    /// Frames cannot be read.
    unreadable: AtomicBool,
    /// Frames have no people to infer on.
    no_people: AtomicBool,
}

/// A change to post.
#[derive(Debug)]
enum Notice {
    /// Requests fail from now on.
    Failing {
        state: State,
        reason: String,
        policy: OnFailure,
    },
    /// Requests succeed again, after this reason.
    Recovered { reason: String },
    /// Something that the user may want to know.
    Hint { text: String },
}

impl Reporter {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, followed by the reason if it is not ready.
    pub fn status(&self) -> String {
        let health = self.health();
        match health.reason() {
            Some(reason) => format!("{}: {reason}", health.state().name()),
            None => health.state().name().to_owned(),
        }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.health().state()
    }

    /// Clears all conditions; called when the element leaves NULL.
    pub fn reset(&self) {
        *self.health() = Health::default();
        self.notices.empty_now(drop);
        self.unreadable.store(false, Ordering::Relaxed);
        self.no_people.store(false, Ordering::Relaxed);
    }

    /// Records a failure that does not end the stream. True if there is something to [`post`](Self::post).
    pub fn failed(&self, error: &Error, policy: OnFailure) -> bool {
        let reason = error.to_string();
        let mut health = self.health();
        let edge = health.failed(Instant::now(), &reason);
        if edge {
            let state = health.state();
            self.notices.put([Notice::Failing { state, reason, policy }]);
        }
        edge
    }

    /// Records that a request succeeded. True if there is something to [`post`](Self::post).
    pub fn succeeded(&self) -> bool {
        let mut health = self.health();
        let recovered = health.succeeded(Instant::now());
        let edge = recovered.is_some();
        self.notices.put(recovered.map(|reason| Notice::Recovered { reason }));
        edge
    }

    /// Records a hint, to [`post`](Self::post).
    pub fn hint(&self, text: String) {
        self.notices.put([Notice::Hint { text }]);
    }

    /// Posts what has changed, in order, on a thread that may run the application's message handlers; or leaves it to another one
    /// that is doing so.
    pub fn post(&self, element: &gst::Element) {
        self.notices.empty(|notice| notice.post(element));
    }

    /// Posts an error, which ends the stream, once.
    pub fn end(&self, element: &gst::Element, error: &Error) {
        if self.health().ended(&error.to_string()) {
            post_error(element, error);
            post_state(element, State::Failed, Some(&error.to_string()));
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
    pub fn no_people(&self, element: &gst::Element, frame: &gst::BufferRef) {
        if self.no_people.swap(true, Ordering::Relaxed) {
            return;
        }
        let remedy = match people_meta::model_outputs(frame).first() {
            Some(output) => format!(
                "put poseparse behind tritoninfer model={0}, which decodes people from its outputs",
                output.model
            ),
            None => "add an element that finds people upstream, such as tritoninfer model=person_pose ! poseparse"
                .to_owned(),
        };
        gst::element_warning!(
            element,
            gst::StreamError::Failed,
            ("inference-region=people, but the frames have no people: {remedy}")
        );
    }
}

impl Notice {
    fn post(self, element: &gst::Element) {
        match self {
            Self::Failing { state, reason, policy } => {
                let consequence = match policy {
                    OnFailure::Hold => "The stream waits until the server responds.",
                    _ => "Frames pass through without inference until the server responds.",
                };
                gst::element_warning!(element, gst::ResourceError::Failed, ("{reason}. {consequence}"));
                post_state(element, state, Some(&reason));
            }
            Self::Hint { text } => {
                gst::element_info!(element, gst::ResourceError::Settings, ("{text}"), ["{text}"]);
            }
            Self::Recovered { reason } => {
                let text = format!("The server responds again, after: {reason}");
                // gst-launch-1.0 shows only the debug text of an INFO
                gst::element_info!(element, gst::ResourceError::Failed, ("{text}"), ["{text}"]);
                post_state(element, State::Ready, None);
            }
        }
    }
}

/// The name of the element message about the state.
const STATE_MESSAGE: &str = "tritoninfer-status";

fn post_state(element: &gst::Element, state: State, reason: Option<&str>) {
    let structure = gst::Structure::builder(STATE_MESSAGE)
        .field("state", state.name())
        .field_if_some("reason", reason)
        .build();
    // An error means that there is no bus.
    let _ = element.post_message(gst::message::Element::builder(structure).src(element).build());
}

/// Posts an error, whose text names what failed, where, and the remedy.
pub fn post_error(element: &gst::Element, error: &Error) {
    gst::element_error!(element, gst::ResourceError::Failed, ("{error}"));
}
