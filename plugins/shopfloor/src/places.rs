//! Where the model repository and Triton are for the elements: [`triton::locate`], around the plugin's own file.

use std::env;
use std::path::PathBuf;

use triton::locate;

/// The repository of models: `$SHOPFLOOR_MODEL_REPOSITORY`, installed, or the checkout's.
pub fn model_repository() -> Option<PathBuf> {
    locate::model_repository(&files())
}

/// Triton's home: `$SHOPFLOOR_TRITON`, installed, or the checkout's.
pub fn triton_home() -> Option<PathBuf> {
    locate::triton_home(&files())
}

/// The plugin's file, and the program's for those who link the plugin statically.
fn files() -> Vec<PathBuf> {
    let plugin = gst::Registry::get()
        .find_plugin("shopfloor")
        .and_then(|plugin| plugin.filename());
    plugin.into_iter().chain(env::current_exe().ok()).collect()
}
