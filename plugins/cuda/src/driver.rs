//! The CUDA driver's functions, looked up in `libcuda.so.1` on first use.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::{Device, Error, HANDLE_SIZE, Handle};

/// The CUDA driver of this machine. Making one loads nothing; each function loads the driver if that has not been done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Driver;

/// Declares the table of functions and how it is filled.
macro_rules! api {
    ($( fn $name:ident($($argument:ident: $type:ty),* $(,)?); )*) => {
        /// The driver's functions; each returns 0 for success.
        #[allow(non_snake_case)]
        #[derive(Clone, Copy)]
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

// cuda.h renames functions whose second version is in use.
api! {
    fn cuInit(flags: u32);
    fn cuDeviceGet(device: *mut c_int, ordinal: c_int);
    fn cuDevicePrimaryCtxRetain(context: *mut *mut c_void, device: c_int);
    fn cuCtxSetCurrent(context: *mut c_void);
    fn cuMemAlloc_v2(address: *mut u64, byte_size: usize);
    fn cuMemFree_v2(address: u64);
    fn cuMemcpy(to: u64, from: u64, byte_size: usize);
    fn cuCtxSynchronize();
    fn cuIpcGetMemHandle(handle: *mut [u8; HANDLE_SIZE], address: u64);
}

/// The driver, initialised.
struct Loaded {
    api: Api,
    /// The primary context of each device used so far, as an address; never released.
    contexts: Mutex<BTreeMap<i32, usize>>,
    _library: Option<Library>,
}

impl Loaded {
    fn get() -> Result<&'static Self, Error> {
        static DRIVER: OnceLock<Result<Loaded, Error>> = OnceLock::new();
        DRIVER.get_or_init(Self::open).as_ref().map_err(Clone::clone)
    }

    fn open() -> Result<Self, Error> {
        // SAFETY: the driver's initialisers are trusted like the rest of the process.
        let library = unsafe { Library::open(Some("libcuda.so.1"), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| {
            Error(format!(
                "cannot load the driver libcuda.so.1 ({error}); install it or use memory of the host (KIND_CPU)"
            ))
        })?;
        let api = Api::find(&library).map_err(|name| {
            Error(format!(
                "the driver libcuda.so.1 has no function {name}; install a newer driver"
            ))
        })?;
        Self::initialise(api, Some(library))
    }

    fn initialise(api: Api, library: Option<Library>) -> Result<Self, Error> {
        // SAFETY: the flags must be 0.
        check("cuInit", unsafe { (api.cuInit)(0) })?;
        Ok(Self {
            api,
            contexts: Mutex::default(),
            _library: library,
        })
    }

    /// Makes the device's primary context, which libraries on CUDA's runtime use too, that of this thread.
    fn enter(&self, device: i32) -> Result<(), Error> {
        let context = self.context(device)?;
        // SAFETY: the context is never released.
        check("cuCtxSetCurrent", unsafe { (self.api.cuCtxSetCurrent)(context) })
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

impl Device for Loaded {
    fn allocate(&self, device: i32, len: usize) -> Result<*mut u8, Error> {
        self.enter(device)?;
        let mut address = 0;
        // SAFETY: it writes one address.
        check("cuMemAlloc", unsafe { (self.api.cuMemAlloc_v2)(&mut address, len) })?;
        Ok(address as *mut u8)
    }

    unsafe fn free(&self, device: i32, address: *mut u8) -> Result<(), Error> {
        self.enter(device)?;
        // SAFETY: as promised by the caller.
        check("cuMemFree", unsafe { (self.api.cuMemFree_v2)(address as u64) })
    }

    unsafe fn copy(&self, device: i32, from: *const u8, to: *mut u8, len: usize) -> Result<(), Error> {
        self.enter(device)?;
        // SAFETY: as promised by the caller. A copy within a device is asynchronous to the host, so it is waited for.
        unsafe {
            check("cuMemcpy", (self.api.cuMemcpy)(to as u64, from as u64, len))?;
            check("cuCtxSynchronize", (self.api.cuCtxSynchronize)())
        }
    }

    fn handle(&self, device: i32, address: *mut u8) -> Result<Handle, Error> {
        self.enter(device)?;
        let mut handle = [0; HANDLE_SIZE];
        // SAFETY: it writes as many bytes as the handle has.
        check("cuIpcGetMemHandle", unsafe {
            (self.api.cuIpcGetMemHandle)(&mut handle, address as u64)
        })?;
        Ok(handle)
    }
}

impl Device for Driver {
    fn allocate(&self, device: i32, len: usize) -> Result<*mut u8, Error> {
        Loaded::get()?.allocate(device, len)
    }

    unsafe fn free(&self, device: i32, address: *mut u8) -> Result<(), Error> {
        // SAFETY: as promised by the caller.
        unsafe { Loaded::get()?.free(device, address) }
    }

    unsafe fn copy(&self, device: i32, from: *const u8, to: *mut u8, len: usize) -> Result<(), Error> {
        // SAFETY: as promised by the caller.
        unsafe { Loaded::get()?.copy(device, from, to, len) }
    }

    fn handle(&self, device: i32, address: *mut u8) -> Result<Handle, Error> {
        Loaded::get()?.handle(device, address)
    }
}

fn check(function: &str, code: c_int) -> Result<(), Error> {
    match code {
        0 => Ok(()),
        2 => Err(Error(format!("{function}: the device is out of memory"))), // CUDA_ERROR_OUT_OF_MEMORY
        code => Err(Error(format!(
            "{function} failed with {code}; check the GPU with nvidia-smi"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    thread_local! {
        static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
        /// The function that fails, with its code.
        static FAULT: Cell<(&'static str, c_int)> = const { Cell::new(("", 0)) };
    }

    fn called(name: &str, arguments: &str) -> c_int {
        CALLS.with_borrow_mut(|calls| calls.push(format!("{name}({arguments})")));
        let (function, code) = FAULT.get();
        if function == name { code } else { 0 }
    }

    unsafe extern "C" fn init(flags: u32) -> c_int {
        called("init", &flags.to_string())
    }
    unsafe extern "C" fn device_get(device: *mut c_int, ordinal: c_int) -> c_int {
        // SAFETY: the caller passes a pointer to one number.
        unsafe { *device = 10 + ordinal };
        called("device", &ordinal.to_string())
    }
    unsafe extern "C" fn retain(context: *mut *mut c_void, device: c_int) -> c_int {
        // SAFETY: the caller passes a pointer to one pointer.
        unsafe { *context = (100 * device) as usize as *mut c_void };
        called("retain", &device.to_string())
    }
    unsafe extern "C" fn set(context: *mut c_void) -> c_int {
        called("set", &(context as usize).to_string())
    }
    unsafe extern "C" fn allocate(address: *mut u64, len: usize) -> c_int {
        // SAFETY: the caller passes a pointer to one address.
        unsafe { *address = 4096 };
        called("allocate", &len.to_string())
    }
    unsafe extern "C" fn free(address: u64) -> c_int {
        called("free", &address.to_string())
    }
    unsafe extern "C" fn copy(to: u64, from: u64, len: usize) -> c_int {
        called("copy", &format!("{to},{from},{len}"))
    }
    unsafe extern "C" fn synchronize() -> c_int {
        called("synchronize", "")
    }
    unsafe extern "C" fn handle(handle: *mut [u8; HANDLE_SIZE], address: u64) -> c_int {
        // SAFETY: the caller passes a pointer to a handle.
        unsafe { *handle = [7; HANDLE_SIZE] };
        called("handle", &address.to_string())
    }

    fn driver() -> Result<Loaded, Error> {
        let api = Api {
            cuInit: init,
            cuDeviceGet: device_get,
            cuDevicePrimaryCtxRetain: retain,
            cuCtxSetCurrent: set,
            cuMemAlloc_v2: allocate,
            cuMemFree_v2: free,
            cuMemcpy: copy,
            cuCtxSynchronize: synchronize,
            cuIpcGetMemHandle: handle,
        };
        Loaded::initialise(api, None)
    }

    fn calls() -> Vec<String> {
        CALLS.take()
    }

    #[test]
    fn each_call_is_made_in_the_device_s_context_which_is_retained_once() {
        let driver = driver().unwrap();
        assert_eq!(calls(), ["init(0)"]);
        assert_eq!(driver.allocate(1, 64), Ok(4096 as *mut u8));
        assert_eq!(calls(), ["device(1)", "retain(11)", "set(1100)", "allocate(64)"]);
        // SAFETY: the functions above access no memory.
        unsafe {
            driver.copy(1, 5 as *const u8, 6 as *mut u8, 7).unwrap();
            assert_eq!(calls(), ["set(1100)", "copy(6,5,7)", "synchronize()"]);
            assert_eq!(driver.handle(1, 4096 as *mut u8), Ok([7; HANDLE_SIZE]));
            assert_eq!(calls(), ["set(1100)", "handle(4096)"]);
            driver.free(0, 4096 as *mut u8).unwrap();
        }
        assert_eq!(calls(), ["device(0)", "retain(10)", "set(1000)", "free(4096)"]);
    }

    #[test]
    fn a_failure_names_the_function_and_its_code() {
        for (fault, code, expected) in [
            ("init", 100, "cuInit failed with 100"),
            ("device", 101, "cuDeviceGet failed with 101"),
            ("retain", 2, "cuDevicePrimaryCtxRetain: the device is out of memory"),
            ("set", 201, "cuCtxSetCurrent failed with 201"),
            ("allocate", 2, "cuMemAlloc: the device is out of memory"),
        ] {
            FAULT.set((fault, code));
            let error = driver()
                .and_then(|driver| driver.allocate(0, 1))
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("CUDA: ") && error.contains(expected), "{error}");
        }
        FAULT.set(("", 0));
        let driver = driver().unwrap();
        for (fault, expected) in [
            ("copy", "cuMemcpy failed with 700"),
            ("synchronize", "cuCtxSynchronize"),
        ] {
            FAULT.set((fault, 700));
            // SAFETY: the functions above access no memory.
            let error = unsafe { driver.copy(0, ptr::null(), ptr::null_mut(), 1) }.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
