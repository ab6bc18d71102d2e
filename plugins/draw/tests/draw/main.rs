//! Drawing on frames of every format, through the crate's public interface.

mod allocations;
mod formats;
mod frames;
mod redaction;
mod scenes;
mod shapes;
