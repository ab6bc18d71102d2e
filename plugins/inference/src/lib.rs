//! Inference on a Triton server, without GStreamer: what a model expects and means, how frames become its requests, and
//! how its responses become a [`people::Scene`].
#![forbid(unsafe_code)]

pub mod scene;
