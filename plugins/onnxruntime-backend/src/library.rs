//! Finding and loading libonnxruntime, once per process.
//!
//! The backend configuration `library` sets its path. Without it, the library is searched for in the backend's folder (as
//! in NVIDIA's container), in `../../lib` of that folder, and then where the system's loader finds it.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::ortsys;

use crate::error::Error;
use crate::ffi::{self, Level};

/// The ONNX Runtime of this process.
#[derive(Clone)]
pub(crate) struct Runtime {
    /// The loaded library.
    pub path: PathBuf,
    /// The environment; a process has only one.
    pub environment: Environment,
}

/// Never removed: ONNX Runtime allows one environment per process, and its library is never unloaded.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// The runtime that [`load`] loaded.
///
/// # Errors
/// [`Error::Library`] if [`load`] has not succeeded.
pub(crate) fn runtime() -> Result<Runtime, Error> {
    let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    runtime.clone().ok_or_else(|| Error::Library {
        tried: vec!["it has not been loaded".into()],
    })
}

/// Loads ONNX Runtime, unless it is already loaded.
///
/// # Errors
/// [`Error::Library`] with each path that was tried; [`Error::OtherLibrary`] if the process already has another one.
pub(crate) fn load(configured: Option<&str>, backend_folder: &Path) -> Result<(), Error> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let candidates = candidates(configured, backend_folder);
    if let Some(runtime) = &*runtime {
        return match configured.map(|_| resolved(&candidates[0])) {
            Some(requested) if requested != runtime.path => Err(Error::OtherLibrary {
                loaded: runtime.path.clone(),
                requested,
            }),
            _ => Ok(()),
        };
    }
    let mut tried = Vec::new();
    for path in candidates {
        match open(&path) {
            Ok(loaded) => {
                ffi::log(
                    Level::Info,
                    &format!("ONNX Runtime from {}: {}", loaded.path.display(), ort::info()),
                );
                *runtime = Some(loaded);
                return Ok(());
            }
            Err(reason) => tried.push(format!("{}: {reason}", path.display())),
        }
    }
    Err(Error::Library { tried })
}

/// The paths to try, in order. A configured path is the only one, so that a typo does not load another library.
fn candidates(configured: Option<&str>, backend_folder: &Path) -> Vec<PathBuf> {
    const NAME: &str = "libonnxruntime.so";
    match configured {
        Some(path) => vec![PathBuf::from(path)],
        None => vec![
            backend_folder.join(NAME),
            backend_folder.join("../../lib").join(NAME),
            // A name without a folder is searched for by the system's loader.
            PathBuf::from(NAME),
        ],
    }
}

fn open(path: &Path) -> Result<Runtime, String> {
    let searched = path.components().count() == 1 && !path.exists();
    if !searched && !path.is_file() {
        return Err("no such file".into());
    }
    let path = resolved(path);
    // `ort` returns errors for files that are not libraries or too old, but may also panic.
    let environment = std::panic::catch_unwind(|| {
        let builder = ort::init_from(&path).map_err(|error| error.to_string())?;
        let environment = builder
            .with_name("triton")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|error| error.to_string())?;
        environment.set_log_level(LogLevel::Warning);
        Ok::<_, String>(environment)
    })
    .map_err(|_| "it is not an ONNX Runtime library that this backend can use".to_owned())??;
    Ok(Runtime { path, environment })
}

/// The path with links resolved, so that paths of the same library compare equal; unchanged if there is no such file.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Writes a message of ONNX Runtime to Triton's log.
fn log(level: LogLevel, _category: &str, _id: &str, _location: &str, message: &str) {
    let level = match level {
        LogLevel::Verbose | LogLevel::Info => Level::Verbose,
        LogLevel::Warning => Level::Warning,
        LogLevel::Error | LogLevel::Fatal => Level::Error,
    };
    ffi::log(level, message);
}

/// The execution providers of the loaded library, by ONNX Runtime's names.
///
/// # Errors
/// [`Error::Runtime`] if ONNX Runtime cannot list them.
pub(crate) fn providers() -> Result<Vec<String>, Error> {
    let (mut names, mut count) = (ptr::null_mut(), 0);
    ortsys![unsafe GetAvailableProviders(&mut names, &mut count)?];
    let mut list = Vec::new();
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: ONNX Runtime returned `count` NUL-terminated strings, which live until they are released below.
        let name = unsafe { CStr::from_ptr(*names.add(index)) };
        list.push(name.to_string_lossy().into_owned());
    }
    ortsys![unsafe ReleaseAvailableProviders(names, count)?];
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_path_is_the_only_candidate() {
        let folder = Path::new("/triton/backends/onnxruntime");
        assert_eq!(
            candidates(Some("/opt/libonnxruntime.so.1"), folder),
            [Path::new("/opt/libonnxruntime.so.1")]
        );
        assert_eq!(
            candidates(None, folder),
            [
                Path::new("/triton/backends/onnxruntime/libonnxruntime.so"),
                Path::new("/triton/backends/onnxruntime/../../lib/libonnxruntime.so"),
                Path::new("libonnxruntime.so"),
            ]
        );
    }
}
