//! The elements between the bin's sink pad and its core: none, a converter, or a decoder and a converter.
//!
//! The chain is chosen at the CAPS event, on the streaming thread, before any data of the new stream.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;

use super::core::CAT;
use super::media::encoded;

/// The same caps in any format that `videoconvert` supports.
fn in_any_format(caps: &gst::CapsRef) -> gst::Caps {
    let mut any = caps.to_owned();
    for structure in any.make_mut().iter_mut() {
        structure.remove_fields(["format", "colorimetry", "chroma-site"]);
    }
    any
}

/// How video reaches the core.
#[derive(Clone, Debug, PartialEq)]
enum InputKind {
    Raw,
    Converted,
    /// By a decoder, which is replaced when the coding changes.
    Decoded {
        coding: String,
    },
}

impl InputKind {
    /// The kind for a stream of `caps` if the core and the elements after it accept `direct`.
    fn of(caps: &gst::CapsRef, direct: &gst::CapsRef) -> Self {
        if caps.can_intersect(direct) {
            return Self::Raw;
        }
        match caps.structure(0) {
            Some(structure) if structure.name() != "video/x-raw" => {
                let encoding = structure.get::<&str>("encoding-name").unwrap_or_default();
                let coding = format!("{} {encoding}", structure.name());
                Self::Decoded { coding }
            }
            _ => Self::Converted,
        }
    }
}

/// The chain and its state.
pub struct InputChain {
    /// The bin's sink pad, whose target is the first element.
    ghost: gst::GhostPad,
    /// The core's sink pad, to which the last element is linked.
    core_sink: gst::Pad,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    chain: Option<Chain>,
    stopped: bool,
    /// Ends the wait of the streaming thread for the decoder to drain.
    drained: Option<Sender<()>>,
}

struct Chain {
    kind: InputKind,
    /// In the order of the stream.
    elements: Vec<gst::Element>,
}

impl InputChain {
    /// An empty chain between the two pads.
    pub fn new(ghost: &gst::GhostPad, core_sink: &gst::Pad) -> Self {
        Self {
            ghost: ghost.clone(),
            core_sink: core_sink.clone(),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bin starts to stream.
    pub fn start(&self) {
        self.lock().stopped = false;
    }

    /// The bin stops: ends the present wait and prevents later ones.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.flush();
    }

    /// Ends the wait for a decoder to drain, whose frames are no longer needed.
    pub fn flush(&self) {
        let drained = self.lock().drained.take();
        if let Some(drained) = drained {
            let _ = drained.send(());
        }
    }

    /// The caps that the sink pad accepts; those that need no conversion first.
    pub fn accepted_caps(&self) -> gst::Caps {
        let mut accepted = self.core_sink.query_caps(None);
        accepted.merge(in_any_format(&accepted.clone()));
        accepted.merge(encoded());
        accepted
    }

    /// Builds the chain for a stream of these caps, and replaces a chain of another kind.
    pub fn accept(&self, bin: &gst::Bin, caps: &gst::CapsRef) -> Result<(), glib::BoolError> {
        let kind = InputKind::of(caps, &self.core_sink.query_caps(None));
        let same = self.lock().chain.as_ref().map(|chain| chain.kind == kind);
        match same {
            Some(true) => return Ok(()),
            Some(false) => self.drain(),
            None => {}
        }
        self.remove(bin);
        self.insert(bin, kind)
    }

    /// Links the core to the pad directly if there is no chain.
    pub fn link_core(&self, bin: &gst::Bin) -> Result<(), glib::BoolError> {
        let exists = self.lock().chain.is_some();
        if exists {
            Ok(())
        } else {
            self.insert(bin, InputKind::Raw)
        }
    }

    fn insert(&self, bin: &gst::Bin, kind: InputKind) -> Result<(), glib::BoolError> {
        gst::debug!(CAT, obj = bin, "{kind:?}");
        let elements = match kind {
            InputKind::Raw => vec![],
            InputKind::Converted => vec![make("videoconvert")?],
            InputKind::Decoded { .. } => vec![make("decodebin")?, make("videoconvert")?],
        };
        // Recorded before it is complete, so that a chain that fails half way is removed like any other.
        self.lock().chain = Some(Chain {
            kind,
            elements: elements.clone(),
        });
        self.link(bin, &elements)?;
        // Earlier latency queries did not see the newly linked elements.
        let _ = bin.post_message(gst::message::Latency::builder().src(bin).build());
        Ok(())
    }

    /// Links pad, elements and core, and starts the elements, from the last to the first.
    fn link(&self, bin: &gst::Bin, elements: &[gst::Element]) -> Result<(), glib::BoolError> {
        bin.add_many(elements)?;
        let mut entry = self.core_sink.clone();
        for element in elements.iter().rev() {
            match element.static_pad("src") {
                Some(source) => drop(source.link(&entry).map_err(|error| glib::bool_error!("{error}"))?),
                None => link_video(element, &entry),
            }
            element.sync_state_with_parent()?;
            entry = element.static_pad("sink").expect("decoders and converters have one");
        }
        self.ghost.set_target(Some(&entry))
    }

    /// Removes the chain with its elements.
    pub fn remove(&self, bin: &gst::Bin) {
        let chain = self.lock().chain.take();
        let _ = self.ghost.set_target(None::<&gst::Pad>);
        for element in chain.iter().flat_map(|chain| &chain.elements) {
            // Removed, and so unlinked, before it is stopped, so that the bin does not restart it.
            let _ = bin.remove(element);
            let _ = element.set_state(gst::State::Null);
        }
    }

    /// Waits until all frames of the old stream are in the core. Only decoders hold frames back.
    fn drain(&self) {
        let ends = match self.lock().chain.as_ref().map(|chain| &*chain.elements) {
            Some([first, .., last]) => (first.static_pad("sink"), last.static_pad("src")),
            _ => return,
        };
        // A decoder without any output yet would post an error at EOS.
        let (Some(first), Some(last)) = (ends.0, ends.1.filter(|last| last.current_caps().is_some())) else {
            return;
        };
        let (sender, drained) = channel();
        {
            let mut state = self.lock();
            if state.stopped {
                return;
            }
            state.drained = Some(sender.clone());
        }
        last.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| match info.event() {
            Some(event) if event.type_() == gst::EventType::Eos => {
                let _ = sender.send(());
                // The EOS is not passed on. With Drop, GStreamer would warn about a missing event.
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        });
        if first.send_event(gst::event::Eos::new()) {
            let _ = drained.recv();
        }
        self.lock().drained = None;
    }
}

fn make(factory: &str) -> Result<gst::Element, glib::BoolError> {
    gst::ElementFactory::make(factory).build()
}

/// Links the decoder's video pad as soon as there is one.
fn link_video(decoder: &gst::Element, entry: &gst::Pad) {
    let entry = entry.downgrade();
    decoder.connect_pad_added(move |decoder, pad| {
        let Some(entry) = entry.upgrade().filter(|entry| !entry.is_linked()) else {
            return;
        };
        if let Err(error) = pad.link(&entry) {
            gst::warning!(CAT, obj = decoder, "{} cannot be linked: {error}", pad.name());
        }
    });
}
