//! Shared libraries of this process: finding those that are loaded already, and their symbols.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_int, c_void};
use std::path::Path;

/// A handle for `dlsym`.
#[derive(Clone, Copy)]
pub struct Library(*mut c_void);

impl Library {
    /// The libtritonserver of this process, else the global scope.
    #[must_use]
    pub fn triton() -> Self {
        Self::loaded("libtritonserver").unwrap_or(Self(libc::RTLD_DEFAULT))
    }

    /// The already loaded library whose file name is `stem.so` or begins with `stem-` or `stem.so.` (wheels put a hash
    /// into the name). Nothing is loaded, and the handle is kept for good.
    #[must_use]
    pub fn loaded(stem: &str) -> Option<Self> {
        let mut search = Search { stem, found: None };
        // SAFETY: the callback has the type that dl_iterate_phdr asks for and `search` outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
        let path = search.found?;
        // SAFETY: a NUL-terminated path; RTLD_NOLOAD runs no initialiser.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        (!handle.is_null()).then_some(Self(handle))
    }

    /// Opens a library by its name, as the loader finds it.
    #[must_use]
    pub fn open(name: &CStr) -> Option<Self> {
        // SAFETY: a NUL-terminated name; the library's initialisers are trusted as the rest of the process is.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        (!handle.is_null()).then_some(Self(handle))
    }

    /// The address of `name` in the library.
    #[must_use]
    pub fn symbol(self, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: the handle is never closed and the name is NUL-terminated.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        (!symbol.is_null()).then_some(symbol)
    }
}

struct Search<'a> {
    stem: &'a str,
    found: Option<CString>,
}

unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: `data` is the `Search` that `Library::loaded` passed, and `info` is valid during the callback.
    let (search, name) = unsafe { (&mut *data.cast::<Search>(), (*info).dlpi_name) };
    if name.is_null() {
        return 0;
    }
    // SAFETY: a NUL-terminated string of the loader's.
    let path = unsafe { CStr::from_ptr(name) };
    if is_library(&path.to_string_lossy(), search.stem) {
        search.found = Some(path.to_owned());
        return 1;
    }
    0
}

/// Whether the file name of `path` is that of the shared library `stem`, plain, versioned or hashed.
fn is_library(path: &str, stem: &str) -> bool {
    let name = Path::new(path)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.strip_prefix(stem).is_some_and(|rest| {
        rest == ".so" || rest.starts_with(".so.") || (rest.starts_with('-') && rest.contains(".so"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_known_by_its_plain_versioned_or_hashed_name() {
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
            assert_eq!(is_library(path, "libtritonserver"), expected, "{path}");
        }
    }

    #[test]
    fn a_loaded_library_is_found_and_an_absent_one_is_not() {
        let libc = Library::loaded("libc").expect("every test process has a libc");
        assert!(libc.symbol(c"malloc").is_some());
        assert!(libc.symbol(c"no_such_symbol_at_all").is_none());
        assert!(Library::loaded("libnosuchlibrary").is_none());
    }
}
