//! A client of NVIDIA Triton: endpoints, transports, model contracts and typed errors; no GStreamer.
//!
//! ```no_run
//! use std::path::Path;
//! use triton::{Endpoint, Input, Request, Server};
//!
//! # fn main() -> Result<(), triton::Error> {
//! let endpoint = Endpoint::parse("inprocess:", Path::new("model_repository"), Path::new(".triton"))?;
//! let model = Server::open(&endpoint)?.model("movenet_multipose", None)?;
//! let image = model.contract().image()?;
//! let mut data = model.buffer(image.byte_size(1));
//! data.fill(0); // the picture goes here, straight into the memory that the network reads
//! let input = Input { name: image.name.clone(), datatype: image.datatype, shape: image.shape(1), data };
//! model.infer(Request::new(vec![input]), |reply| println!("{reply:?}"));
//! # Ok(())
//! # }
//! ```
//!
//! What speaks to Triton lives behind [`Server`] and [`Model`]: the in-process server (`libtritonserver` inside this
//! process), or a server elsewhere by gRPC (`grpc://HOST:PORT`). What a model wants and gives is its [`Contract`].
//! Unsafe code is confined to `buffer.rs`, `grpc/sigpipe.rs` and to `callbacks.rs`, `cancel.rs`, `exit.rs`, `ffi.rs`, `library.rs`, `outputs.rs` and
//! `server.rs` of `in_process`.
#![deny(unsafe_code)]

mod buffer;
pub mod contract;
mod datatype;
mod done;
mod endpoint;
mod error;
mod grpc;
mod in_process;
mod model;
pub mod places;
mod pool;
mod request;
mod server;
mod statistics;
mod transport;

pub use buffer::Buffer;
pub use contract::{Color, Contract, ContractError, Fit, ImageInput, Layout, Task, TensorSpec};
pub use datatype::DataType;
pub use done::Done;
pub use endpoint::{Address, Endpoint, Grpc, InProcess};
pub use error::{Code, Error};
pub use in_process::{LoadedModel, loaded_models};
pub use model::Model;
pub use pool::Pool;
pub use request::{Input, Output, Reply, Request};
pub use server::{Log, Server};
pub use statistics::{SharedRegion, Spent, Statistics};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, poisoned or not: every critical section of this crate leaves its data consistent at each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
