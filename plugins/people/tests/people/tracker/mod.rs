//! Whole scenarios of `people::tracker`: people who walk, cross, hide, leave and come back, as functions of time.

mod identity;
mod motion;
mod robustness;
mod scenario;
