//! The elements in a pipeline or a harness; those of `tritoninfer` that need its internals are beside its source.

mod activityzone;
mod common;
mod handlers;
mod inspect;
mod outages;
mod overlay;
mod pool;
mod poseparse;
mod qos;
mod stages;
mod time;
mod vesttrack;
mod wiring;
