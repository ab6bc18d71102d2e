//! Images, letterboxes and decoders against slow references, tables and random inputs.

mod allocations;
mod decode;
mod decode_classify;
mod decode_detected;
mod decode_layout;
mod decode_people;
mod frames;
mod image;
mod letterbox;
mod nms;
mod presentation;
mod sampler;
