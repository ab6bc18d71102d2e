//! What stands between the bin's sink pad and its core: nothing, a converter, or a decoder and a converter.
//!
//! Chosen by the CAPS event, on the streaming thread, when nothing of the new stream has come yet.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::bin::TritonInfer;
use super::imp::CAT;

/// Video that has to be decoded first. `media`: the audio of the same camera is nothing to link.
pub fn encoded() -> gst::Caps {
    gst::Caps::builder_full()
        .structure(
            gst::Structure::builder("application/x-rtp")
                .field("media", "video")
                .build(),
        )
        .structure(gst::Structure::new_empty("video/x-h264"))
        .structure(gst::Structure::new_empty("video/x-h265"))
        .structure(gst::Structure::new_empty("image/jpeg"))
        .build()
}

/// The same pictures in whatever format `videoconvert` knows.
fn in_any_format(caps: &gst::CapsRef) -> gst::Caps {
    let mut any = caps.to_owned();
    for structure in any.make_mut().iter_mut() {
        structure.remove_fields(["format", "colorimetry", "chroma-site"]);
    }
    any
}

/// How video reaches the core.
#[derive(Clone, Debug, PartialEq)]
enum Way {
    Straight,
    Converted,
    /// By a decoder that stays as long as the stream is of this kind.
    Decoded {
        kind: String,
    },
}

impl Way {
    /// For a stream of `caps`, when the core and all behind it take `direct`.
    fn of(caps: &gst::CapsRef, direct: &gst::CapsRef) -> Self {
        if caps.can_intersect(direct) {
            return Self::Straight;
        }
        match caps.structure(0) {
            Some(structure) if structure.name() != "video/x-raw" => {
                let coding = structure.get::<&str>("encoding-name").unwrap_or_default();
                let kind = format!("{} {coding}", structure.name());
                Self::Decoded { kind }
            }
            _ => Self::Converted,
        }
    }
}

/// What is plugged, and who waits for it.
#[derive(Default)]
pub struct Plug {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    plugged: Option<Plugged>,
    stopped: bool,
    /// Ends the wait of the streaming thread for the decoder to run empty.
    drained: Option<Sender<()>>,
}

struct Plugged {
    way: Way,
    /// In the stream's order; all ours to remove.
    elements: Vec<gst::Element>,
}

impl Plug {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The element begins to stream.
    pub fn start(&self) {
        self.lock().stopped = false;
    }

    /// The element stops: from now on nobody waits.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.flush();
    }

    /// What is in the decoder is not wanted any more.
    pub fn flush(&self) {
        let drained = self.lock().drained.take();
        if let Some(drained) = drained {
            let _ = drained.send(());
        }
    }
}

impl TritonInfer {
    /// What the sink pad takes, the best first: what the core and all behind it take as it is.
    pub(super) fn taken(&self) -> gst::Caps {
        let mut taken = self.core.imp().sinkpad.query_caps(None);
        taken.merge(in_any_format(&taken.clone()));
        taken.merge(encoded());
        taken
    }

    /// Makes the way for a stream of these caps.
    pub(super) fn plug(&self, caps: &gst::CapsRef) -> Result<(), glib::BoolError> {
        let way = Way::of(caps, &self.core.imp().sinkpad.query_caps(None));
        let same = self.plug.lock().plugged.as_ref().map(|plugged| plugged.way == way);
        match same {
            Some(true) => return Ok(()),
            Some(false) => self.drain(),
            None => {}
        }
        self.unplug();
        self.put(way)
    }

    /// Puts the core behind the pad where nothing is plugged.
    pub(super) fn plug_core(&self) -> Result<(), glib::BoolError> {
        let plugged = self.plug.lock().plugged.is_some();
        if plugged { Ok(()) } else { self.put(Way::Straight) }
    }

    fn put(&self, way: Way) -> Result<(), glib::BoolError> {
        gst::debug!(CAT, imp = self, "{way:?}");
        let elements = match way {
            Way::Straight => vec![],
            Way::Converted => vec![make("videoconvert")?],
            Way::Decoded { .. } => vec![make("decodebin")?, make("videoconvert")?],
        };
        // known before it is complete: what fails half way is taken away like the rest
        self.plug.lock().plugged = Some(Plugged {
            way,
            elements: elements.clone(),
        });
        self.join(&elements)?;
        // who asked before was told what was not linked yet
        let obj = self.obj();
        let _ = obj.post_message(gst::message::Latency::builder().src(&*obj).build());
        Ok(())
    }

    /// Links pad, elements and core, and starts the elements, the last first.
    fn join(&self, elements: &[gst::Element]) -> Result<(), glib::BoolError> {
        self.obj().add_many(elements)?;
        let mut entry = self.core.imp().sinkpad.clone();
        for element in elements.iter().rev() {
            match element.static_pad("src") {
                Some(source) => drop(source.link(&entry).map_err(|error| glib::bool_error!("{error}"))?),
                None => link_video(element, &entry),
            }
            element.sync_state_with_parent()?;
            entry = element.static_pad("sink").expect("decoders and converters have one");
        }
        self.sinkpad.set_target(Some(&entry))
    }

    /// Takes away what stands before the core, with all that is in it.
    pub(super) fn unplug(&self) {
        let plugged = self.plug.lock().plugged.take();
        let _ = self.sinkpad.set_target(None::<&gst::Pad>);
        for element in plugged.iter().flat_map(|plugged| &plugged.elements) {
            // removed first, and unlinked by that: a stopping bin around must not start it again
            let _ = self.obj().remove(element);
            let _ = element.set_state(gst::State::Null);
        }
    }

    /// Waits until all frames of the old stream are in the core. A converter holds none back.
    fn drain(&self) {
        let ends = match self.plug.lock().plugged.as_ref().map(|plugged| &*plugged.elements) {
            Some([first, .., last]) => (first.static_pad("sink"), last.static_pad("src")),
            _ => return,
        };
        // a decoder that never gave a frame would complain about an end
        let (Some(first), Some(last)) = (ends.0, ends.1.filter(|last| last.current_caps().is_some())) else {
            return;
        };
        let (sender, drained) = channel();
        {
            let mut state = self.plug.lock();
            if state.stopped {
                return;
            }
            state.drained = Some(sender.clone());
        }
        last.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| match info.event() {
            Some(event) if event.type_() == gst::EventType::Eos => {
                let _ = sender.send(());
                // it ends here: Drop would have GStreamer complain of an event that is gone
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        });
        if first.send_event(gst::event::Eos::new()) {
            let _ = drained.recv();
        }
        self.plug.lock().drained = None;
    }
}

fn make(factory: &str) -> Result<gst::Element, glib::BoolError> {
    gst::ElementFactory::make(factory).build()
}

/// Links the decoder's video as soon as there is some.
fn link_video(decoder: &gst::Element, entry: &gst::Pad) {
    let entry = entry.downgrade();
    decoder.connect_pad_added(move |decoder, pad| {
        let Some(entry) = entry.upgrade().filter(|entry| !entry.is_linked()) else {
            return;
        };
        if let Err(error) = pad.link(&entry) {
            gst::warning!(CAT, obj = decoder, "{} has no video for us: {error}", pad.name());
        }
    });
}
