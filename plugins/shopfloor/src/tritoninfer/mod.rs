//! `tritoninfer`: runs inference on frames, or regions of them, with a model on a Triton server.
//!
//! Requests are asynchronous: up to `max-in-flight` of them are in flight, their responses arrive in any order, and
//! buffers, events and queries leave in the order in which they arrived. Nothing overtakes.
//!
//! It accepts raw video of any kind, and RTP, H.264, H.265 or JPEG, which it decodes: it is a bin around a core that runs
//! inference, and inserts a converter, or a decoder and a converter, before the core when the caps require it.
//!
//! - A **people** model (`worker_ensemble`, the default) responds with people and their vests, attached as `SceneMeta`.
//! - A **pose** model's outputs are attached as a `ModelOutputMeta` for each region, which `poseparse` turns into people.
//! - A **vest** model (`inference-region=people`) gives each person on the buffer its vest probabilities.
//!
//! Input size, layout, type, scale, colour order and letterbox come from the model's own configuration. On a stream that
//! is not live, every frame is inferred, by back-pressure. A live source is not blocked: a frame without a response within
//! the latency that the element reported passes without inference, marked as skipped.
//!
//! ```text
//! gst-launch-1.0 rtspsrc location=rtsp://camera/live ! tritoninfer ! vesttrack ! activityzone ! overlay ! autovideosink
//! ```

mod core;
mod imp;
mod input_chain;
mod settings;
mod stats;
#[cfg(test)]
mod tests;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element; see the module's documentation.
    pub struct TritonInfer(ObjectSubclass<imp::TritonInfer>) @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "tritoninfer", gst::Rank::NONE, TritonInfer::static_type())
}
