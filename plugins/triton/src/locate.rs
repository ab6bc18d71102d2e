//! Default paths of Triton and of the model repository.
//!
//! They are taken from the environment, else searched for in the directories above given files, the plugin or a
//! program: an installation keeps them in `share/shopfloor` and `lib/shopfloor` beside its `bin` and
//! `lib/…/gstreamer-1.0`, a checkout in its top directory, above `target/release`.

use std::env;
use std::path::{Path, PathBuf};

/// The model repository: `$SHOPFLOOR_MODEL_REPOSITORY`, else the nearest one above one of `files`.
pub fn model_repository(files: &[PathBuf]) -> Option<PathBuf> {
    from_environment("SHOPFLOOR_MODEL_REPOSITORY")
        .or_else(|| nearest(files, &["share/shopfloor/model_repository", "model_repository"]))
}

/// Triton's install directory (`bin/tritonserver`, `lib/libtritonserver.so`, `backends/`): `$SHOPFLOOR_TRITON`, else
/// the nearest one above one of `files`, else that of NVIDIA's container.
///
/// Our packages install the backends without the server, which `setup-triton` adds: directories with the server are
/// preferred. If none has it, the first directory is returned, so that the error can name it.
pub fn triton_install_dir(files: &[PathBuf]) -> Option<PathBuf> {
    from_environment("SHOPFLOOR_TRITON").or_else(|| complete_else_first(&install_dirs(files)))
}

/// The existing install directories of Triton, in the order of preference.
fn install_dirs(files: &[PathBuf]) -> Vec<PathBuf> {
    let ours = nearest(files, &["lib/shopfloor/triton", ".triton"]);
    ours.into_iter()
        .chain(existing(Path::new("/opt/tritonserver")))
        .collect()
}

fn complete_else_first(dirs: &[PathBuf]) -> Option<PathBuf> {
    let complete = dirs.iter().find(|dir| dir.join("lib/libtritonserver.so").exists());
    complete.or_else(|| dirs.first()).cloned()
}

fn from_environment(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(Into::into)
}

/// The first of `names` that exists in the nearest directory above a file; files are tried in their order.
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
    fn the_nearest_directory_above_the_first_file_is_preferred() {
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
    fn an_install_directory_with_a_server_is_preferred() {
        let top = tempfile::tempdir().unwrap();
        let [installed, container] = ["installed", "container"].map(|name| top.path().join(name));
        let dirs = [installed.clone(), container.clone()];
        let add_server = |dir: &Path| {
            std::fs::create_dir_all(dir.join("lib")).unwrap();
            std::fs::write(dir.join("lib/libtritonserver.so"), "").unwrap();
        };
        assert_eq!(complete_else_first(&[]), None);
        assert_eq!(complete_else_first(&dirs), Some(installed.clone()));
        add_server(&container);
        assert_eq!(complete_else_first(&dirs), Some(container));
        add_server(&installed);
        assert_eq!(complete_else_first(&dirs), Some(installed));
    }
}
