//! The domain of shopfloor: people, their poses and vests, and the workstations they work at.
//!
//! Everything here is a function of plain values: no GStreamer, no I/O, no clock. Time comes in as a
//! [`std::time::Duration`] (the stream's running time), files come in as strings.
//!
//! Coordinates are pixels of the frame that the [`Scene`] belongs to, x to the right, y down, (0, 0) the
//! top left corner of the top left pixel; stations alone use normalised coordinates (0..1 of the frame).
#![forbid(unsafe_code)]

pub mod activity;
pub mod assignment;
pub mod event;
pub mod facts;
pub mod kalman;
pub mod names;
pub mod period;
pub mod polygon_editor;
pub mod scene;
mod seconds;
mod state;
pub mod station;
pub mod station_file;
pub mod timeline;
pub mod tracker;
pub mod wall_clock;

pub use scene::{Inference, Person, Scene, SkipReason, Track, VestName, VestScores};
pub use state::{Activity, Totals};
pub use station::{Station, StationStatus};
