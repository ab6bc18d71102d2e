//! The part of Triton's C API that the backend uses, declared by hand after `tritonserver.h` 1.34 and `tritonbackend.h`
//! 1.19: opaque types, constants, the table of functions, and conversion of errors.
//!
//! The functions are looked up at run time, not linked: an application opens `libtritonserver` with `RTLD_LOCAL`, so its
//! symbols are in no global scope. They are found through a handle of the library that is already loaded.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use libloading::os::unix::Library;

use crate::error::{Code, Error};
use crate::loaded;

/// Declares objects that only Triton can look into.
macro_rules! opaque {
    ($($name:ident)*) => { $(
        #[repr(C)]
        pub(crate) struct $name {
            _private: [u8; 0],
        }
    )* };
}

opaque! { TritonError TritonMessage TritonBackend TritonModel TritonInstance TritonRequest TritonInput TritonResponse TritonOutput }

/// The result of nearly every function: null for success, or an error that the receiver owns.
#[repr(transparent)]
#[must_use = "an error from Triton must be returned or deleted"]
pub struct Status(*mut TritonError);

impl Status {
    /// Success.
    pub(crate) const OK: Self = Self(ptr::null_mut());

    /// The error or null, still owned by the status.
    pub(crate) fn raw(&self) -> *mut TritonError {
        self.0
    }
}

/// `TRITONSERVER_MEMORY_CPU`.
pub(crate) const MEMORY_CPU: u32 = 0;
/// `TRITONSERVER_MEMORY_GPU`.
pub(crate) const MEMORY_GPU: u32 = 2;
/// `TRITONSERVER_INSTANCEGROUPKIND_GPU`.
pub(crate) const INSTANCE_GROUP_KIND_GPU: u32 = 2;
/// `TRITONSERVER_REQUEST_RELEASE_ALL`.
pub(crate) const REQUEST_RELEASE_ALL: u32 = 1;
/// `TRITONSERVER_RESPONSE_COMPLETE_FINAL`.
pub(crate) const RESPONSE_COMPLETE_FINAL: u32 = 1;
/// `TRITONBACKEND_ARTIFACT_FILESYSTEM`.
pub(crate) const ARTIFACT_FILESYSTEM: u32 = 0;
/// The `config_version` of `TRITONBACKEND_ModelConfig` and `TRITONBACKEND_ModelSetConfig`.
pub(crate) const CONFIG_VERSION: u32 = 1;

/// Declares the table of functions and how it is filled.
macro_rules! api {
    ($( $prefix:literal { $( fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty; )* } )*) => {
        /// Triton's functions, by their names without `TRITONSERVER_` or `TRITONBACKEND_`.
        #[allow(non_snake_case)]
        pub(crate) struct Api {
            $($( pub $name: unsafe extern "C" fn($($argument: $type),*) -> $result, )*)*
        }

        impl Api {
            /// Looks every function up; an error is the name of the first one that is missing.
            fn find(library: &Library) -> Result<Self, &'static str> {
                Ok(Self { $($( $name: {
                    let name = concat!($prefix, stringify!($name));
                    // SAFETY: the type is that of the header's declaration.
                    *unsafe { library.get(name.as_bytes()) }.map_err(|_| name)?
                }, )*)* })
            }
        }
    };
}

api! {
    "TRITONSERVER_" {
        fn ErrorNew(code: u32, message: *const c_char) -> Status;
        fn ErrorDelete(error: *mut TritonError) -> ();
        fn ErrorCode(error: *mut TritonError) -> u32;
        fn ErrorMessage(error: *mut TritonError) -> *const c_char;

        fn LogMessage(level: u32, file: *const c_char, line: c_int, message: *const c_char) -> Status;

        fn MessageNewFromSerializedJson(message: *mut *mut TritonMessage, base: *const c_char, byte_size: usize) -> Status;
        fn MessageSerializeToJson(message: *mut TritonMessage, base: *mut *const c_char, byte_size: *mut usize) -> Status;
        fn MessageDelete(message: *mut TritonMessage) -> Status;
    }
    "TRITONBACKEND_" {
        fn ApiVersion(major: *mut u32, minor: *mut u32) -> Status;

        fn BackendConfig(backend: *mut TritonBackend, config: *mut *mut TritonMessage) -> Status;
        fn BackendArtifacts(backend: *mut TritonBackend, kind: *mut u32, location: *mut *const c_char) -> Status;

        fn ModelBackend(model: *mut TritonModel, backend: *mut *mut TritonBackend) -> Status;
        fn ModelVersion(model: *mut TritonModel, version: *mut u64) -> Status;
        fn ModelRepository(model: *mut TritonModel, kind: *mut u32, location: *mut *const c_char) -> Status;
        fn ModelConfig(model: *mut TritonModel, config_version: u32, config: *mut *mut TritonMessage) -> Status;
        fn ModelAutoCompleteConfig(model: *mut TritonModel, complete: *mut bool) -> Status;
        fn ModelSetConfig(model: *mut TritonModel, config_version: u32, config: *mut TritonMessage) -> Status;
        fn ModelState(model: *mut TritonModel, state: *mut *mut c_void) -> Status;
        fn ModelSetState(model: *mut TritonModel, state: *mut c_void) -> Status;

        fn ModelInstanceName(instance: *mut TritonInstance, name: *mut *const c_char) -> Status;
        fn ModelInstanceKind(instance: *mut TritonInstance, kind: *mut u32) -> Status;
        fn ModelInstanceDeviceId(instance: *mut TritonInstance, device: *mut i32) -> Status;
        fn ModelInstanceModel(instance: *mut TritonInstance, model: *mut *mut TritonModel) -> Status;
        fn ModelInstanceState(instance: *mut TritonInstance, state: *mut *mut c_void) -> Status;
        fn ModelInstanceSetState(instance: *mut TritonInstance, state: *mut c_void) -> Status;
        fn ModelInstanceReportStatistics(
            instance: *mut TritonInstance, request: *mut TritonRequest, success: bool,
            start: u64, compute_start: u64, compute_end: u64, end: u64,
        ) -> Status;
        fn ModelInstanceReportBatchStatistics(
            instance: *mut TritonInstance, batch_size: u64, start: u64, compute_start: u64, compute_end: u64, end: u64,
        ) -> Status;

        fn RequestInputCount(request: *mut TritonRequest, count: *mut u32) -> Status;
        fn RequestInputByIndex(request: *mut TritonRequest, index: u32, input: *mut *mut TritonInput) -> Status;
        fn RequestOutputCount(request: *mut TritonRequest, count: *mut u32) -> Status;
        fn RequestOutputName(request: *mut TritonRequest, index: u32, name: *mut *const c_char) -> Status;
        fn RequestIsCancelled(request: *mut TritonRequest, cancelled: *mut bool) -> Status;
        fn RequestRelease(request: *mut TritonRequest, flags: u32) -> Status;

        fn InputProperties(
            input: *mut TritonInput, name: *mut *const c_char, datatype: *mut u32, shape: *mut *const i64,
            dim_count: *mut u32, byte_size: *mut u64, buffer_count: *mut u32,
        ) -> Status;
        fn InputBuffer(
            input: *mut TritonInput, index: u32, buffer: *mut *const c_void, byte_size: *mut u64,
            memory_type: *mut u32, memory_type_id: *mut i64,
        ) -> Status;

        fn ResponseNew(response: *mut *mut TritonResponse, request: *mut TritonRequest) -> Status;
        fn ResponseOutput(
            response: *mut TritonResponse, output: *mut *mut TritonOutput, name: *const c_char, datatype: u32,
            shape: *const i64, dim_count: u32,
        ) -> Status;
        fn ResponseSend(response: *mut TritonResponse, flags: u32, error: *mut TritonError) -> Status;

        fn OutputBuffer(
            output: *mut TritonOutput, buffer: *mut *mut c_void, byte_size: u64,
            memory_type: *mut u32, memory_type_id: *mut i64,
        ) -> Status;
    }
}

static API: OnceLock<Api> = OnceLock::new();

/// Looks every function up. Called first, in `TRITONBACKEND_Initialize`, so that a server that is too old fails to load
/// the backend.
///
/// # Errors
/// The status to return to Triton if a function is missing.
pub(crate) fn load() -> Result<(), Status> {
    if API.get().is_some() {
        return Ok(());
    }
    let library = loaded::triton();
    let api = Api::find(library).map_err(|name| missing(library, name))?;
    API.get_or_init(|| api);
    Ok(())
}

/// The table of functions. [`load`] must have succeeded.
pub(crate) fn api() -> &'static Api {
    API.get_or_init(|| Api::find(loaded::triton()).unwrap_or_else(|name| abort(name)))
}

/// Creates the error for the missing function `name`, with the one function that this takes.
fn missing(library: &Library, name: &str) -> Status {
    // SAFETY: the type is that of the header's declaration.
    let error_new =
        unsafe { library.get::<unsafe extern "C" fn(u32, *const c_char) -> Status>(b"TRITONSERVER_ErrorNew") };
    let Ok(error_new) = error_new else { abort(name) };
    let text = format!(
        "the onnxruntime backend needs {name}, which this libtritonserver does not have; use Triton 24.10 or newer"
    );
    let text = CString::new(text).unwrap_or_default();
    // SAFETY: the message is NUL-terminated and copied by Triton.
    unsafe { error_new(Code::Unsupported as u32, text.as_ptr()) }
}

/// Ends the process: without Triton's error function a failure cannot be returned, and null would mean success.
fn abort(name: &str) -> ! {
    eprintln!("onnxruntime backend: this process has no function {name}; load the backend in a Triton server");
    std::process::abort()
}

/// Converts a status to a `Result` and deletes its error.
pub(crate) fn check(status: Status) -> Result<(), Error> {
    let error = status.raw();
    if error.is_null() {
        return Ok(());
    }
    let api = api();
    // SAFETY: a status that is not null is a live error that we own; its message is copied before it is deleted.
    unsafe {
        let code = Code::from_raw((api.ErrorCode)(error));
        let message = text((api.ErrorMessage)(error));
        (api.ErrorDelete)(error);
        Err(Error::Triton { code, message })
    }
}

/// Creates Triton's error from ours. The receiver owns it.
pub(crate) fn status(error: &Error) -> Status {
    let text = CString::new(error.to_string().replace('\0', " ")).unwrap_or_default();
    // SAFETY: the message is NUL-terminated and copied by Triton.
    unsafe { (api().ErrorNew)(error.code() as u32, text.as_ptr()) }
}

/// Logs and deletes an error that cannot be returned to a caller.
pub(crate) fn discard(status: Status) {
    if let Err(error) = check(status) {
        log(Level::Error, &error.to_string());
    }
}

/// Triton's log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Info = 0,
    Warning = 1,
    Error = 2,
    Verbose = 3,
}

/// Writes one line to Triton's log.
pub(crate) fn log(level: Level, message: &str) {
    let text = CString::new(message.replace('\0', " ")).unwrap_or_default();
    // SAFETY: both strings are NUL-terminated and only read during the call.
    let status = unsafe { (api().LogMessage)(level as u32, c"onnxruntime_backend".as_ptr(), 0, text.as_ptr()) };
    if !status.raw().is_null() {
        // SAFETY: a live error that we own. Logging it could fail in the same way.
        unsafe { (api().ErrorDelete)(status.raw()) };
    }
}

/// A copy of a C string from Triton; empty for null.
///
/// # Safety
/// `raw` is null or a NUL-terminated string that lives during the call.
pub(crate) unsafe fn text(raw: *const c_char) -> String {
    if raw.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(raw) }.to_string_lossy().into_owned()
}
