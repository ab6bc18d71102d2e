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
///
/// An installation brings the backends of its home, and no server until `setup-triton` is run: one that has the server
/// goes first; without any, an unfinished home is the answer, so that a complaint can name it.
pub fn triton_home(files: &[PathBuf]) -> Option<PathBuf> {
    said("SHOPFLOOR_TRITON").or_else(|| finished_else_any(&homes(files)))
}

/// Triton's homes that there are, the likeliest first.
fn homes(files: &[PathBuf]) -> Vec<PathBuf> {
    let ours = nearest(files, &["lib/shopfloor/triton", ".triton"]);
    ours.into_iter()
        .chain(existing(Path::new("/opt/tritonserver")))
        .collect()
}

fn finished_else_any(homes: &[PathBuf]) -> Option<PathBuf> {
    let finished = homes.iter().find(|home| home.join("lib/libtritonserver.so").exists());
    finished.or_else(|| homes.first()).cloned()
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

    #[test]
    fn a_home_with_a_server_goes_before_one_without() {
        let top = tempfile::tempdir().unwrap();
        let [installed, container] = ["installed", "container"].map(|name| top.path().join(name));
        let homes = [installed.clone(), container.clone()];
        let add_server = |home: &Path| {
            std::fs::create_dir_all(home.join("lib")).unwrap();
            std::fs::write(home.join("lib/libtritonserver.so"), "").unwrap();
        };
        assert_eq!(finished_else_any(&[]), None);
        assert_eq!(finished_else_any(&homes), Some(installed.clone()));
        add_server(&container);
        assert_eq!(finished_else_any(&homes), Some(container));
        add_server(&installed);
        assert_eq!(finished_else_any(&homes), Some(installed));
    }
}
