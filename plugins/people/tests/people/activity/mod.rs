//! States, times and events of one station.

mod events;
mod names;
mod sequence;
mod stages;
mod states;
