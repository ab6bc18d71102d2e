//! Copying to, from and between the memories of CUDA devices, by the driver's own library.
//!
//! **Not shown: this has not run on a GPU yet.**
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_int, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::loaded::Library;

/// The six functions of the CUDA driver that copying takes. Its addresses are unified: the driver itself knows which
/// pointer is on the host and which on a device.
pub struct Cuda {
    device_get: unsafe extern "C" fn(*mut c_int, c_int) -> c_int,
    context_retain: unsafe extern "C" fn(*mut *mut c_void, c_int) -> c_int,
    context_set: unsafe extern "C" fn(*mut c_void) -> c_int,
    memcpy: unsafe extern "C" fn(u64, u64, usize) -> c_int,
    synchronize: unsafe extern "C" fn() -> c_int,
    /// The primary context of each device used so far, as an address. Retained once and kept.
    contexts: Mutex<BTreeMap<i32, usize>>,
}

impl Cuda {
    /// The driver, opened when it is first needed.
    ///
    /// # Errors
    /// [`Error::Cuda`] where there is none.
    pub fn driver() -> Result<&'static Self> {
        static DRIVER: OnceLock<Result<Cuda, String>> = OnceLock::new();
        DRIVER
            .get_or_init(Self::open)
            .as_ref()
            .map_err(|error| Error::Cuda(error.clone()))
    }

    fn open() -> Result<Self, String> {
        let library = Library::open(c"libcuda.so.1").ok_or("the driver, libcuda.so.1, is not there")?;
        let symbol = |name: &CStr| {
            library
                .symbol(name)
                .ok_or_else(|| format!("libcuda.so.1 has no {}", name.to_string_lossy()))
        };
        // SAFETY: each symbol is the driver's function of that name, with the signature that cuda.h declares.
        let (init, cuda) = unsafe {
            use std::mem::transmute;
            let init = transmute::<*mut c_void, unsafe extern "C" fn(u32) -> c_int>(symbol(c"cuInit")?);
            let cuda = Self {
                device_get: transmute::<*mut c_void, unsafe extern "C" fn(*mut c_int, c_int) -> c_int>(symbol(
                    c"cuDeviceGet",
                )?),
                context_retain: transmute::<*mut c_void, unsafe extern "C" fn(*mut *mut c_void, c_int) -> c_int>(
                    symbol(c"cuDevicePrimaryCtxRetain")?,
                ),
                context_set: transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> c_int>(symbol(
                    c"cuCtxSetCurrent",
                )?),
                memcpy: transmute::<*mut c_void, unsafe extern "C" fn(u64, u64, usize) -> c_int>(symbol(c"cuMemcpy")?),
                synchronize: transmute::<*mut c_void, unsafe extern "C" fn() -> c_int>(symbol(c"cuCtxSynchronize")?),
                contexts: Mutex::default(),
            };
            (init, cuda)
        };
        // SAFETY: cuInit takes flags that must be 0.
        match unsafe { init(0) } {
            0 => Ok(cuda),
            code => Err(format!("cuInit failed with {code}")),
        }
    }

    /// Copies `bytes` bytes, to or from memory of `device`; complete on return.
    ///
    /// # Safety
    /// As [`crate::memory::copy`]; at least one pointer is device memory.
    ///
    /// # Errors
    /// [`Error::Cuda`] with the driver's code.
    pub unsafe fn copy(&self, device: i32, from: *const u8, to: *mut u8, bytes: usize) -> Result<()> {
        let context = self.context(device)?;
        // SAFETY: the context is retained for good; the pointers are valid by the caller's promise. A copy within a
        // device is asynchronous to the host, hence the wait.
        unsafe {
            succeeded("cuCtxSetCurrent", (self.context_set)(context))?;
            succeeded("cuMemcpy", (self.memcpy)(to as u64, from as u64, bytes))?;
            succeeded("cuCtxSynchronize", (self.synchronize)())
        }
    }

    fn context(&self, device: i32) -> Result<*mut c_void> {
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&context) = contexts.get(&device) {
            return Ok(context as *mut c_void);
        }
        let (mut handle, mut context) = (0, std::ptr::null_mut());
        // SAFETY: both write one value through a valid pointer.
        unsafe {
            succeeded("cuDeviceGet", (self.device_get)(&raw mut handle, device))?;
            succeeded(
                "cuDevicePrimaryCtxRetain",
                (self.context_retain)(&raw mut context, handle),
            )?;
        }
        contexts.insert(device, context as usize);
        Ok(context)
    }
}

fn succeeded(function: &str, code: c_int) -> Result<()> {
    match code {
        0 => Ok(()),
        code => Err(Error::Cuda(format!("{function} failed with {code}"))),
    }
}
