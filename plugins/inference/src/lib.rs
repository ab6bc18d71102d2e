//! Inference on a Triton server, without GStreamer: a model's contract ([`contract`]), requests for regions of images
//! ([`Session`]), who sends next ([`scheduler`]), restoring the order of frames ([`reorder`]), latency and statistics
//! ([`LatencyEstimate`], [`Period`], [`Timings`]), and decoding of outputs into people ([`scene`]).
#![forbid(unsafe_code)]

pub mod contract;
mod error;
pub mod failure;
mod health;
mod latency;
mod period;
pub mod reorder;
pub mod scene;
pub mod scheduler;
mod session;
mod timings;

pub use contract::{Contract, ContractError, Task};
pub use error::Error;
pub use health::{Health, State};
pub use latency::LatencyEstimate;
pub use period::Period;
pub use reorder::ReorderQueue;
pub use scheduler::Scheduler;
pub use session::{RegionOutputs, RequestOptions, Session};
pub use timings::{BUCKET_BOUNDS, Spread, Timings};
