//! Copies to, from and between CUDA devices, by the functions of the CUDA driver.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::error::Error;

/// The CUDA driver. Its address space is unified: a pointer alone identifies host or device memory.
pub(crate) struct Cuda {
    api: Api,
    /// The primary context of each device used so far, as an address; never released.
    contexts: Mutex<BTreeMap<i32, usize>>,
    _library: Library,
}

/// Declares the table of functions and how it is filled.
macro_rules! api {
    ($( fn $name:ident($($argument:ident: $type:ty),* $(,)?); )*) => {
        /// The driver's functions; each returns 0 for success.
        #[allow(non_snake_case)]
        struct Api {
            $( $name: unsafe extern "C" fn($($argument: $type),*) -> c_int, )*
        }

        impl Api {
            /// Looks every function up; an error is the name of the first one that is missing.
            fn find(library: &Library) -> Result<Self, &'static str> {
                Ok(Self { $( $name: {
                    let name = stringify!($name);
                    // SAFETY: the type is that of the declaration in cuda.h.
                    *unsafe { library.get(name.as_bytes()) }.map_err(|_| name)?
                }, )* })
            }
        }
    };
}

api! {
    fn cuInit(flags: u32);
    fn cuDeviceGet(device: *mut c_int, ordinal: c_int);
    fn cuDevicePrimaryCtxRetain(context: *mut *mut c_void, device: c_int);
    fn cuCtxSetCurrent(context: *mut c_void);
    fn cuMemcpy(to: u64, from: u64, byte_size: usize);
    fn cuCtxSynchronize();
}

impl Cuda {
    /// The driver, loaded on first use.
    ///
    /// # Errors
    /// [`Error::Cuda`] if it cannot be loaded or initialised.
    pub fn driver() -> Result<&'static Self, Error> {
        static DRIVER: OnceLock<Result<Cuda, String>> = OnceLock::new();
        DRIVER
            .get_or_init(Self::open)
            .as_ref()
            .map_err(|error| Error::Cuda(error.clone()))
    }

    fn open() -> Result<Self, String> {
        // SAFETY: the driver's initialisers are trusted like the rest of the process.
        let library = unsafe { Library::open(Some("libcuda.so.1"), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|error| format!("cannot load the driver libcuda.so.1 ({error}); install it or use KIND_CPU"))?;
        let api = Api::find(&library)
            .map_err(|name| format!("the driver libcuda.so.1 has no function {name}; install a newer driver"))?;
        // SAFETY: the flags must be 0.
        match unsafe { (api.cuInit)(0) } {
            0 => Ok(Self {
                api,
                contexts: Mutex::default(),
                _library: library,
            }),
            code => Err(format!("cuInit failed with {code}; check the GPU with nvidia-smi")),
        }
    }

    /// Copies `bytes` bytes to or from memory of `device`; complete on return.
    ///
    /// # Safety
    /// As [`crate::memory::copy`]; at least one of the pointers is device memory.
    ///
    /// # Errors
    /// [`Error::Cuda`] with the driver's code.
    pub unsafe fn copy(&self, device: i32, from: *const u8, to: *mut u8, bytes: usize) -> Result<(), Error> {
        let context = self.context(device)?;
        // SAFETY: the context is never released; the pointers are valid as promised by the caller. A copy within a
        // device is asynchronous to the host, so it is waited for.
        unsafe {
            check("cuCtxSetCurrent", (self.api.cuCtxSetCurrent)(context))?;
            check("cuMemcpy", (self.api.cuMemcpy)(to as u64, from as u64, bytes))?;
            check("cuCtxSynchronize", (self.api.cuCtxSynchronize)())
        }
    }

    fn context(&self, device: i32) -> Result<*mut c_void, Error> {
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&context) = contexts.get(&device) {
            return Ok(context as *mut c_void);
        }
        let (mut handle, mut context) = (0, ptr::null_mut());
        // SAFETY: each writes one value through a valid pointer.
        unsafe {
            check("cuDeviceGet", (self.api.cuDeviceGet)(&mut handle, device))?;
            check(
                "cuDevicePrimaryCtxRetain",
                (self.api.cuDevicePrimaryCtxRetain)(&mut context, handle),
            )?;
        }
        contexts.insert(device, context as usize);
        Ok(context)
    }
}

fn check(function: &str, code: c_int) -> Result<(), Error> {
    match code {
        0 => Ok(()),
        code => Err(Error::Cuda(format!(
            "{function} failed with {code}; check the GPU with nvidia-smi"
        ))),
    }
}
