//! `SceneMeta`: the people of a frame.

use std::sync::{Arc, OnceLock};

use people::Scene;

use crate::carrier::{Meta, Payload, Registration};

/// The meta that carries a frame's [`Scene`]; copies of a buffer share it until one of them changes it.
pub type SceneMeta = Meta<Arc<Scene>>;

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
        crate::roi::follow(source, dest, followed);
    }
}

/// The people of a frame; `None` when nobody looked for any.
pub fn scene(buffer: &gst::BufferRef) -> Option<Arc<Scene>> {
    Some(buffer.meta::<SceneMeta>()?.value().clone())
}

/// Changes the people of a frame in place; `None` when there are none to change.
pub fn scene_mut<R>(buffer: &mut gst::BufferRef, change: impl FnOnce(&mut Scene) -> R) -> Option<R> {
    let mut meta = buffer.meta_mut::<SceneMeta>()?;
    Some(change(Arc::make_mut(meta.value_mut())))
}

/// Puts `scene` on the buffer, in place of the one it has.
pub fn set_scene(buffer: &mut gst::BufferRef, scene: Scene) {
    if let Some(mut meta) = buffer.meta_mut::<SceneMeta>() {
        *meta.value_mut() = Arc::new(scene);
        return;
    }
    SceneMeta::add(buffer, Arc::new(scene));
}
