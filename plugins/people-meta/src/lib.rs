//! The metas that carry model outputs and people on GStreamer buffers, and the public metas that people are exported as.
//!
//! Both are full `MetaAPI` implementations, so they survive elements that copy a buffer (queue, tee, encoders) and follow
//! `videoconvert` and `videoscale` with rescaled coordinates. Where new coordinates cannot be computed (a crop, a flip, a
//! change of the display aspect, for which `videoscale` adds black borders) the meta is dropped: no coordinates rather than
//! wrong ones.
//!
//! Only one shared object of a process may register these types, so the crate is linked into `libgstshopfloor.so` only;
//! other programs read the exported metas, see [`set_rois`]. [`bus`] registers no type
//! and can be used by any program.

#[cfg(feature = "analytics")]
mod analytics;
pub mod bus;
mod carrier;
mod inference;
mod model_output;
mod roi;
mod scene;
mod transform;

#[cfg(feature = "analytics")]
pub use analytics::Analytics;
pub use carrier::Meta;
pub use inference::{INFERENCE, set_inference};
pub use model_output::{ModelOutputMeta, add_model_output, model_outputs, take_model_outputs};
pub use roi::set_rois;
pub use scene::{SceneMeta, scene, scene_mut, set_scene};
