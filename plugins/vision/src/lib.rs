//! Pixels and tensors: raw images and their colorimetry, letterboxing into a network's input, decoding of networks'
//! outputs, the COCO-17 skeleton.
//!
//! Everything here is a function of plain values: no GStreamer, no I/O, no clock. Pixels and tensors come in as slices.
//!
//! Coordinates are pixels of the frame of an image or a letterbox, x to the right, y down, (0, 0) the top
//! left corner of the top left pixel.
#![forbid(unsafe_code)]

pub mod decode;
pub mod geometry;
pub mod image;
pub mod letterbox;
pub mod nms;
pub mod output;
pub mod skeleton;

pub use decode::Detection;
pub use geometry::{Point, Rect};
pub use output::{ModelOutput, OutputTensor};
pub use skeleton::{Keypoint, KeypointDetection, Pose};
