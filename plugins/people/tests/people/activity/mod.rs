//! States, times and events of one station.

mod events;
mod film;
mod states;
