//! The client with the in-process Triton, a separate `tritonserver`, and fake servers.

mod common;
mod ensemble;
mod generated;
mod grpc;
mod grpc_failures;
mod headers;
mod in_process;
mod real_server;
mod tls;
