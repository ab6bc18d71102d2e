//! The GObject of `tritoninfer`: properties, pads, states. What streams is in [`super::stream`].

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::error::Error;
use super::gate::Gate;
use super::latency::Promise;
use super::session::Session;
use super::settings::{InferenceRegion, OnError, OnOverload, Settings};
use super::stats::Stats;
use super::stream::Input;
use crate::{stats, video};

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

/// The element.
#[derive(glib::Properties)]
#[properties(wrapper_type = super::TritonInfer)]
pub struct TritonInfer {
    #[property(name = "server", type = Option<String>, get, set, member = server, mutable_ready, blurb =
        "grpc://HOST:PORT[,grpc://…] of a Triton, or inprocess: to run one inside this process (NULL = $SHOPFLOOR_SERVER, else inprocess:)")]
    #[property(name = "model-repository", type = Option<String>, get, set, member = model_repository, mutable_ready, blurb =
        "Folder of the in-process server's models (NULL = $SHOPFLOOR_MODEL_REPOSITORY, else the installed one)")]
    #[property(name = "model", type = Option<String>, get, set, member = model, mutable_ready, blurb =
        "Name of the model; what it needs and gives is read from its configuration",
        default = Settings::default().model.as_deref())]
    #[property(name = "model-version", type = u64, get, set, member = model_version, mutable_ready, blurb =
        "Version of the model (0 = the one the server chooses)")]
    #[property(name = "inference-region", type = InferenceRegion, get, set, member = inference_region, mutable_ready,
        builder(InferenceRegion::default()).blurb("What of a frame goes to the model"))]
    #[property(name = "inference-interval", type = u32, get, set, member = inference_interval, mutable_playing, minimum = 1,
        default = Settings::default().inference_interval, blurb = "Infer every n-th frame; the others are marked as skipped")]
    #[property(name = "max-in-flight", type = u32, get, set, member = max_in_flight, mutable_ready, minimum = 1, maximum = 64,
        default = Settings::default().max_in_flight, blurb = "Frames whose requests may be under way at once")]
    #[property(name = "on-overload", type = OnOverload, get, set, member = on_overload, mutable_playing,
        builder(OnOverload::default()).blurb("What becomes of a frame when max-in-flight is reached"))]
    #[property(name = "on-error", type = OnError, get, set, member = on_error, mutable_playing,
        builder(OnError::default()).blurb("What a failed request does to the stream"))]
    #[property(name = "timeout", type = u32, get, set, member = timeout, mutable_playing, minimum = 1,
        default = Settings::default().timeout, blurb = "Milliseconds after which a request has failed")]
    #[property(name = "priority", type = u32, get, set, member = priority, mutable_playing, blurb =
        "Priority of the requests, 1 the highest (0 = the model's default); only for models that declare priority levels")]
    #[property(name = "latency", type = u32, get, set, member = latency, mutable_ready, blurb =
        "Milliseconds a live frame waits for its answer at most (0 = measured before PLAYING, raised when it was too short)")]
    pub(super) settings: Mutex<Settings>,
    #[property(name = "status", type = String, get = Self::status, blurb =
        "closed, ready, or why answers do not come")]
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
impl ObjectSubclass for TritonInfer {
    const NAME: &'static str = "GstShopfloorTritonInfer";
    type Type = super::TritonInfer;
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
            settings: Mutex::default(),
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

impl ObjectImpl for TritonInfer {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            stats::with_property(
                TritonInfer::derived_properties(),
                "Frames by outcome; answer, sampling and promised latency in nanoseconds",
            )
        });
        &PROPERTIES
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.derived_set_property(id, value, pspec);
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            stats::PROPERTY => self.stats().to_value(),
            _ => self.derived_property(id, pspec),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        for pad in [&self.sinkpad, &self.srcpad] {
            obj.add_pad(pad).expect("a new element has no pads yet");
        }
    }
}

impl GstObjectImpl for TritonInfer {}

impl ElementImpl for TritonInfer {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Triton inference",
                "Filter/Analyzer/Video",
                "Sends frames or regions of them to a model on a Triton server, asynchronously and in order",
                "The shopfloor developers",
            )
        });
        Some(&METADATA)
    }

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
}

impl TritonInfer {
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
        Session::open(settings)
    }

    #[cfg(test)]
    fn session(&self, settings: &Settings) -> Result<Session, Error> {
        let scripted = self.scripted.lock().unwrap().clone();
        scripted.map_or_else(|| Session::open(settings), Session::of)
    }

    /// Ends the stream over `error`, whose text says what, where and what to do.
    pub(super) fn fail(&self, error: &Error) {
        gst::element_imp_error!(self, gst::ResourceError::Failed, ("{error}"), ["{error:?}"]);
    }

    pub(super) fn opened(&self) -> Option<Opened> {
        self.opened.lock().unwrap().clone()
    }

    fn status(&self) -> String {
        let trouble = self.trouble.lock().unwrap().clone();
        match (self.opened(), trouble) {
            (None, _) => "closed".into(),
            (Some(_), None) => "ready".into(),
            (Some(_), Some(trouble)) => trouble,
        }
    }

    fn stats(&self) -> gst::Structure {
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
