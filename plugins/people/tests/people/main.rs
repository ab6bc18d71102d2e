//! Stations, activity, tracking and identity over whole scenes.

mod activity;
mod activity_truth;
mod sparse;
mod stations;
mod time;
mod tracker;
mod truth;
