//! The readers of the `shopfloor` command's input files: launch files and activity logs.
//!
//! A library, so that these readers can be fuzzed and tested by themselves; the command is `main.rs`.
#![forbid(unsafe_code)]

pub mod launch;
pub mod report;
