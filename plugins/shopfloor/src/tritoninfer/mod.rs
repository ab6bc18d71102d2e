//! `tritoninfer`: runs inference on frames, or regions of them, with a model on a Triton server.
//!
//! Requests are asynchronous: up to `max-in-flight` of them are in flight, their responses arrive in any order, and
//! buffers, events and queries leave in the order in which they arrived.
//!
//! It accepts raw video of any kind, and RTP, H.264, H.265 or JPEG, which it decodes: it is a bin around a core that
//! runs inference, and inserts a converter, or a decoder and a converter, before the core when the caps require it.
//!
//! - The outputs of a **people** model (`worker_ensemble`, the default), people with their vests, are attached as `SceneMeta`.
//! - The outputs of a **pose** model are attached as a `ModelOutputMeta` for each region, which `poseparse` decodes.
//! - The outputs of a **detect** model, people without keypoints, are attached as `SceneMeta`, too.
//! - The outputs of a **keypoints** model (`inference-region=people` or `people-at-stations`) are added to the people on the buffer.
//! - The outputs of a **vest** model (`inference-region=people`) are added to the people on the buffer.
//!
//! Size, layout, data type, scale, colour order and letterbox of the input come from the model's configuration. A
//! stream that is not live is blocked until a request can be sent, so that every frame is inferred. A live stream is
//! not blocked: a frame without a response within the reported latency passes without inference, marked as skipped.
//!
//! # Example pipeline
//!
//! ```sh
//! gst-launch-1.0 rtspsrc location=rtsp://camera/live latency=200 ! tritoninfer ! vesttrack ! overlay ! autovideosink
//! ```
//!
//! See also: `poseparse`, `vesttrack`, `activityzone`. Since: 0.1.

mod core;
mod imp;
mod input_chain;
mod settings;
#[cfg(test)]
mod tests;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element `tritoninfer`.
    pub struct TritonInfer(ObjectSubclass<imp::TritonInfer>) @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

/// Registers the element with the plugin.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for settings in [
        settings::InferenceRegion::static_type(),
        settings::OnOverload::static_type(),
        settings::Transport::static_type(),
        settings::OnError::static_type(),
    ] {
        settings.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(Some(plugin), "tritoninfer", gst::Rank::NONE, TritonInfer::static_type())
}
