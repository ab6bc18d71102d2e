//! The client with the in-process Triton, a separate `tritonserver`, and fake servers.

mod common;
mod cuda_memory;
mod ensemble;
mod generated;
mod grpc;
mod grpc_failover;
mod grpc_failures;
mod grpc_release;
mod headers;
mod in_flight;
mod in_process;
mod real_server;
mod shared_memory;
mod shared_memory_processes;
mod tls;
