//! Which models have seen a frame, as a `GstCustomMeta` for C, Python and every other language.
//!
//! The meta is called [`INFERENCE`] and has a structure with these fields:
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `inference` | string | whether people were detected: `done`, or why not: `interval`, `overload`, `failed` |
//! | `pose-inference` | string | the same of the people's keypoints, where a model of their own finds them; otherwise absent |
//! | `vest-inference` | string | the same of the people's vests; absent if the frame has not reached a vest model |
//! | `inference-period` | guint64, ns | time between two inferred frames of the stream; absent until it has been measured |
//!
//! It has no coordinates, so it follows a frame through every element that copies metas.

use std::sync::Once;

use gst::meta::CustomMeta;
use people::Scene;

use crate::scene::scene;

/// The name of the meta and of its structure.
pub const INFERENCE: &str = "shopfloor-inference";

/// Adds the meta of the buffer's scene, or updates it; a buffer without a scene stays as it is.
///
/// # Errors
/// When GStreamer cannot add the meta.
pub fn set_inference(buffer: &mut gst::BufferRef) -> Result<(), glib::BoolError> {
    static REGISTRATION: Once = Once::new();
    REGISTRATION.call_once(|| CustomMeta::register(INFERENCE, &[]));
    let Some(scene) = scene(buffer) else { return Ok(()) };
    if let Ok(meta) = CustomMeta::from_mut_buffer(buffer, INFERENCE) {
        meta.remove()?;
    }
    let mut meta = CustomMeta::add(buffer, INFERENCE)?;
    write(&scene, meta.mut_structure());
    Ok(())
}

fn write(scene: &Scene, structure: &mut gst::StructureRef) {
    structure.set("inference", scene.inference.name());
    structure.set_if_some("pose-inference", scene.pose_inference.map(people::Inference::name));
    structure.set_if_some("vest-inference", scene.vest_inference.map(people::Inference::name));
    let period = scene
        .inference_period
        .map(|period| u64::try_from(period.as_nanos()).unwrap_or(u64::MAX));
    structure.set_if_some("inference-period", period);
}
