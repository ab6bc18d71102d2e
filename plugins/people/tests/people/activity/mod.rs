//! States, times and events of one station.

mod events;
pub mod sequence;
mod stages;
mod states;
