//! What the `shopfloor` command reads that others wrote: launch files, and logs of activity.
//!
//! A library so that these readers can be fuzzed and tested by themselves; the command is `main.rs`.
#![forbid(unsafe_code)]

pub mod launch;
pub mod report;
