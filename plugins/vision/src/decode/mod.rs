//! Output tensors of models to people.
//!
//! Poses: [`PoseLayout::detect`] finds the layout of a model's outputs, [`PoseLayout::decode`] reads them. Boxes of people and
//! other objects: [`BoxLayout`]. Class scores of people that were cut out: [`class_probabilities`]; their keypoints: [`keypoints`]. Models that do poses and
//! classes at once: [`people()`].
//!
//! Outputs are FP32 or FP16 and are read in place. The time is bounded: what grows faster than the number of candidates is done
//! for at most [`MAX_CANDIDATES`] of them, and there are at most [`MAX_PEOPLE`] results.

mod boxes;
mod classify;
mod columns;
mod detection;
mod error;
mod grid;
mod keypoints;
mod layout;
mod people;
mod select;
mod tensor;

pub use boxes::{BoxLayout, UnknownBoxLayout};
pub use classify::{class_probabilities, softmax};
pub use detection::{DecodeOptions, Detection, Object};
pub use error::DecodeError;
pub use grid::InputSize;
pub use keypoints::keypoints;
pub use layout::{PoseLayout, UnknownLayout};
pub use people::people;
pub use select::{MAX_CANDIDATES, MAX_PEOPLE};
pub use tensor::TensorView;
