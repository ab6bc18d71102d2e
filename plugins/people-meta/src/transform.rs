//! What happens to people, and to what they are exported as, when a converter or scaler makes a new frame.
//!
//! GStreamer transforms the metas of a buffer one after the other, in their order. It moves regions of interest itself but
//! drops their params, and scales GstAnalytics metas even where it adds black borders. Both are corrected when the scene's
//! turn comes, so the scene must stand behind the regions: [`set_rois`](crate::set_rois) moves it to the end. There is
//! no call after the last meta, so the correction cannot be made independent of the order.

use std::sync::{Arc, OnceLock};

use people::Scene;

#[cfg(feature = "analytics")]
use crate::analytics;
use crate::carrier::{Payload, Registration};
use crate::roi;

impl Payload for Arc<Scene> {
    const API: &'static std::ffi::CStr = c"ShopfloorSceneMetaAPI";
    const IMPLEMENTATION: &'static std::ffi::CStr = c"ShopfloorSceneMeta";

    fn registration() -> &'static OnceLock<Registration> {
        static REGISTRATION: OnceLock<Registration> = OnceLock::new();
        &REGISTRATION
    }

    fn rescaled(&self, sx: f32, sy: f32) -> Self {
        let mut scene = Scene::clone(self);
        for person in &mut scene.people {
            person.bbox = person.bbox.scaled(sx, sy);
            for keypoint in person.pose.iter_mut().flatten() {
                keypoint.point.x *= sx;
                keypoint.point.y *= sy;
            }
        }
        Arc::new(scene)
    }

    fn converted(source: &gst::BufferRef, dest: &mut gst::BufferRef, followed: bool) {
        if followed {
            roi::restore_params(source, dest);
            return;
        }
        // No coordinates rather than wrong ones.
        #[cfg(feature = "analytics")]
        if roi::has_rois(source) {
            analytics::remove(dest);
        }
        roi::remove_copies(source, dest);
    }
}
