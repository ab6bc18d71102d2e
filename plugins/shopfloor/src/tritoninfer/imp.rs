//! The GObject of the core: pads, states, what it has opened. What streams is in [`super::stream`], what a user sets and
//! reads is on the bin around it ([`super::bin`]).

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use triton::Pool;

use super::error::Error;
use super::gate::Gate;
use super::latency::Promise;
use super::session::Session;
use super::settings::Settings;
use super::stats::Stats;
use super::stream::Input;
use crate::{pool, video};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "tritoninfer",
        gst::DebugColorFlags::empty(),
        Some("Inference on a Triton server"),
    )
});

/// What exists from READY on.
#[derive(Clone)]
pub(super) struct Opened {
    pub session: Arc<Session>,
    pub promise: Arc<Mutex<Promise>>,
    pub stats: Arc<Mutex<Stats>>,
}

/// The element inside the bin, which alone makes it and sets it up.
pub struct TritonInferCore {
    pub(super) settings: Arc<Mutex<Settings>>,
    /// The application's, instead of the process's.
    pool: Mutex<Option<Pool>>,
    pub(super) trouble: Mutex<Option<String>>,
    pub(super) opened: Mutex<Option<Opened>>,
    pub(super) gate: Arc<Gate>,
    pub(super) input: Mutex<Option<Input>>,
    pub(super) hinted: AtomicBool,
    pub(super) measuring: AtomicBool,
    /// Stands in for a server's model.
    #[cfg(test)]
    pub(super) scripted: Mutex<Option<Arc<triton::Model>>>,
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
}

#[glib::object_subclass]
impl ObjectSubclass for TritonInferCore {
    const NAME: &'static str = "GstShopfloorTritonInferCore";
    type Type = super::TritonInferCore;
    type ParentType = gst::Element;

    fn with_class(klass: &Self::Class) -> Self {
        let template = |name| klass.pad_template(name).expect("templates are defined below");
        let sinkpad = gst::Pad::builder_from_template(&template("sink"))
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(parent, || Err(gst::FlowError::Error), |this| this.chain(buffer))
            })
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
            })
            .flags(gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION)
            .build();
        let srcpad = gst::Pad::builder_from_template(&template("src"))
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
            })
            .activatemode_function(|_, parent, _, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic while activating")),
                    |this| this.activate(active),
                )
            })
            .flags(gst::PadFlags::PROXY_CAPS)
            .build();
        Self {
            settings: Arc::default(),
            pool: Mutex::default(),
            trouble: Mutex::default(),
            opened: Mutex::default(),
            gate: Arc::default(),
            input: Mutex::default(),
            hinted: AtomicBool::new(false),
            measuring: AtomicBool::new(false),
            #[cfg(test)]
            scripted: Mutex::default(),
            sinkpad,
            srcpad,
        }
    }
}

impl ObjectImpl for TritonInferCore {
    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        for pad in [&self.sinkpad, &self.srcpad] {
            obj.add_pad(pad).expect("a new element has no pads yet");
        }
    }
}

impl GstObjectImpl for TritonInferCore {}

impl ElementImpl for TritonInferCore {
    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(video::filter_templates);
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady {
            self.open().map_err(|error| {
                self.fail(&error);
                gst::StateChangeError
            })?;
        }
        let success = self.parent_change_state(transition)?;
        match transition {
            gst::StateChange::PausedToReady => *self.input.lock().unwrap() = None,
            gst::StateChange::ReadyToNull => {
                // dropped after the lock is: the last user of a model waits for the server to unload it
                let opened = self.opened.lock().unwrap().take();
                drop(opened);
            }
            _ => {}
        }
        Ok(success)
    }

    fn set_context(&self, context: &gst::Context) {
        if let Some(pool) = pool::of_context(context) {
            *self.pool.lock().unwrap() = Some(pool);
        }
        self.parent_set_context(context);
    }
}

impl TritonInferCore {
    fn open(&self) -> Result<(), Error> {
        let settings = self.settings.lock().unwrap().clone();
        let session = self.session(&settings)?;
        super::regions::check(session.contract(), settings.inference_region)?;
        let promise = match settings.latency {
            0 => Promise::default(),
            latency => Promise::fixed(Duration::from_millis(latency.into())),
        };
        *self.trouble.lock().unwrap() = None;
        *self.opened.lock().unwrap() = Some(Opened {
            session: Arc::new(session),
            promise: Arc::new(Mutex::new(promise)),
            stats: Arc::default(),
        });
        Ok(())
    }

    #[cfg(not(test))]
    fn session(&self, settings: &Settings) -> Result<Session, Error> {
        Session::open(settings, &self.pool())
    }

    #[cfg(test)]
    fn session(&self, settings: &Settings) -> Result<Session, Error> {
        let scripted = self.scripted.lock().unwrap().clone();
        scripted.map_or_else(|| Session::open(settings, &self.pool()), Session::of)
    }

    /// The pool that we were handed, or are handed now that we ask, or else the process's.
    fn pool(&self) -> Pool {
        let handed = || self.pool.lock().unwrap().clone();
        let known = handed().or_else(|| {
            let obj = self.obj();
            // an error: nobody listens
            let _ = obj.post_message(gst::message::NeedContext::builder(pool::CONTEXT).src(&*obj).build());
            handed()
        });
        known.unwrap_or_else(|| Pool::process().clone())
    }

    /// Ends the stream over `error`, whose text says what, where and what to do.
    pub(super) fn fail(&self, error: &Error) {
        gst::element_imp_error!(self, gst::ResourceError::Failed, ("{error}"), ["{error:?}"]);
    }

    pub(super) fn opened(&self) -> Option<Opened> {
        self.opened.lock().unwrap().clone()
    }

    /// closed, ready, or why answers do not come.
    pub(super) fn status(&self) -> String {
        let trouble = self.trouble.lock().unwrap().clone();
        match (self.opened(), trouble) {
            (None, _) => "closed".into(),
            (Some(_), None) => "ready".into(),
            (Some(_), Some(trouble)) => trouble,
        }
    }

    /// What became of the frames so far.
    pub(super) fn stats(&self) -> gst::Structure {
        let (in_flight, late) = self.gate.counts();
        let (stats, latency) = match self.opened() {
            Some(opened) => (
                opened.stats.lock().unwrap().clone(),
                opened.promise.lock().unwrap().latency().unwrap_or_default(),
            ),
            None => (Stats::default(), Duration::ZERO),
        };
        stats.structure(in_flight, late, latency)
    }
}
