//! Whole scenarios of `people::tracker`: people who walk, cross, hide, leave and come back, as functions of time.

mod identity;
mod motion;
mod rates;
mod robustness;
mod scenario;
