//! The filter inside the bin, which draws. What is drawn is in [`draw::Painter`].
//!
//! Locks: `style`, which the bin's properties write, and `painter` are never held together; the style is copied once per
//! buffer.

use std::sync::{Arc, LazyLock, Mutex};

use draw::{Painter, Redaction, Style};
use gst::glib;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;

use crate::{time, video};

/// The filter; only the bin creates it.
#[derive(Default)]
pub struct OverlayCore {
    /// Shared with the bin, whose settings it is.
    pub(super) style: Arc<Mutex<Style>>,
    /// `None` until the first frame is drawn on.
    painter: Mutex<Option<Painter>>,
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
        Ok(())
    }

    /// What is known about people is in pixels of the previous caps.
    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        self.forget();
        self.parent_set_caps(incaps, outcaps)
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if time::starts_anew(&event) {
            self.forget();
        }
        self.parent_sink_event(event)
    }
}

impl VideoFilterImpl for OverlayCore {
    fn transform_frame_ip(
        &self,
        frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let style = self.style.lock().unwrap().clone();
        let scene = people_meta::scene(frame.buffer());
        if scene.is_none() && style.redact == Redaction::None {
            return Ok(gst::FlowSuccess::Ok);
        }
        let time = time::running_time(self.obj().upcast_ref(), frame.buffer());
        let mut surface = video::surface(frame).map_err(|error| {
            gst::element_imp_error!(
                self,
                gst::StreamError::Format,
                ("Cannot draw on frames of this format: {error}")
            );
            gst::FlowError::NotNegotiated
        })?;
        self.painter.lock().unwrap().get_or_insert_with(Painter::new).paint(
            &mut surface,
            time,
            scene.as_deref(),
            &style,
        );
        Ok(gst::FlowSuccess::Ok)
    }
}

impl OverlayCore {
    /// The stream begins anew.
    fn forget(&self) {
        if let Some(painter) = &mut *self.painter.lock().unwrap() {
            painter.reset();
        }
    }
}
