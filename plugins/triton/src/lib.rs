//! A client of NVIDIA Triton (KServe v2): endpoints, transports, tensor memory, model descriptions and typed errors.
//!
//! ```no_run
//! use std::path::Path;
//! use triton::{DataType, Endpoint, Input, Request, Server};
//!
//! # fn main() -> Result<(), triton::Error> {
//! let endpoint = Endpoint::parse("inprocess:", Path::new("model_repository"), Path::new(".triton"))?;
//! let model = Server::open(&endpoint)?.model("movenet_multipose", None)?;
//! let mut data = model.lease(3 * 480 * 640 * 4);
//! data.fill(0); // an image is written here, into the memory that the model reads
//! let input = Input { name: "images".into(), datatype: DataType::Fp32, shape: vec![1, 3, 480, 640], data };
//! model.infer(Request::new(vec![input]), |response| println!("{response:?}"));
//! # Ok(())
//! # }
//! ```
//!
//! A [`transport::Transport`] connects to Triton: to the in-process server (`libtritonserver` inside this process), to a
//! remote server by gRPC (`grpc://HOST:PORT`, with TLS `grpcs://HOST:PORT`), or to a scripted server in tests. A model's
//! metadata and configuration are its [`ModelDescription`]; its interpretation is left to the crate `inference`.
//!
//! Unsafe code is confined to `memory`, `shared_memory/region.rs`, `grpc/sigpipe.rs` and `in_process`.
#![deny(unsafe_code)]

mod callback;
mod datatype;
mod description;
mod endpoint;
mod error;
mod grpc;
mod in_process;
pub mod locate;
mod log;
pub mod memory;
mod model;
mod request;
pub mod scripted;
mod server;
mod server_pool;
mod shared_memory;
mod statistics;
pub mod transport;

pub use callback::ResponseCallback;
pub use datatype::DataType;
pub use description::{ModelDescription, ServerMetadata, TensorFormat, TensorSpec};
pub use endpoint::{
    Address, Endpoint, Grpc, Identity, InProcess, Secret, Security, SecurityOptions, Source, Tls, Variable, redact,
};
pub use error::{Code, Error, FailureKind};
pub use in_process::{LoadedModel, loaded_models};
pub use log::{Log, LogHook, LogLevel, LogRecord};
pub use memory::{CudaRegion, Lease};
pub use model::Model;
pub use request::{Input, OnRelease, Output, Request, Response};
pub use server::Server;
pub use server_pool::ServerPool;
pub use shared_memory::{LiveTransport, Transfer};
pub use statistics::{StatisticDuration, Statistics, SystemSharedMemoryRegion};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, poisoned or not: every critical section of this crate leaves its data consistent at each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
