//! Triton elsewhere, by gRPC: KServe's inference protocol, version 2, with Triton's model configurations.
//!
//! Each client has a thread of its own, which drives the connections and calls the callbacks of requests.

mod client;
mod describe;
#[rustfmt::skip]
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::too_many_lines)] // generated
pub(crate) mod inference;
mod message;
mod runtime;
mod servers;
mod sigpipe;
mod status;

pub(crate) use client::Client;
