//! Inference on a Triton server, without GStreamer: a model's contract ([`contract`]), requests for regions of images
//! ([`Session`]), restoring the order of frames ([`reorder`]), latency and statistics ([`LatencyEstimate`],
//! [`Timings`]), and decoding of outputs into people ([`scene`]).
#![forbid(unsafe_code)]

pub mod contract;
mod error;
mod latency;
pub mod reorder;
pub mod scene;
mod session;
mod timings;

pub use contract::{Contract, ContractError, Task};
pub use error::Error;
pub use latency::LatencyEstimate;
pub use reorder::ReorderQueue;
pub use session::{RegionOutputs, RequestOptions, Session};
pub use timings::{Spread, Timings};
