//! The element on a scripted server. Only tests of deadlines depend on the clock.

mod failures;
mod input;
mod order;
mod script;
