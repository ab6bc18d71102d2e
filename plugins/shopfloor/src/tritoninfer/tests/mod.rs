//! The element on a scripted server. Only tests of deadlines depend on the clock.

mod failures;
mod file;
mod input;
mod live;
mod order;
mod presentation;
mod script;
