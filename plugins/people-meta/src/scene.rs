//! `SceneMeta`: the people of a frame. How it follows conversions is in [`transform`](crate::transform).

use std::sync::Arc;

use people::Scene;

use crate::carrier::Meta;

/// The meta that carries a frame's [`Scene`]; copies of a buffer share it until one of them changes it.
pub type SceneMeta = Meta<Arc<Scene>>;

/// The people of a frame; `None` if the frame has no [`SceneMeta`].
pub fn scene(buffer: &gst::BufferRef) -> Option<Arc<Scene>> {
    Some(buffer.meta::<SceneMeta>()?.value().clone())
}

/// Calls `change` with the scene of a frame, to change it in place; `None` if the frame has no [`SceneMeta`].
pub fn scene_mut<R>(buffer: &mut gst::BufferRef, change: impl FnOnce(&mut Scene) -> R) -> Option<R> {
    let mut meta = buffer.meta_mut::<SceneMeta>()?;
    Some(change(Arc::make_mut(meta.value_mut())))
}

/// Sets the scene of a frame, replacing the one that it has.
pub fn set_scene(buffer: &mut gst::BufferRef, scene: Scene) {
    if let Some(mut meta) = buffer.meta_mut::<SceneMeta>() {
        *meta.value_mut() = Arc::new(scene);
        return;
    }
    SceneMeta::add(buffer, Arc::new(scene));
}

/// Moves the scene's meta behind all others; the order matters to [`transform`](crate::transform).
pub(crate) fn move_to_end(buffer: &mut gst::BufferRef) {
    let Some(scene) = scene(buffer) else { return };
    let removed = buffer.meta_mut::<SceneMeta>().map(|meta| meta.remove());
    if let Some(Ok(())) = removed {
        SceneMeta::add(buffer, scene);
    }
}
