//! The element inside the bin: runs inference on raw video and keeps everything in order.
//!
//! Entry points: [`stream::enter`] (a frame arrives), [`dispatcher::Dispatcher`] (turns, requests and their failures),
//! [`frame_queue::FrameQueue`] (the queue), [`stream::finish`] (a frame leaves), [`opening::open`] (opening the model).
//! What the settings mean is in [`policy`].
//!
//! Locks, none held across a push, a post or a call of the server, and none taken under another: `pool`, `downstream` and
//! `period` (in `imp`, where one thread at a time takes `format`); `settings`, `interval` and `timings` (in `dispatcher`); the
//! state of `connection`; the health (in `report`); the samplers (in `open_model`); the borrowers (in `loans`); the queue's own.

mod attach;
mod background;
mod connection;
mod dispatcher;
mod frame_queue;
mod imp;
mod loans;
mod open_model;
mod opening;
mod policy;
mod presentation;
mod queries;
mod regions;
mod report;
mod server_times;
mod stats;
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
