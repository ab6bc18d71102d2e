//! Paths of the model repository and of Triton for the elements: [`triton::locate`], starting from the plugin's file.

use std::env;
use std::path::PathBuf;

use triton::locate;

/// The model repository: `$SHOPFLOOR_MODEL_REPOSITORY`, else the installed one, else the checkout's.
pub fn model_repository() -> Option<PathBuf> {
    locate::model_repository(&files())
}

/// Triton's install directory: `$SHOPFLOOR_TRITON`, else the installed one, else the checkout's.
pub fn triton_install_dir() -> Option<PathBuf> {
    locate::triton_install_dir(&files())
}

/// The plugin's file, and the program's file if the plugin is linked statically.
fn files() -> Vec<PathBuf> {
    let plugin = gst::Registry::get()
        .find_plugin("shopfloor")
        .and_then(|plugin| plugin.filename());
    plugin.into_iter().chain(env::current_exe().ok()).collect()
}
