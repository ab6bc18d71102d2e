//! The element on a scripted model: nothing here waits for a clock but what tests deadlines.

mod order;
mod script;
mod trouble;
mod ways;
