//! Inference on a Triton server, without GStreamer: what a model expects and means ([`contract`]), how frames become its
//! requests ([`Session`]), how responses get back into the order of the frames ([`reorder`]), and how outputs become people
//! ([`scene`]).
#![forbid(unsafe_code)]

pub mod contract;
mod error;
pub mod latency;
pub mod reorder;
pub mod scene;
mod session;
pub mod timings;

pub use contract::{Contract, ContractError, Task};
pub use error::Error;
pub use latency::LatencyEstimate;
pub use reorder::ReorderQueue;
pub use session::{RegionOutputs, RequestOptions, Session};
pub use timings::Timings;
