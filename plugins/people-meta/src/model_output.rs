//! `ModelOutputMeta`: the tensors that a model returned for one region of a frame.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use gst::buffer::BufferMetaForeachAction;
use vision::ModelOutput;

use crate::carrier::{Meta, Payload, Registration};

/// The meta that carries one region's [`ModelOutput`]; a frame has one for each inferred region.
pub type ModelOutputMeta = Meta<Arc<ModelOutput>>;

impl Payload for Arc<ModelOutput> {
    const API: &'static std::ffi::CStr = c"ShopfloorModelOutputMetaAPI";
    const IMPLEMENTATION: &'static std::ffi::CStr = c"ShopfloorModelOutputMeta";

    fn registration() -> &'static OnceLock<Registration> {
        static REGISTRATION: OnceLock<Registration> = OnceLock::new();
        &REGISTRATION
    }

    fn rescaled(&self, sx: f32, sy: f32) -> Self {
        let mut output = ModelOutput::clone(self);
        output.letterbox = output.letterbox.of_scaled_frame(sx, sy);
        Arc::new(output)
    }
}

/// The model outputs of a frame, one for each inferred region.
pub fn model_outputs(buffer: &gst::BufferRef) -> Vec<Arc<ModelOutput>> {
    buffer
        .iter_meta::<ModelOutputMeta>()
        .map(|meta| meta.value().clone())
        .collect()
}

/// Adds one region's outputs to a frame.
pub fn add_model_output(buffer: &mut gst::BufferRef, output: ModelOutput) {
    ModelOutputMeta::add(buffer, Arc::new(output));
}

/// Removes the model outputs from a frame that `filter` chooses, and returns them; the others stay for other elements.
pub fn take_model_outputs(buffer: &mut gst::BufferRef, filter: impl Fn(&ModelOutput) -> bool) -> Vec<Arc<ModelOutput>> {
    let mut taken = Vec::new();
    buffer.foreach_meta_mut(|mut meta| {
        let output = meta.downcast_ref::<ModelOutputMeta>().map(|meta| meta.value());
        ControlFlow::Continue(match output.filter(|output| filter(output)) {
            Some(output) => {
                taken.push(output.clone());
                BufferMetaForeachAction::Remove
            }
            None => BufferMetaForeachAction::Keep,
        })
    });
    taken
}
