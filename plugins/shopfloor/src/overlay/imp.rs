//! The GObject of `overlay`; what is drawn is `draw::Painter`'s.

use std::sync::{LazyLock, Mutex};

use draw::{Painter, Style};
use gst::glib;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;

use crate::video;

/// The element.
#[derive(Default, glib::Properties)]
#[properties(wrapper_type = super::Overlay)]
pub struct Overlay {
    #[property(name = "boxes", type = bool, get, set, member = boxes, mutable_playing, default = Style::default().boxes,
        blurb = "Draw a box around each person, in the colour of the vest")]
    #[property(name = "skeletons", type = bool, get, set, member = skeletons, mutable_playing, default = Style::default().skeletons,
        blurb = "Draw keypoints and the bones between them")]
    #[property(name = "labels", type = bool, get, set, member = labels, mutable_playing, default = Style::default().labels,
        blurb = "Write who each person is")]
    #[property(name = "stations", type = bool, get, set, member = stations, mutable_playing, default = Style::default().stations,
        blurb = "Draw the stations and their states")]
    #[property(name = "redact", type = bool, get, set, member = redact, mutable_playing, default = Style::default().redact,
        blurb = "Make faces unrecognisable")]
    style: Mutex<Style>,
    painter: Mutex<Option<Painter>>,
}

#[glib::object_subclass]
impl ObjectSubclass for Overlay {
    const NAME: &'static str = "GstShopfloorOverlay";
    type Type = super::Overlay;
    type ParentType = gst_video::VideoFilter;
}

#[glib::derived_properties]
impl ObjectImpl for Overlay {}

impl GstObjectImpl for Overlay {}

impl ElementImpl for Overlay {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Shop floor overlay",
                "Filter/Effect/Video",
                "Draws people, skeletons, names, stations and their states on the frame",
                "The shopfloor developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(video::filter_templates);
        &TEMPLATES
    }
}

impl BaseTransformImpl for Overlay {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.painter.lock().unwrap() = None;
        Ok(())
    }
}

impl VideoFilterImpl for Overlay {
    fn transform_frame_ip(
        &self,
        frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let Some(scene) = people_meta::scene(frame.buffer()) else {
            return Ok(gst::FlowSuccess::Ok);
        };
        let style = self.style.lock().unwrap().clone();
        let mut surface = video::surface(frame).map_err(|error| {
            gst::element_imp_error!(self, gst::StreamError::Format, ("Cannot draw on this frame: {error}"));
            gst::FlowError::NotNegotiated
        })?;
        self.painter
            .lock()
            .unwrap()
            .get_or_insert_with(Painter::new)
            .paint(&mut surface, &scene, &style);
        Ok(gst::FlowSuccess::Ok)
    }
}
