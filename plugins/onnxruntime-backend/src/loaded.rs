//! Finding the `libtritonserver` that this process has already loaded.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_LAZY};

/// The `libtritonserver` of this process, or the global scope if there is none; never closed.
pub(crate) fn triton() -> &'static Library {
    static TRITON: OnceLock<Library> = OnceLock::new();
    TRITON.get_or_init(|| find("libtritonserver").unwrap_or_else(Library::this))
}

/// The loaded library whose file name is `stem.so` or begins with `stem-` or `stem.so.` (wheels add a hash). Loads nothing.
fn find(stem: &str) -> Option<Library> {
    let mut search = Search { stem, found: None };
    // SAFETY: the callback has the type that dl_iterate_phdr requires, and `search` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), ptr::from_mut(&mut search).cast()) };
    let path = search.found?;
    // SAFETY: RTLD_NOLOAD runs no initialisers.
    unsafe { Library::open(Some(path), RTLD_LAZY | libc::RTLD_NOLOAD) }.ok()
}

struct Search<'a> {
    stem: &'a str,
    found: Option<PathBuf>,
}

unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: `data` is the `Search` that `find` passed, and `info` is valid during the callback.
    let (search, name) = unsafe { (&mut *data.cast::<Search>(), (*info).dlpi_name) };
    if name.is_null() {
        return 0;
    }
    // SAFETY: a NUL-terminated string that the loader owns.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()));
    if is_library(path, search.stem) {
        search.found = Some(path.to_owned());
        return 1;
    }
    0
}

/// Whether the file name of `path` is that of the shared library `stem`: plain, with a version, or with a hash.
fn is_library(path: &Path, stem: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix(stem).is_some_and(|rest| {
        rest == ".so" || rest.starts_with(".so.") || (rest.starts_with('-') && rest.contains(".so"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_recognised_by_its_plain_versioned_or_hashed_name() {
        for (path, expected) in [
            ("/opt/tritonserver/lib/libtritonserver.so", true),
            ("libtritonserver.so.2", true),
            ("/v/nvidia_pytriton.libs/libtritonserver-717102f0.so", true),
            ("/v/libtritonserver-717102f0.so.2.51", true),
            ("/v/libtritonserverstub.so", false),
            ("/v/libtritonserver", false),
            ("/libtritonserver.so/other.so", false),
            ("", false),
        ] {
            assert_eq!(is_library(Path::new(path), "libtritonserver"), expected, "{path}");
        }
    }

    #[test]
    fn a_loaded_library_is_found_and_an_absent_one_is_not() {
        type Symbol = *mut c_void;
        let libc = find("libc").expect("every test process has a libc");
        // SAFETY: the symbols are not used.
        unsafe {
            assert!(libc.get::<Symbol>(b"malloc").is_ok());
            assert!(libc.get::<Symbol>(b"no_such_symbol_at_all").is_err());
        }
        assert!(find("libnosuchlibrary").is_none());
    }
}
