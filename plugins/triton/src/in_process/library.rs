//! Loading of `libtritonserver.so` of a Triton installation: once per file and process, permanently.
#![allow(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use goblin::elf::Elf;
use libloading::os::unix::Library;

use super::ffi::{self, Api};
use crate::{Error, lock};

/// The oldest supported API version, that of Triton 2.51; later minor versions only add functions.
const OLDEST: (u32, u32) = (1, 34);

static LOADED: Mutex<Option<HashMap<PathBuf, &'static Api>>> = Mutex::new(None);

/// The functions of `lib/libtritonserver.so` in `install_dir`.
///
/// # Errors
/// [`Error::LibraryNotFound`] or [`Error::LibraryTooOld`].
pub(super) fn load(install_dir: &Path) -> Result<&'static Api, Error> {
    let tried = install_dir.join("lib/libtritonserver.so");
    let not_found = |reason: String| Error::LibraryNotFound {
        tried: tried.clone(),
        reason,
        remedy: "install Triton there (scripts/setup does in a checkout, lib/shopfloor/setup-triton in an \
                 installation), or name its directory in SHOPFLOOR_TRITON"
            .into(),
    };
    // In a Python wheel the library is a link, and its dependencies are beside the real file.
    let path = fs::canonicalize(&tried).map_err(|error| not_found(error.to_string()))?;
    let mut loaded = lock(&LOADED);
    let loaded = loaded.get_or_insert_default();
    if let Some(api) = loaded.get(&path) {
        return Ok(api);
    }
    let library = open(&path).map_err(|error| not_found(error.to_string()))?;
    let too_old = |found: String| Error::LibraryTooOld {
        library: path.clone(),
        found,
        expected: format!("{}.{} (Triton 2.51) or a later {}.x", OLDEST.0, OLDEST.1, OLDEST.0),
    };
    let api = ffi::find(&library).map_err(|missing| too_old(format!("without {missing}")))?;
    let (major, minor) = api.version().map_err(|failure| not_found(failure.message))?;
    if major != OLDEST.0 || minor < OLDEST.1 {
        return Err(too_old(format!("{major}.{minor}")));
    }
    let api: &'static Api = Box::leak(Box::new(api)); // the library is never unloaded, so the table never dangles
    loaded.insert(path, api);
    Ok(api)
}

/// Opens the library. If the loader does not find its dependencies, opens those beside it first.
fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the user has configured this Triton.
    let first = unsafe { ffi::open_permanently(path) };
    first.or_else(|_| {
        open_neighbours(path, &mut HashSet::new());
        // SAFETY: as above.
        unsafe { ffi::open_permanently(path) }
    })
}

/// Opens the dependencies of `path` in the same directory, deepest first.
///
/// The libraries bundled in a wheel have mangled names and no RPATH: the loader finds one only if it is already open.
/// Libraries that cannot be read or opened are skipped; the loader reports them later.
fn open_neighbours(path: &Path, seen: &mut HashSet<PathBuf>) {
    for neighbour in needed_neighbours(path) {
        if seen.insert(neighbour.clone()) {
            open_neighbours(&neighbour, seen);
            // SAFETY: a dependency of the user's Triton; the loader would open it anyway.
            let _stays_open = unsafe { ffi::open_permanently(&neighbour) };
        }
    }
}

/// The needed libraries (`DT_NEEDED`) of the file at `path` that are beside it.
fn needed_neighbours(path: &Path) -> Vec<PathBuf> {
    let Ok(file) = fs::read(path) else {
        return Vec::new();
    };
    let Ok(elf) = Elf::parse(&file) else {
        return Vec::new();
    };
    let beside = |name: &&str| path.with_file_name(name);
    elf.libraries
        .iter()
        .map(beside)
        .filter(|neighbour| neighbour.is_file())
        .collect()
}
