//! A KServe v2 server inside the test process: scripted models, answers at any time and in any order, counted connections
//! and requests, stop and restart on the same port, and the faults of servers and networks: a server that hangs, refuses,
//! stops, or has other models.
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
//! println!("listening at {}", server.url());
//! # Ok(())
//! # }
//! ```
//!
//! Its protocol code is generated from Triton's published definition in `proto/`, not from the client's.
#![forbid(unsafe_code)]

mod access;
mod black_hole;
mod connection;
mod counts;
mod faults;
mod hold;
#[rustfmt::skip]
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::too_many_lines)] // generated
mod inference;
mod model;
mod server;
mod service;
mod shared_memory;
mod socket;

pub use access::{Headers, Tls};
pub use black_hole::BlackHole;
pub use counts::Counts;
pub use hold::Hold;
pub use model::{Call, Model, Tensor};
pub use server::Server;
pub use shared_memory::Slot;
pub use tonic::Code;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, poisoned or not: a test that panicked has already failed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
