//! The element on a scripted server. Only tests of deadlines depend on the clock.

mod failures;
mod file;
mod input;
mod live;
mod order;
mod poses;
mod presentation;
mod script;
