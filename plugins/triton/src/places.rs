//! Where Triton and the models are when the user does not say.
//!
//! The environment first, then around a file of ours, the plugin or a program: an installation keeps them in
//! `share/shopfloor` and `lib/shopfloor` beside its `bin` and `lib/…/gstreamer-1.0`, a checkout at its top, above
//! `target/release`.

use std::env;
use std::path::{Path, PathBuf};

/// The repository of models: `$SHOPFLOOR_MODEL_REPOSITORY`, else the nearest above one of `files`.
pub fn model_repository(files: &[PathBuf]) -> Option<PathBuf> {
    said("SHOPFLOOR_MODEL_REPOSITORY")
        .or_else(|| nearest(files, &["share/shopfloor/model_repository", "model_repository"]))
}

/// Triton's home (`bin/tritonserver`, `lib/libtritonserver.so`, `backends/`): `$SHOPFLOOR_TRITON`, else the nearest above
/// one of `files`, else where NVIDIA's container has it.
pub fn triton_home(files: &[PathBuf]) -> Option<PathBuf> {
    said("SHOPFLOOR_TRITON")
        .or_else(|| nearest(files, &["lib/shopfloor/triton", ".triton"]))
        .or_else(|| existing(Path::new("/opt/tritonserver")))
}

fn said(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(Into::into)
}

/// The first of `names` in the nearest folder above a file that has one; the earlier files are asked first.
fn nearest(files: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    let mut folders = files.iter().flat_map(|file| file.ancestors());
    folders.find_map(|folder| names.iter().find_map(|name| existing(&folder.join(name))))
}

fn existing(path: &Path) -> Option<PathBuf> {
    path.is_dir().then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_of_the_first_file_wins() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        for folder in ["models", "a/models", "a/b/share", "c/share"] {
            std::fs::create_dir_all(path(folder)).unwrap();
        }
        let find = |files: &[&str]| {
            let files: Vec<_> = files.iter().map(|file| path(file)).collect();
            nearest(&files, &["share", "models"])
        };
        assert_eq!(find(&["a/b/plugin.so"]), Some(path("a/b/share")));
        assert_eq!(find(&["a/d/plugin.so"]), Some(path("a/models")));
        assert_eq!(find(&["d/plugin.so", "c/program"]), Some(path("models")));
        assert_eq!(find(&["c/program", "a/b/plugin.so"]), Some(path("c/share")));
        assert_eq!(find(&[]), None);
    }
}
