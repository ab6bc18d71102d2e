//! A KServe v2 server inside the test's own process: models by script, replies when and as the test says, connections
//! and requests counted, stopped and started again on one port.
//!
//! ```
//! use triton_fake::{Model, Server, Tensor};
//!
//! # fn main() -> std::io::Result<()> {
//! let echo = Model::new("echo", |call| {
//!     let data = call.inputs[0].data.clone();
//!     call.answer(vec![Tensor::new("out", "UINT8", &[4], data)]);
//! });
//! let server = Server::start([echo.input("in", "UINT8", &[4]).output("out", "UINT8", &[4])])?;
//! println!("ask {}", server.url());
//! # Ok(())
//! # }
//! ```
//!
//! It has its own copy of the generated protocol code, so that a mistake of the client's is not one of both.
#![forbid(unsafe_code)]

mod connection;
#[rustfmt::skip]
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::too_many_lines)] // generated
mod inference;
mod counts;
mod model;
mod server;
mod service;

pub use counts::Counts;
pub use model::{Call, Model, Tensor};
pub use server::Server;
pub use tonic::Code;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, poisoned or not: a test that panicked has failed already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
