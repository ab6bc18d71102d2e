//! `tritoninfer`: sends frames, or regions of them, to a model on a Triton server and attaches the answers.
//!
//! Requests are asynchronous: up to `max-in-flight` of them are under way, their answers come in any order, and
//! buffers, events and queries leave in the order in which they came. Nothing overtakes.
//!
//! It takes raw video of any kind, and RTP, H.264, H.265 or JPEG, which it decodes: a bin around the core that does all
//! of this puts a converter, or a decoder and a converter, before it when the caps say so.
//!
//! - A **people** model (`worker_ensemble`, the default) answers with people and their vests: the frame bears a
//!   `SceneMeta` at once.
//! - A **pose** model's outputs leave as a `ModelOutputMeta` for each region, which `poseparse` turns into people.
//! - A **vest** model (`inference-region=people`) gives each person on the buffer its vest probabilities.
//!
//! What the model wants (size, layout, type, scale, colour order, letterbox) comes from its own configuration.
//! Not live: back-pressure, every frame is inferred. Live: the camera is never blocked; a frame whose answer is not
//! there within the latency that the element promised goes on without one, marked so.
//!
//! ```text
//! gst-launch-1.0 rtspsrc location=rtsp://camera/live ! tritoninfer ! vesttrack ! activityzone ! overlay ! autovideosink
//! ```

mod bin;
mod error;
mod gate;
mod imp;
mod latency;
mod plug;
mod queries;
mod regions;
mod ring;
mod session;
mod settings;
mod stats;
mod stream;
#[cfg(test)]
mod tests;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element; see the module's text.
    pub struct TritonInfer(ObjectSubclass<bin::TritonInfer>) @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

glib::wrapper! {
    /// What is at work inside of [`TritonInfer`], on raw video that it can read; no element of the plugin by itself.
    pub struct TritonInferCore(ObjectSubclass<imp::TritonInferCore>) @extends gst::Element, gst::Object;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "tritoninfer", gst::Rank::NONE, TritonInfer::static_type())
}
