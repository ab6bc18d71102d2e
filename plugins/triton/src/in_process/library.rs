//! Finding and loading `libtritonserver.so` of a Triton installation: once per file and process, and for good.

#![allow(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use goblin::elf::Elf;
use libloading::os::unix::Library;

use super::ffi::{self, Api};
use crate::{Error, lock};

/// The first API version that was seen working, that of Triton 2.51; later ones only add to it.
const OLDEST: (u32, u32) = (1, 34);

static LOADED: Mutex<Option<HashMap<PathBuf, &'static Api>>> = Mutex::new(None);

/// The functions of `HOME/lib/libtritonserver.so`.
pub(super) fn load(home: &Path) -> Result<&'static Api, Error> {
    let tried = home.join("lib/libtritonserver.so");
    let not_found = |reason: String| Error::LibraryNotFound {
        tried: tried.clone(),
        reason,
        remedy: "install Triton there (scripts/setup does in a checkout, lib/shopfloor/setup-triton in an \
                 installation), or name its directory in SHOPFLOOR_TRITON"
            .into(),
    };
    // The wheel's library is reached through a link, and its dependencies lie beside the real file.
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

/// Opens the library; where the loader does not find its dependencies, those beside it first.
fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the user's Triton is meant to be loaded.
    let first = unsafe { ffi::open_for_good(path) };
    first.or_else(|_| {
        open_neighbours(path, &mut HashSet::new());
        // SAFETY: as above.
        unsafe { ffi::open_for_good(path) }
    })
}

/// Opens what `path` needs and what lies in the same directory, deepest first.
///
/// The libraries that a wheel bundles have mangled names and no RPATH: the loader finds one only by the name of
/// a library that is already open. What cannot be read or opened is left for the loader to complain about.
fn open_neighbours(path: &Path, seen: &mut HashSet<PathBuf>) {
    for neighbour in needed_neighbours(path) {
        if seen.insert(neighbour.clone()) {
            open_neighbours(&neighbour, seen);
            // SAFETY: a dependency of the user's Triton; the loader would open it anyway.
            let _stays_open = unsafe { ffi::open_for_good(&neighbour) };
        }
    }
}

/// The libraries that the file at `path` names as needed (`DT_NEEDED`) and that lie beside it.
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
