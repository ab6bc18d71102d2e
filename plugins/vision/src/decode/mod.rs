//! Output tensors of models to people.
//!
//! Poses: [`PoseLayout::detect`] finds the output and its layout, [`PoseLayout::decode`] reads it. Class scores of people that
//! were cut out: [`class_probabilities`]. Models that do both at once: [`people()`].

mod classify;
mod detection;
mod error;
mod layout;
mod people;
mod tensor;

pub use classify::{class_probabilities, softmax};
pub use detection::{DecodeOptions, Detection};
pub use error::DecodeError;
pub use layout::{PoseLayout, UnknownLayout};
pub use people::people;
pub use tensor::{TensorView, f32_tensor};
