//! The element: a bin with the properties, the filter that draws and a converter after it.
//!
//! The converter is for sinks that do not take the stream's format, such as most X sinks. If they do, frames pass it
//! without a copy.

use std::sync::{Arc, LazyLock, Mutex};

use draw::Style;
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::redact::Redact;
use super::{CAT, OverlayCore};
use crate::video;

/// The element.
#[derive(glib::Properties)]
#[properties(wrapper_type = super::Overlay)]
pub struct Overlay {
    #[property(name = "boxes", type = bool, get, set, member = boxes, mutable_playing, default = Style::default().boxes,
        blurb = "Box around each person, in the colour of the vest")]
    #[property(name = "skeletons", type = bool, get, set, member = skeletons, mutable_playing, default = Style::default().skeletons,
        blurb = "Keypoints of each person and the lines between them")]
    #[property(name = "labels", type = bool, get, set, member = labels, mutable_playing, default = Style::default().labels,
        blurb = "Names of people, names and times of stations")]
    #[property(name = "stations", type = bool, get, set, member = stations, mutable_playing, default = Style::default().stations,
        blurb = "Outlines of the stations, coloured by their states")]
    #[property(name = "redact", type = Redact, get = Self::redact, set = Self::set_redact, mutable_playing,
        builder(Redact::None).blurb("What of the video is obscured"))]
    /// The settings, shared with the core.
    style: Arc<Mutex<Style>>,
    core: OverlayCore,
    sinkpad: gst::GhostPad,
    srcpad: gst::GhostPad,
}

#[glib::object_subclass]
impl ObjectSubclass for Overlay {
    const NAME: &'static str = "GstShopfloorOverlay";
    type Type = super::Overlay;
    type ParentType = gst::Bin;

    fn with_class(klass: &Self::Class) -> Self {
        let pad = |name| {
            let template = klass.pad_template(name).expect("templates are defined below");
            gst::GhostPad::from_template(&template)
        };
        let core: OverlayCore = glib::Object::builder().property("name", "core").build();
        Self {
            style: core.imp().style.clone(),
            core,
            sinkpad: pad("sink"),
            srcpad: pad("src"),
        }
    }
}

#[glib::derived_properties]
impl ObjectImpl for Overlay {
    fn constructed(&self) {
        self.parent_constructed();
        self.assemble();
    }
}

impl GstObjectImpl for Overlay {}

impl ElementImpl for Overlay {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Shop floor overlay",
                "Filter/Effect/Video",
                "Overlay of people, skeletons, names, stations and their states on the frame",
                "The shopfloor developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let any_format = gst_video::VideoCapsBuilder::new().build();
            vec![
                video::template(gst::PadDirection::Sink, &video::caps()),
                video::template(gst::PadDirection::Src, &any_format),
            ]
        });
        &TEMPLATES
    }
}

impl BinImpl for Overlay {}

impl Overlay {
    fn redact(&self) -> Redact {
        self.style.lock().unwrap().redact.into()
    }

    fn set_redact(&self, redact: Redact) {
        self.style.lock().unwrap().redact = redact.into();
    }

    fn assemble(&self) {
        let obj = self.obj();
        obj.add(&self.core).expect("a new bin accepts its core");
        let last: gst::Element = match gst::ElementFactory::make("videoconvert").build() {
            Ok(convert) => {
                obj.add(&convert).expect("a new bin accepts a converter");
                self.core
                    .link(&convert)
                    .expect("a converter accepts all formats of the core");
                convert
            }
            Err(error) => {
                gst::warning!(
                    CAT,
                    imp = self,
                    "no conversion for sinks, which must take the stream's format: {error}"
                );
                self.core.clone().upcast()
            }
        };
        for (ghost, target) in [
            (&self.sinkpad, self.core.static_pad("sink")),
            (&self.srcpad, last.static_pad("src")),
        ] {
            ghost.set_target(target.as_ref()).expect("filters have these pads");
            obj.add_pad(ghost).expect("a new element has no pads yet");
        }
    }
}
