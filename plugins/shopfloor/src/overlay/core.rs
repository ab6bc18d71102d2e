//! The filter inside the bin, which draws. What is drawn is in [`draw::Painter`].
//!
//! Locks: `style`, which the bin's properties write, and `painter` are never held together; the style is copied once per
//! buffer.

use std::sync::{Arc, LazyLock, Mutex};

use draw::{Painter, Style};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;

use crate::video;
use crate::wiring::{Role, Wiring};

/// The filter; only the bin creates it.
#[derive(Default)]
pub struct OverlayCore {
    /// Shared with the bin, whose settings it is.
    pub(super) style: Arc<Mutex<Style>>,
    /// `None` until the first frame is drawn on.
    painter: Mutex<Option<Painter>>,
    wiring: Wiring,
}

#[glib::object_subclass]
impl ObjectSubclass for OverlayCore {
    const NAME: &'static str = "GstShopfloorOverlayCore";
    type Type = super::OverlayCore;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for OverlayCore {}

impl GstObjectImpl for OverlayCore {}

impl ElementImpl for OverlayCore {
    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(video::filter_templates);
        &TEMPLATES
    }
}

impl BaseTransformImpl for OverlayCore {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.painter.lock().unwrap() = None;
        self.wiring.reset();
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if event.type_() == gst::EventType::Eos
            && let Some(bin) = self.bin()
        {
            self.wiring.end(&bin, Role::Overlay);
        }
        self.parent_sink_event(event)
    }
}

impl VideoFilterImpl for OverlayCore {
    fn transform_frame_ip(
        &self,
        frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        if let Some(bin) = self.bin() {
            self.wiring.frame(&bin, Role::Overlay, false, frame.buffer());
        }
        let Some(scene) = people_meta::scene(frame.buffer()) else {
            return Ok(gst::FlowSuccess::Ok);
        };
        let style = self.style.lock().unwrap().clone();
        let mut surface = video::surface(frame).map_err(|error| {
            gst::element_imp_error!(
                self,
                gst::StreamError::Format,
                ("Cannot draw on frames of this format: {error}")
            );
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

impl OverlayCore {
    /// The element that posts its messages.
    fn bin(&self) -> Option<gst::Element> {
        self.obj().parent().and_downcast()
    }
}
