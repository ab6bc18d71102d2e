//! Declarations of the used part of Triton's C API, after `tritonserver.h` 1.34, and their loading.
//!
//! The library is never closed: its servers, and exit handlers of its dependencies, exist until the process ends.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;

use libloading::os::unix::Library;

use crate::Code;

/// Declares objects whose contents are private to Triton.
macro_rules! opaque {
    ($($name:ident)*) => { $(
        #[repr(C)]
        pub(super) struct $name {
            _private: [u8; 0],
        }
    )* };
}

opaque! { TritonError TritonServer TritonOptions TritonMessage TritonRequest TritonResponse TritonAllocator TritonTrace }

/// The return value of every function: null for success.
pub(super) type Outcome = *mut TritonError;

pub(super) type AllocFn = unsafe extern "C" fn(
    allocator: *mut TritonAllocator,
    tensor_name: *const c_char,
    byte_size: usize,
    memory_type: u32,
    memory_type_id: i64,
    userp: *mut c_void,
    buffer: *mut *mut c_void,
    buffer_userp: *mut *mut c_void,
    actual_memory_type: *mut u32,
    actual_memory_type_id: *mut i64,
) -> Outcome;

pub(super) type FreeFn = unsafe extern "C" fn(
    allocator: *mut TritonAllocator,
    buffer: *mut c_void,
    buffer_userp: *mut c_void,
    byte_size: usize,
    memory_type: u32,
    memory_type_id: i64,
) -> Outcome;

pub(super) type StartFn = unsafe extern "C" fn(allocator: *mut TritonAllocator, userp: *mut c_void) -> Outcome;
pub(super) type ReleasedFn = unsafe extern "C" fn(request: *mut TritonRequest, flags: u32, userp: *mut c_void);
pub(super) type RespondedFn = unsafe extern "C" fn(response: *mut TritonResponse, flags: u32, userp: *mut c_void);

/// `TRITONSERVER_LogCallbackFn_t` of Triton 2.72 and later.
pub(super) type LogFn = unsafe extern "C" fn(
    level: u32,
    filename: *const c_char,
    line: c_int,
    timestamp_us: u64,
    message: *const c_char,
    userp: *mut c_void,
);

/// Declares the table of functions and its loading. Those after `optional` are missing in older versions.
macro_rules! api {
    (
        $( fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty; )*
        optional: $( fn $later:ident($($later_argument:ident: $later_type:ty),* $(,)?) -> $later_result:ty; )*
    ) => {
        /// Triton's functions, by their names without `TRITONSERVER_`.
        #[allow(non_snake_case)]
        pub(super) struct Api {
            $( pub(super) $name: unsafe extern "C" fn($($argument: $type),*) -> $result, )*
            $( pub(super) $later: Option<unsafe extern "C" fn($($later_argument: $later_type),*) -> $later_result>, )*
        }

        impl Api {
            /// Looks up every function; the error is the name of the first missing one that is not optional.
            fn find(library: &Library) -> Result<Self, &'static str> {
                Ok(Self {
                    $( $name: {
                        let name = concat!("TRITONSERVER_", stringify!($name));
                        // SAFETY: the type is that of the header's declaration.
                        *unsafe { library.get(name.as_bytes()) }.map_err(|_| name)?
                    }, )*
                    $( $later: {
                        let name = concat!("TRITONSERVER_", stringify!($later));
                        // SAFETY: as above.
                        unsafe { library.get(name.as_bytes()) }.ok().map(|function| *function)
                    }, )*
                })
            }
        }
    };
}

api! {
    fn ApiVersion(major: *mut u32, minor: *mut u32) -> Outcome;

    fn ErrorNew(code: u32, message: *const c_char) -> Outcome;
    fn ErrorDelete(error: *mut TritonError) -> ();
    fn ErrorCode(error: *mut TritonError) -> u32;
    fn ErrorMessage(error: *mut TritonError) -> *const c_char;

    fn ServerOptionsNew(options: *mut *mut TritonOptions) -> Outcome;
    fn ServerOptionsDelete(options: *mut TritonOptions) -> Outcome;
    fn ServerOptionsSetModelRepositoryPath(options: *mut TritonOptions, path: *const c_char) -> Outcome;
    fn ServerOptionsSetModelControlMode(options: *mut TritonOptions, mode: u32) -> Outcome;
    fn ServerOptionsSetStrictModelConfig(options: *mut TritonOptions, strict: bool) -> Outcome;
    fn ServerOptionsSetModelLoadRetryCount(options: *mut TritonOptions, retries: u32) -> Outcome;
    fn ServerOptionsSetEnablePeerAccess(options: *mut TritonOptions, enable: bool) -> Outcome;
    fn ServerOptionsSetLogInfo(options: *mut TritonOptions, log: bool) -> Outcome;
    fn ServerOptionsSetLogWarn(options: *mut TritonOptions, log: bool) -> Outcome;
    fn ServerOptionsSetLogError(options: *mut TritonOptions, log: bool) -> Outcome;
    fn ServerOptionsSetLogVerbose(options: *mut TritonOptions, level: c_int) -> Outcome;
    fn ServerOptionsSetMetrics(options: *mut TritonOptions, metrics: bool) -> Outcome;
    fn ServerOptionsSetGpuMetrics(options: *mut TritonOptions, metrics: bool) -> Outcome;
    fn ServerOptionsSetCpuMetrics(options: *mut TritonOptions, metrics: bool) -> Outcome;
    fn ServerOptionsSetBackendDirectory(options: *mut TritonOptions, path: *const c_char) -> Outcome;
    fn ServerOptionsSetBackendConfig(
        options: *mut TritonOptions, backend: *const c_char, setting: *const c_char, value: *const c_char,
    ) -> Outcome;

    fn ServerNew(server: *mut *mut TritonServer, options: *mut TritonOptions) -> Outcome;
    fn ServerLoadModel(server: *mut TritonServer, name: *const c_char) -> Outcome;
    fn ServerMetadata(server: *mut TritonServer, metadata: *mut *mut TritonMessage) -> Outcome;
    fn ServerModelMetadata(
        server: *mut TritonServer, name: *const c_char, version: i64, metadata: *mut *mut TritonMessage,
    ) -> Outcome;
    fn ServerModelConfig(
        server: *mut TritonServer, name: *const c_char, version: i64, config_version: u32, config: *mut *mut TritonMessage,
    ) -> Outcome;
    fn ServerModelStatistics(
        server: *mut TritonServer, name: *const c_char, version: i64, statistics: *mut *mut TritonMessage,
    ) -> Outcome;
    fn ServerInferAsync(server: *mut TritonServer, request: *mut TritonRequest, trace: *mut TritonTrace) -> Outcome;

    fn MessageSerializeToJson(message: *mut TritonMessage, base: *mut *const c_char, byte_size: *mut usize) -> Outcome;
    fn MessageDelete(message: *mut TritonMessage) -> Outcome;

    fn ResponseAllocatorNew(
        allocator: *mut *mut TritonAllocator, alloc: AllocFn, free: FreeFn, start: Option<StartFn>,
    ) -> Outcome;
    fn ResponseAllocatorDelete(allocator: *mut TritonAllocator) -> Outcome;

    fn InferenceRequestNew(
        request: *mut *mut TritonRequest, server: *mut TritonServer, model: *const c_char, version: i64,
    ) -> Outcome;
    fn InferenceRequestDelete(request: *mut TritonRequest) -> Outcome;
    fn InferenceRequestCancel(request: *mut TritonRequest) -> Outcome;
    fn InferenceRequestSetPriorityUInt64(request: *mut TritonRequest, priority: u64) -> Outcome;
    fn InferenceRequestSetTimeoutMicroseconds(request: *mut TritonRequest, timeout: u64) -> Outcome;
    fn InferenceRequestAddInput(
        request: *mut TritonRequest, name: *const c_char, datatype: u32, shape: *const i64, dim_count: u64,
    ) -> Outcome;
    fn InferenceRequestAppendInputData(
        request: *mut TritonRequest, name: *const c_char, base: *const c_void, byte_size: usize,
        memory_type: u32, memory_type_id: i64,
    ) -> Outcome;
    fn InferenceRequestSetReleaseCallback(request: *mut TritonRequest, released: ReleasedFn, userp: *mut c_void) -> Outcome;
    fn InferenceRequestSetResponseCallback(
        request: *mut TritonRequest, allocator: *mut TritonAllocator, allocator_userp: *mut c_void,
        responded: RespondedFn, userp: *mut c_void,
    ) -> Outcome;

    fn InferenceResponseError(response: *mut TritonResponse) -> Outcome;
    fn InferenceResponseOutputCount(response: *mut TritonResponse, count: *mut u32) -> Outcome;
    fn InferenceResponseOutput(
        response: *mut TritonResponse, index: u32, name: *mut *const c_char, datatype: *mut u32,
        shape: *mut *const i64, dim_count: *mut u64, base: *mut *const c_void, byte_size: *mut usize,
        memory_type: *mut u32, memory_type_id: *mut i64, userp: *mut *mut c_void,
    ) -> Outcome;
    fn InferenceResponseDelete(response: *mut TritonResponse) -> Outcome;

    optional:
    fn ServerOptionsSetLogCallback(options: *mut TritonOptions, callback: Option<LogFn>, userp: *mut c_void) -> Outcome;
}

/// `TRITONSERVER_MEMORY_CPU`.
pub(super) const MEMORY_CPU: u32 = 0;
/// `TRITONSERVER_MEMORY_GPU`.
pub(super) const MEMORY_GPU: u32 = 2;
/// `TRITONSERVER_MODEL_CONTROL_EXPLICIT`.
pub(super) const MODEL_CONTROL_EXPLICIT: u32 = 2;
/// `TRITONSERVER_RESPONSE_COMPLETE_FINAL`.
pub(super) const RESPONSE_COMPLETE_FINAL: u32 = 1;
/// `TRITONSERVER_REQUEST_RELEASE_ALL`.
pub(super) const REQUEST_RELEASE_ALL: u32 = 1;
/// `TRITONSERVER_ERROR_UNAVAILABLE`.
pub(super) const ERROR_UNAVAILABLE: u32 = 4;

/// A failure as Triton reports it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Failure {
    /// A failure detected before Triton is called.
    pub(super) fn invalid(message: String) -> Self {
        Self {
            code: Code::InvalidArg,
            message,
        }
    }
}

impl Api {
    /// Takes the error object that a function returned, if any.
    ///
    /// # Safety
    /// `outcome` comes from a function of this table and is not used again.
    pub(super) unsafe fn check(&self, outcome: Outcome) -> Result<(), Failure> {
        if outcome.is_null() {
            return Ok(());
        }
        // SAFETY: an error object of ours; its message is copied before it is deleted.
        let failure = unsafe {
            let message = CStr::from_ptr((self.ErrorMessage)(outcome))
                .to_string_lossy()
                .into_owned();
            let code = Code::from_raw((self.ErrorCode)(outcome));
            (self.ErrorDelete)(outcome);
            Failure { code, message }
        };
        Err(failure)
    }

    /// The version of the API that the library implements.
    pub(super) fn version(&self) -> Result<(u32, u32), Failure> {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both arguments receive a number.
        unsafe { self.check((self.ApiVersion)(&mut major, &mut minor)) }.map(|()| (major, minor))
    }
}

/// Opens a shared library permanently, without making its symbols visible to others.
///
/// # Safety
/// The library's initialisers run: it must be one that the user has configured, or a dependency of it.
pub(super) unsafe fn open_permanently(path: &Path) -> Result<Library, libloading::Error> {
    const RTLD_NODELETE: c_int = 0x1000; // of glibc and musl; makes closing a no-op
    let flags = libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_LOCAL | RTLD_NODELETE;
    // SAFETY: as promised by the caller.
    unsafe { Library::open(Some(path), flags) }
}

/// The function table of an open `libtritonserver`; the error is the name of a missing function.
pub(super) fn find(library: &Library) -> Result<Api, &'static str> {
    Api::find(library)
}
