//! Where the model repository and Triton are when the user does not say.
//!
//! The environment first, then around the plugin's own file: an installation keeps them in `share/shopfloor` and
//! `lib/shopfloor` beside its `lib/…/gstreamer-1.0`, a checkout at its top, above `target/release`.

use std::env;
use std::path::{Path, PathBuf};

/// The repository of models: `$SHOPFLOOR_MODEL_REPOSITORY`, installed, or the checkout's.
pub fn model_repository() -> Option<PathBuf> {
    find(
        "SHOPFLOOR_MODEL_REPOSITORY",
        &["share/shopfloor/model_repository", "model_repository"],
    )
}

/// Triton's home (`lib/libtritonserver.so`, `backends/`): `$SHOPFLOOR_TRITON`, installed, or the checkout's.
pub fn triton_home() -> Option<PathBuf> {
    find("SHOPFLOOR_TRITON", &["lib/shopfloor/triton", ".triton"]).or_else(|| existing(Path::new("/opt/tritonserver")))
}

fn find(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) {
        return Some(value.into());
    }
    starts()
        .iter()
        .flat_map(|start| start.ancestors())
        .find_map(|folder| names.iter().find_map(|name| existing(&folder.join(name))))
}

/// The plugin's file, and the program's for those who link the plugin statically.
fn starts() -> Vec<PathBuf> {
    let plugin = gst::Registry::get()
        .find_plugin("shopfloor")
        .and_then(|plugin| plugin.filename());
    plugin.into_iter().chain(env::current_exe().ok()).collect()
}

fn existing(path: &Path) -> Option<PathBuf> {
    path.is_dir().then(|| path.to_owned())
}
