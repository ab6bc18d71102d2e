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
