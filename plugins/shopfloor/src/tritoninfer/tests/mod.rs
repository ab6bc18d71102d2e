//! The element on a scripted server. Only tests of deadlines wait for a clock.

mod failures;
mod input;
mod order;
mod script;
