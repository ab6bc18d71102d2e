//! A Triton backend that runs ONNX models with ONNX Runtime: `libtriton_onnxruntime.so`, `backend: "onnxruntime"`.
//!
//! It reads the same `config.pbtxt` as NVIDIA's backend of that name, and works in any Triton with backend API 1.19 or a
//! later 1.x, in `tritonserver` or inside another application.
//!
//! # Settings
//! - `--backend-config=onnxruntime,library=PATH`, or `TRITONSERVER_ServerOptionsSetBackendConfig` in an application: the
//!   `libonnxruntime.so` to use. `library.rs` lists where it is searched for otherwise.
//! - `parameters` and `optimization` in `config.pbtxt`, listed in `config/mod.rs`. `instance_group`, `dynamic_batching`
//!   and the other fields are handled by Triton itself.
//!
//! # Behaviour
//! - The requests of a batch are run as one batch. Requests with different shapes (`allow_ragged_batch`) are run in one
//!   batch per shape. A batch that fails is run again request by request, so that only the failing request gets an error.
//! - An input in one aligned buffer is not copied; an output is copied once.
//! - A failure is reported as the error of its load or request. No panic leaves the library.
//! - Instances of `KIND_GPU` keep tensors in device memory from one step of an ensemble to the next. This path
//!   ([`Place::Cuda`]) is tested with a stand-in for the devices; it has not run on a GPU yet.
//!
//! # Modules
//! - `entry`: the functions that Triton calls
//! - `ffi`, `loaded`: Triton's functions, and finding them in the process
//! - `library`: finding and loading libonnxruntime, once per process
//! - `config`, `signature`: the model's configuration, and comparing the model file with it
//! - `session`, `model`: loading a model; each instance has a session of its own
//! - `instance`, `request`, `binding`: gathering requests into a batch, running it, and sending the responses
//! - `statistics`: the times that Triton's statistics consist of
//! - `memory`, `tensor`: memory types, copies between them, and data types
//!
//! A module with unsafe code allows it at the top of its file; all others are compiled without.
#![deny(unsafe_code)]

mod binding;
mod config;
mod entry;
mod error;
mod ffi;
mod instance;
mod library;
mod loaded;
mod memory;
mod model;
mod request;
mod session;
mod signature;
mod statistics;
mod tensor;

// For the tests of `binding`, which need ONNX Runtime but not Triton.
pub use binding::input_tensor;
pub use error::{Code, Error, Mismatch};
pub use memory::Place;
pub use request::{Buffer, Input};
pub use tensor::DataType;
