//! The element inside the bin: runs inference on raw video and keeps everything in order.
//!
//! Entry points: [`stream::enter`] (a frame arrives), [`frame_queue::FrameQueue`] (the queue), [`stream::finish`] (a
//! frame leaves), [`attach::attach`] (attaches a response).
//!
//! Locks, none held across a push, a post or a call of the server, and none taken under another: `settings`, `pool` and
//! `open` (in `imp`, where one thread at a time takes `format`), the estimate and the timings (in `open_model`), the last
//! failure (in `report`), the queue's own.

mod attach;
mod frame_queue;
mod imp;
mod open_model;
mod queries;
mod regions;
mod report;
mod stream;

use std::sync::LazyLock;

use gst::glib;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "tritoninfer",
        gst::DebugColorFlags::empty(),
        Some("Inference on a Triton server"),
    )
});

glib::wrapper! {
    /// The element inside of [`super::TritonInfer`]; not registered by itself.
    pub struct TritonInferCore(ObjectSubclass<imp::TritonInferCore>) @extends gst::Element, gst::Object;
}
