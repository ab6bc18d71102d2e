//! The element `tritoninfer`, a bin: properties, ghost pads, states. Elements before its core are in
//! [`super::input_chain`]; frames are processed in the core ([`super::core`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::core::{CAT, TritonInferCore};
use super::input_chain::InputChain;
use super::media;
use super::settings::{InferenceRegion, OnError, OnOverload, Settings, Transport};
use crate::{stats, video};

/// The element.
#[derive(glib::Properties)]
#[properties(wrapper_type = super::TritonInfer)]
pub struct TritonInfer {
    #[property(name = "server", type = Option<String>, get, set, member = server, mutable_ready, blurb =
        "Address of the Triton server: grpc://HOST:PORT[,grpc://…], grpcs:// with TLS, or inprocess: for one inside this process (NULL = $SHOPFLOOR_SERVER, else inprocess:)")]
    #[property(name = "model-repository", type = Option<String>, get, set, member = model_repository, mutable_ready, blurb =
        "Model repository of the in-process server (NULL = $SHOPFLOOR_MODEL_REPOSITORY, else the installed one)")]
    #[property(name = "transport", type = Transport, get, set, member = transport, mutable_ready,
        builder(Transport::default()).blurb("How tensors are passed to a remote server"))]
    #[property(name = "tls-ca-file", type = Option<String>, get, set, member = tls_ca_file, mutable_ready, blurb =
        "PEM file with the authorities of grpcs:// servers (NULL = $SHOPFLOOR_TLS_CA_FILE, else those of the system)")]
    #[property(name = "tls-certificate-file", type = Option<String>, get, set, member = tls_certificate_file, mutable_ready, blurb =
        "PEM file with the certificate to present to the server (NULL = $SHOPFLOOR_TLS_CERTIFICATE_FILE, else none)")]
    #[property(name = "tls-key-file", type = Option<String>, get, set, member = tls_key_file, mutable_ready, blurb =
        "PEM file with the key of tls-certificate-file (NULL = $SHOPFLOOR_TLS_KEY_FILE, else the same file)")]
    #[property(name = "tls-server-name", type = Option<String>, get, set, member = tls_server_name, mutable_ready, blurb =
        "Name to expect in the server's certificate (NULL = $SHOPFLOOR_TLS_SERVER_NAME, else the host of the address)")]
    #[property(name = "headers-file", type = Option<String>, get, set, member = headers_file, mutable_ready, blurb =
        "File with a header to send with each call on each line, NAME: VALUE (NULL = $SHOPFLOOR_HEADERS_FILE or $SHOPFLOOR_HEADERS)")]
    #[property(name = "token-file", type = Option<String>, get, set, member = token_file, mutable_ready, blurb =
        "File with a bearer token to send with each call (NULL = $SHOPFLOOR_TOKEN_FILE or $SHOPFLOOR_TOKEN)")]
    #[property(name = "model", type = Option<String>, get, set, member = model, mutable_ready, blurb =
        "Name of the model; its configuration defines inputs and outputs",
        default = Settings::default().model.as_deref())]
    #[property(name = "model-version", type = u64, get, set, member = model_version, mutable_ready, blurb =
        "Version of the model (0 = the one the server chooses)")]
    #[property(name = "inference-region", type = InferenceRegion, get, set, member = inference_region, mutable_ready,
        builder(InferenceRegion::default()).blurb("Part of the frame to run inference on"))]
    #[property(name = "stations", type = Option<String>, get, set, member = stations, mutable_ready, blurb =
        "Path of the station file, or its JSON, for inference-region=people-at-stations")]
    #[property(name = "inference-interval", type = u32, get, set, member = inference_interval, mutable_playing, minimum = 1,
        default = Settings::default().inference_interval, blurb = "Number of frames from one inferred frame to the next; those between are marked as skipped (1 = every frame)")]
    #[property(name = "max-in-flight", type = u32, get, set, member = max_in_flight, mutable_ready, maximum = 64,
        default = Settings::default().max_in_flight, blurb = "Maximum number of frames with requests in flight (0 = as many as the model works on at a time)")]
    #[property(name = "on-overload", type = OnOverload, get, set, member = on_overload, mutable_playing,
        builder(OnOverload::default()).blurb("Action on a frame that arrives while no request can be sent"))]
    #[property(name = "on-error", type = OnError, get, set, member = on_error, mutable_playing,
        builder(OnError::default()).blurb("Action on a failed request"))]
    #[property(name = "timeout", type = u32, get, set, member = timeout, mutable_playing,
        default = Settings::default().timeout, blurb = "Timeout of a request, in milliseconds (0 = 5000 on a live stream, none on others)")]
    #[property(name = "priority", type = u32, get, set, member = priority, mutable_playing, blurb =
        "Priority of the requests, 1 the highest (0 = the model's default); only for models that declare priority levels")]
    #[property(name = "weight", type = u32, get, set, member = weight, mutable_playing, minimum = 1,
        default = Settings::default().weight, blurb = "Share of the model's inferences relative to other elements that use it")]
    #[property(name = "latency", type = u32, get, set, member = latency, mutable_ready, blurb =
        "Maximum time that a live frame waits for its response, in milliseconds (0 = measured)")]
    #[property(name = "stats-interval", type = u32, get, set, member = stats_interval, mutable_playing, blurb =
        "Time between element messages with the statistics, in milliseconds (0 = none)")]
    settings: Arc<Mutex<Settings>>,
    #[property(name = "status", type = String, get = Self::status, blurb =
        "'closed', 'ready', or 'connecting', 'degraded' or 'failed' and the reason")]
    core: TritonInferCore,
    chain: InputChain,
    sinkpad: gst::GhostPad,
    srcpad: gst::GhostPad,
}

#[glib::object_subclass]
impl ObjectSubclass for TritonInfer {
    const NAME: &'static str = "GstShopfloorTritonInfer";
    type Type = super::TritonInfer;
    type ParentType = gst::Bin;

    fn with_class(klass: &Self::Class) -> Self {
        let template = |name| klass.pad_template(name).expect("templates are defined below");
        let sinkpad = gst::GhostPad::builder_from_template(&template("sink"))
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
            })
            .build();
        let core: TritonInferCore = glib::Object::builder().property("name", "core").build();
        Self {
            settings: core.imp().settings().clone(),
            chain: InputChain::new(&sinkpad, core.imp().sink()),
            core,
            sinkpad,
            srcpad: gst::GhostPad::from_template(&template("src")),
        }
    }
}

impl ObjectImpl for TritonInfer {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            stats::with_property(
                TritonInfer::derived_properties(),
                "Frame counts by outcome, latencies in nanoseconds, memory of requests and of in-process models in bytes",
            )
        });
        &PROPERTIES
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.derived_set_property(id, value, pspec);
        self.core.imp().settings_changed();
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            stats::PROPERTY => self.core.imp().stats().to_value(),
            // DOT dumps and logs show it.
            "server" => self.server().to_value(),
            _ => self.derived_property(id, pspec),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.add(&self.core).expect("the core is added to a new bin");
        self.srcpad
            .set_target(Some(self.core.imp().source()))
            .expect("both pads have the same template");
        for pad in [&self.sinkpad, &self.srcpad] {
            obj.add_pad(pad).expect("a new element has no pads yet");
        }
        self.name_foreign_streams();
    }
}

impl GstObjectImpl for TritonInfer {}

impl ElementImpl for TritonInfer {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Triton inference",
                "Filter/Analyzer/Video",
                "Runs inference on frames or regions with a model on a Triton server, asynchronously and in order",
                "The shopfloor developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let mut input = gst_video::VideoCapsBuilder::new().build();
            input.merge(media::encoded());
            vec![
                video::template(gst::PadDirection::Sink, &input),
                video::template(gst::PadDirection::Src, &video::caps()),
            ]
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::ReadyToPaused => self.chain.start(),
            // Before the streaming threads are joined, since one may be waiting for a decoder to drain.
            gst::StateChange::PausedToReady => self.chain.stop(),
            _ => {}
        }
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::PausedToReady {
            self.chain.remove(self.obj().upcast_ref());
        }
        Ok(success)
    }
}

impl BinImpl for TritonInfer {
    /// Messages of the core are posted with the bin as their source.
    fn handle_message(&self, message: gst::Message) {
        let obj = self.obj();
        if message.src() != Some(self.core.upcast_ref()) {
            return self.parent_handle_message(message);
        }
        let ours = match message.view() {
            gst::MessageView::Error(error) => gst::message::Error::builder_from_error(error.error())
                .debug_if_some(error.debug().as_deref())
                .src(&*obj)
                .build(),
            gst::MessageView::Warning(warning) => gst::message::Warning::builder_from_error(warning.error())
                .debug_if_some(warning.debug().as_deref())
                .src(&*obj)
                .build(),
            gst::MessageView::Info(info) => gst::message::Info::builder_from_error(info.error())
                .debug_if_some(info.debug().as_deref())
                .src(&*obj)
                .build(),
            gst::MessageView::Element(element) => match element.structure() {
                Some(structure) => gst::message::Element::builder(structure.to_owned()).src(&*obj).build(),
                None => message,
            },
            _ => message,
        };
        self.parent_handle_message(ours);
    }
}

impl TritonInfer {
    /// The property `server`, without what may be a secret in an address that is refused.
    fn server(&self) -> Option<String> {
        let settings = self.settings.lock().unwrap();
        settings
            .server
            .as_deref()
            .map(|server| triton::redact(server).into_owned())
    }

    /// Posts why a stream that is not video is refused, once. GStreamer refuses such caps before the pad's event function is
    /// called, but after its probes, and upstream then reports only that it stopped.
    fn name_foreign_streams(&self) {
        let element = self.obj().downgrade();
        // Upstream sends caps again that were refused.
        let named = AtomicBool::new(false);
        self.sinkpad
            .add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
                match info.event().map(|event| event.view()) {
                    Some(gst::EventView::StreamStart(_)) => named.store(false, Ordering::Relaxed),
                    Some(gst::EventView::Caps(caps)) if media::is_foreign(caps.caps()) => {
                        if let Some(element) = element.upgrade().filter(|_| !named.swap(true, Ordering::Relaxed)) {
                            gst::element_error!(
                                element,
                                gst::StreamError::WrongType,
                                ("{}", media::refusal(caps.caps()))
                            );
                        }
                    }
                    _ => {}
                }
                gst::PadProbeReturn::Ok
            });
    }

    fn status(&self) -> String {
        self.core.imp().status()
    }

    fn sink_event(&self, pad: &gst::GhostPad, event: gst::Event) -> bool {
        gst::log!(CAT, obj = pad, "{event:?}");
        let linked = match event.view() {
            gst::EventView::Caps(caps) => self.chain.accept(self.obj().upcast_ref(), caps.caps()),
            // If there are no caps, the core reports the error, or the empty stream ends.
            gst::EventView::Segment(_) | gst::EventView::Eos(_) => self.chain.link_core(self.obj().upcast_ref()),
            gst::EventView::FlushStart(_) => {
                self.chain.flush();
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(error) = linked {
            gst::element_imp_error!(
                self,
                gst::CoreError::Negotiation,
                ("Cannot convert the stream for the model: {error}"),
                ["at the event {}", event.type_()]
            );
            return false;
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    /// The input chain depends on the caps, so the result covers every chain.
    fn sink_query(&self, pad: &gst::GhostPad, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Caps(caps) => {
                let accepted = self.chain.accepted_caps();
                let accepted = match caps.filter() {
                    Some(filter) => filter.intersect_with_mode(&accepted, gst::CapsIntersectMode::First),
                    None => accepted,
                };
                caps.set_result(&accepted);
                true
            }
            gst::QueryViewMut::AcceptCaps(caps) => {
                let accepted = self.chain.accepted_caps().can_intersect(caps.caps());
                caps.set_result(accepted);
                true
            }
            _ => gst::Pad::query_default(pad, Some(&*self.obj()), query),
        }
    }
}
