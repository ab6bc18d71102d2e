//! Tests of the backend as Triton loads it, in a real `tritonserver`; only `binding` runs without one.

mod batching;
mod binding;
mod common;
mod loading;
mod queue;
mod serving;
