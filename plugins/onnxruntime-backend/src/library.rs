//! Finding and loading libonnxruntime, once per process.
//!
//! The path comes from the backend configuration (`library`). Without it the places are: next to the backend (as in
//! NVIDIA's container), `../../lib` of the backend's folder, then wherever the system's loader finds it.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::ortsys;

use crate::error::{Error, Result};
use crate::ffi::{self, Level};

/// ONNX Runtime as it is loaded in this process.
#[derive(Clone)]
pub struct Runtime {
    /// The library that was loaded.
    pub path: PathBuf,
    /// The one environment of the process.
    pub environment: Environment,
}

/// Kept for good: ONNX Runtime allows one environment per process, and its library is never unloaded.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// The runtime that [`load`] has loaded.
///
/// # Errors
/// [`Error::Library`] when nothing has been loaded.
pub fn runtime() -> Result<Runtime> {
    let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    runtime.clone().ok_or_else(|| Error::Library {
        tried: vec!["nothing was loaded yet".into()],
    })
}

/// Loads ONNX Runtime, or finds that it is loaded already.
///
/// # Errors
/// [`Error::Library`] naming each place that was tried; [`Error::OtherLibrary`] if the process has another one.
pub fn load(configured: Option<&str>, backend_folder: &Path) -> Result<()> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let places = places(configured, backend_folder);
    if let Some(runtime) = &*runtime {
        return match configured.map(|_| real(&places[0])) {
            Some(asked) if asked != runtime.path => Err(Error::OtherLibrary {
                loaded: runtime.path.clone(),
                asked,
            }),
            _ => Ok(()),
        };
    }
    let mut tried = Vec::new();
    for place in places {
        match open(&place) {
            Ok(loaded) => {
                ffi::log(
                    Level::Info,
                    &format!("ONNX Runtime from {}: {}", loaded.path.display(), ort::info()),
                );
                *runtime = Some(loaded);
                return Ok(());
            }
            Err(reason) => tried.push(format!("{}: {reason}", place.display())),
        }
    }
    Err(Error::Library { tried })
}

/// Where to look, in order. A configured path is the only place: a typing error must not load something else.
fn places(configured: Option<&str>, backend_folder: &Path) -> Vec<PathBuf> {
    const NAME: &str = "libonnxruntime.so";
    match configured {
        Some(path) => vec![PathBuf::from(path)],
        None => vec![
            backend_folder.join(NAME),
            backend_folder.join("../../lib").join(NAME),
            // Without a folder the loader searches, as for any library.
            PathBuf::from(NAME),
        ],
    }
}

fn open(place: &Path) -> Result<Runtime, String> {
    let searched = place.components().count() == 1 && !place.exists();
    if !searched && !place.is_file() {
        return Err("no such file".into());
    }
    let path = real(place);
    // `ort` returns errors for a file that is no library or is too old, but has assertions behind them.
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
    .map_err(|_| "it is not a usable ONNX Runtime".to_owned())??;
    Ok(Runtime { path, environment })
}

/// The path without links, so that two spellings of one library are one; as it is where there is no such file.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// ONNX Runtime's log goes into Triton's.
fn log(level: LogLevel, _category: &str, _id: &str, _location: &str, message: &str) {
    let level = match level {
        LogLevel::Verbose | LogLevel::Info => Level::Verbose,
        LogLevel::Warning => Level::Warning,
        LogLevel::Error | LogLevel::Fatal => Level::Error,
    };
    ffi::log(level, message);
}

/// The execution providers that the library was built with, by ONNX Runtime's names.
///
/// # Errors
/// [`Error::Runtime`] if ONNX Runtime cannot list them.
pub fn providers() -> Result<Vec<String>> {
    let (mut names, mut count) = (std::ptr::null_mut(), 0);
    ortsys![unsafe GetAvailableProviders(&mut names, &mut count)?];
    let mut list = Vec::new();
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: ONNX Runtime gave `count` NUL-terminated strings, which live until they are released below.
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
    fn a_configured_path_is_the_only_place() {
        let folder = Path::new("/triton/backends/onnxruntime");
        assert_eq!(
            places(Some("/opt/libonnxruntime.so.1"), folder),
            [Path::new("/opt/libonnxruntime.so.1")]
        );
        assert_eq!(
            places(None, folder),
            [
                Path::new("/triton/backends/onnxruntime/libonnxruntime.so"),
                Path::new("/triton/backends/onnxruntime/../../lib/libonnxruntime.so"),
                Path::new("libonnxruntime.so"),
            ]
        );
    }
}
