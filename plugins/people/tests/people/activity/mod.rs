//! States, times and events of one station.

mod events;
mod names;
pub mod sequence;
mod stages;
mod states;
