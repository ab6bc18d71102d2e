//! Images, letterboxes and decoders against slow references, tables and random inputs.

mod allocations;
mod decode;
mod decode_boxes;
mod decode_classify;
mod decode_keypoints;
mod decode_layout;
mod decode_people;
mod decode_reference;
mod frames;
mod image;
mod letterbox;
mod nms;
mod outputs;
mod presentation;
mod sampler;
