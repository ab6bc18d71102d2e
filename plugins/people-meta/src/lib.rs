//! The metas that carry tensors and people on GStreamer buffers, and what they are exported as; the only code that
//! knows them.
//!
//! Both are full `MetaAPI` implementations, so they survive whatever copies a buffer (queue, tee, encoders) and
//! follow `videoconvert` and `videoscale` with rescaled coordinates. Where the way of the coordinates cannot be
//! followed (a crop, a flip, a change of the display aspect, which `videoscale` answers with black borders) the meta
//! is dropped: no coordinates rather than wrong ones.
//!
//! One shared object alone may register these types, so the crate is linked into `libgstshopfloor.so` only; others
//! read people by the doors that the README lists.

#[cfg(feature = "analytics")]
mod analytics;
mod carrier;
mod people;
mod roi;
mod tensor;

#[cfg(feature = "analytics")]
pub use analytics::Analytics;
pub use carrier::Meta;
pub use people::{PeopleMeta, scene, scene_mut, set_scene};
pub use roi::set_rois;
pub use tensor::{Tensor, TensorMeta, Tensors, add_tensors, take_tensors, tensors};
