//! `TensorMeta`: what a model answered for one region of a frame.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use people::letterbox::Letterbox;

use crate::carrier::{Meta, Payload, Registration};

/// The meta that carries one region's [`Tensors`]; a frame has one for each region that was inferred.
pub type TensorMeta = Meta<Arc<Tensors>>;

/// A model's answer for one region.
#[derive(Clone, Debug, Default)]
pub struct Tensors {
    /// The model's name.
    pub model: Arc<str>,
    /// The layout the model's contract states, e.g. `yolov7-pose`; empty when it states none.
    pub layout: Arc<str>,
    /// The score threshold the model's contract recommends, 0..1.
    pub score_threshold: Option<f32>,
    /// How the region's pixels became the model's input; undo it to get frame pixels.
    pub letterbox: Letterbox,
    /// All outputs.
    pub tensors: Vec<Tensor>,
}

/// One output.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// The output's name in the model.
    pub name: Arc<str>,
    /// KServe's name of the element type, e.g. `FP32`.
    pub datatype: &'static str,
    /// Dimensions, the batch dimension first where the model has one (then it is 1).
    pub shape: Vec<i64>,
    /// Row-major, little-endian.
    pub data: Bytes,
}

impl Payload for Arc<Tensors> {
    const API: &'static std::ffi::CStr = c"ShopfloorTensorMetaAPI";
    const IMPLEMENTATION: &'static std::ffi::CStr = c"ShopfloorTensorMeta";

    fn registration() -> &'static OnceLock<Registration> {
        static REGISTRATION: OnceLock<Registration> = OnceLock::new();
        &REGISTRATION
    }

    fn rescaled(&self, sx: f32, sy: f32) -> Self {
        let mut tensors = Tensors::clone(self);
        tensors.letterbox = tensors.letterbox.of_scaled_frame(sx, sy);
        Arc::new(tensors)
    }
}

/// The tensors of a frame, a set for each inferred region.
pub fn tensors(buffer: &gst::BufferRef) -> Vec<Arc<Tensors>> {
    buffer
        .iter_meta::<TensorMeta>()
        .map(|meta| meta.value().clone())
        .collect()
}

/// Adds one region's tensors to a frame.
pub fn add_tensors(buffer: &mut gst::BufferRef, tensors: Tensors) {
    TensorMeta::add(buffer, Arc::new(tensors));
}

/// Takes all tensors off a frame.
pub fn take_tensors(buffer: &mut gst::BufferRef) -> Vec<Arc<Tensors>> {
    let taken = tensors(buffer);
    while let Some(meta) = buffer.meta_mut::<TensorMeta>() {
        if meta.remove().is_err() {
            break;
        }
    }
    taken
}
