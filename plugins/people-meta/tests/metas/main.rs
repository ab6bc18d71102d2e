//! What the metas contain, and what becomes of them behind GStreamer's own elements.

#[cfg(feature = "analytics")]
mod analytics;
mod common;
mod inference;
mod rois;
mod survival;
