//! A region of a frame as a network's input: geometry in [`Letterbox`], pixels in [`Sampler`], what a frame's stored pixels
//! mean in [`Presentation`].
//!
//! # Geometry
//! A region of `rw`×`rh` frame pixels fills a tensor of `tw`×`th`. With [`Fit::Letterbox`] its content is `cw`×`ch` tensor
//! pixels, `cw = round(rw·s)`, `ch = round(rh·s)` with `s = min(tw/rw, th/rh)` (ties to even, at least 1), with
//! `floor((tw - cw)/2)` pixels of padding to its left and `floor((th - ch)/2)` above; the rest is right and below. With
//! [`Fit::Stretch`] `cw = tw` and `ch = th`.
//!
//! `rw` and `rh` are as the region is seen: where pixels are not square, `rw` is its width times [`Presentation::pixel_aspect`];
//! where the frame is to be turned by 90°, both are exchanged. Region, boxes and points are in pixels of the stored frame: the
//! [`Letterbox`] turns, too.
//!
//! Rounding makes the scales of the two axes differ, by less than a pixel over the whole content. Pixels are sampled, and the
//! [`Letterbox`] is inverted, with the true scales, such as `cw/rw` and `ch/rh`. All of this is computed in `f64` and stored as `f32`.

mod columns;
mod content;
mod copy;
mod elements;
mod error;
mod format;
mod held;
mod kernels;
mod pairs;
mod placement;
mod presentation;
mod sampler;
mod taps;
mod transposed;

pub use error::SampleError;
pub use format::{ChannelOrder, Element, Fit, Layout, TensorFormat};
pub use placement::Letterbox;
pub use presentation::{Crop, Orientation, Presentation, View};
pub use sampler::Sampler;
