//! A Triton backend that runs ONNX models with ONNX Runtime: `libtriton_onnxruntime.so`, `backend: "onnxruntime"`.
//!
//! It serves the same `config.pbtxt` as NVIDIA's backend of that name, in any Triton with the backend API 1.19 or newer,
//! as its own process or inside a host application.
//!
//! # What can be set
//! - `--backend-config=onnxruntime,library=PATH` (in a host application `TRITONSERVER_ServerOptionsSetBackendConfig`):
//!   the libonnxruntime to use; see [`library`] for where it is looked for otherwise
//! - in `config.pbtxt`: `parameters` and `optimization`, see [`config`]; `instance_group`, `dynamic_batching` and the
//!   rest are Triton's own
//!
//! # What is promised
//! - The requests of a batch are run as one batch. Those whose shapes differ (`allow_ragged_batch`) are run in one batch
//!   per shape, and a batch that fails is run again one by one, so that only the guilty request fails.
//! - An input that lies in one aligned buffer is not copied; an output is copied once.
//! - A failure is an error of the load or the request that it belongs to. No panic leaves the library.
//! - `KIND_GPU` keeps tensors in device memory from one step of an ensemble to the next.
//!   **Not shown: it has not run on a GPU yet.**
//!
//! # Where things are
//! - [`entry`]: the functions that Triton calls
//! - [`ffi`], [`loaded`]: the functions that Triton gives, and where in the process they are found
//! - [`library`]: libonnxruntime, found and loaded once per process
//! - [`config`], [`signature`]: what the model should be, and whether its file is that
//! - [`session`], [`model`]: a model made ready, one session per instance
//! - [`execute`], [`request`], [`binding`]: requests become a batch, are run, and are answered
//! - [`memory`], [`cuda`], [`tensor`]: where bytes lie, how they get from there, and what they mean
//!
//! Where it is `unsafe` is said at the top of the file; everything else is compiled without.
#![deny(unsafe_code)]

pub mod binding;
pub mod config;
pub mod cuda;
pub mod entry;
pub mod error;
pub mod execute;
pub mod ffi;
pub mod library;
pub mod loaded;
pub mod memory;
pub mod model;
pub mod request;
pub mod session;
pub mod signature;
pub mod tensor;
