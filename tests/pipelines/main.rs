//! Whole pipelines: the real Triton in this process, the real models, the real video.
//!
//! The elements are linked in, so that people's metas can be read; `gst-launch-1.0` lines use the built plugin.

mod bad_input;
mod card;
mod decoupled;
mod ensemble;
mod grpc;
mod launch;
mod program;
mod stress;
mod truth;

use gst::prelude::*;

/// What ends a pipeline: the end of its stream, or an error.
fn end(pipeline: &impl IsA<gst::Element>, seconds: u64) -> gst::Message {
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().unwrap();
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(seconds), &ends);
    message.unwrap_or_else(|| panic!("neither EOS nor an error within {seconds} s"))
}
