//! Whole pipelines: the real Triton in this process, the real models, the real video.
//!
//! The elements are linked in, so that tests can read people from the frames; `gst-launch-1.0` lines use the built plugin.

mod article;
mod bad_input;
mod bench;
mod boxes;
mod camera_time;
mod card;
mod decoupled;
mod distance;
mod ensemble;
mod errors;
mod facts;
mod golden;
mod gpu_matrix;
mod grpc;
mod launch;
mod model_repository;
mod play;
mod presentation;
mod program;
mod restarts;
mod shutdown;
mod stress;
mod topdown;
mod truth;
/// The truth with keypoints, as the tests of `people` read it.
#[path = "../../plugins/people/tests/people/truth.rs"]
#[allow(dead_code, reason = "those tests need more of it")]
mod truth_of_people;

mod yolov7;

use gst::prelude::*;

/// GStreamer with our elements, in this process.
fn init() {
    gst::init().unwrap();
    gstshopfloor::plugin_register_static().unwrap();
}

/// The message that ends a pipeline: the end of its stream, or an error.
fn end(pipeline: &impl IsA<gst::Element>, seconds: u64) -> gst::Message {
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().unwrap();
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(seconds), &ends);
    message.unwrap_or_else(|| panic!("neither EOS nor an error within {seconds} s"))
}
