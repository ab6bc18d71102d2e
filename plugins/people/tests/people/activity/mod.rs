//! States, times and events of one station.

mod events;
mod sequence;
mod stages;
mod states;
