//! The metas that carry tensors and people on GStreamer buffers, and what they are exported as; the only code that
//! knows them.
//!
//! Both are full `MetaAPI` implementations, so they survive whatever copies a buffer (queue, tee, encoders) and
//! follow `videoconvert` and `videoscale` with rescaled coordinates. Where the way of the coordinates cannot be
//! followed (a crop, a flip, a change of the display aspect, which `videoscale` answers with black borders) the meta
//! is dropped: no coordinates rather than wrong ones.
//!
//! One shared object alone may register these types, so only `libgstshopfloor.so` uses them; other programs read people
//! from regions of interest. [`bus`] registers no type and can be used by any program.

#[cfg(feature = "analytics")]
mod analytics;
pub mod bus;
mod carrier;
mod model_output;
mod roi;
mod scene;

#[cfg(feature = "analytics")]
pub use analytics::Analytics;
pub use carrier::Meta;
pub use model_output::{ModelOutputMeta, add_model_output, model_outputs, take_model_outputs};
pub use roi::set_rois;
pub use scene::{SceneMeta, scene, scene_mut, set_scene};
