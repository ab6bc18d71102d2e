//! Output tensors of models to people.
//!
//! Poses: [`PoseLayout::detect`] finds the output and its layout, [`PoseLayout::decode`] reads it. Class scores of people that
//! were cut out: [`class_probabilities`]; their keypoints: [`keypoints`]. Models that do both at once: [`people()`]. Object detectors:
//! [`boxes`].

mod classify;
mod detected;
mod detection;
mod error;
mod layout;
mod people;
mod tensor;

pub use classify::{class_probabilities, softmax};
pub use detected::{boxes, keypoints};
pub use detection::{DecodeOptions, Detection};
pub use error::DecodeError;
pub use layout::{PoseLayout, UnknownLayout};
pub use people::people;
pub use tensor::{TensorView, f32_tensor};
