//! The client against the in-process Triton, a `tritonserver` beside it, and scripted servers.

mod common;
mod ensemble;
mod generated;
mod grpc;
mod grpc_failures;
mod in_process;
mod real_server;
