//! Drawing on frames of every format, through the crate's public interface.

mod formats;
mod frames;
mod scenes;
mod shapes;
