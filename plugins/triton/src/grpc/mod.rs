//! The gRPC transport: KServe's inference protocol, version 2, with Triton's extension for model configurations.
//!
//! Each client has its own thread, which drives the connections and invokes the callbacks of requests.

mod access;
mod breaker;
mod calls;
mod channel;
mod client;
mod connector;
mod describe;
mod file;
mod handshake;
mod headers;
mod health;
#[rustfmt::skip]
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::too_many_lines)] // generated
pub(crate) mod inference;
mod link;
mod message;
mod outputs;
mod prober;
mod reply;
mod runtime;
mod servers;
mod shared_memory;
mod sigpipe;
mod status;
mod tcp;
mod tls;
mod transfers;

pub(crate) use client::Client;
