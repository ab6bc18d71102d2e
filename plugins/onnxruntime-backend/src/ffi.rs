//! Triton's C API as this backend needs it: opaque types, constants, and the table of functions.
//!
//! The functions are looked up at run time and never linked. A host application opens `libtritonserver` with
//! `RTLD_LOCAL`, so its symbols are in no global scope; they are found on a handle of the library that is already
//! loaded. Types and values follow `tritonserver.h` 1.34 and `tritonbackend.h` 1.19.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::OnceLock;

use crate::error::{Code, Error, Result};
use crate::loaded::Library;
use crate::request::Times;

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[repr(C)]
        pub struct $name {
            _private: [u8; 0],
        }
    )*};
}

opaque! {
    /// `TRITONSERVER_Error`; null means success.
    RawError;
    /// `TRITONSERVER_Message`: a JSON document.
    Message;
    /// `TRITONBACKEND_Backend`.
    Backend;
    /// `TRITONBACKEND_Model`.
    Model;
    /// `TRITONBACKEND_ModelInstance`.
    Instance;
    /// `TRITONBACKEND_Request`.
    Request;
    /// `TRITONBACKEND_Input`.
    Input;
    /// `TRITONBACKEND_Response`.
    Response;
    /// `TRITONBACKEND_Output`.
    Output;
}

/// What nearly every function of the API returns: nothing, or an error that the receiver owns.
#[repr(transparent)]
#[must_use = "an error of Triton's is to be passed on or deleted"]
pub struct Status(*mut RawError);

impl Status {
    /// Success.
    pub const OK: Self = Self(std::ptr::null_mut());

    /// The error itself or null, still owned by this.
    pub(crate) fn raw(&self) -> *mut RawError {
        self.0
    }
}

/// An instance's handle that is known to be live.
#[derive(Debug)]
pub struct LiveInstance(*mut Instance);

impl LiveInstance {
    /// # Safety
    /// `raw` is live at least as long as the result.
    #[must_use]
    pub unsafe fn new(raw: *mut Instance) -> Self {
        Self(raw)
    }

    /// Counts one run of the model, of `rows` rows, in Triton's statistics.
    pub fn report_batch(&self, rows: u64, times: Times, end: u64) {
        let Times {
            start,
            compute_start,
            compute_end,
        } = times;
        // SAFETY: the instance is live by the promise of `new`.
        discard(unsafe { (api().report_batch_statistics)(self.0, rows, start, compute_start, compute_end, end) });
    }
}

/// `TRITONSERVER_MEMORY_CPU`.
pub const MEMORY_CPU: c_int = 0;
/// `TRITONSERVER_MEMORY_GPU`.
pub const MEMORY_GPU: c_int = 2;
/// `TRITONSERVER_INSTANCEGROUPKIND_GPU`.
pub const KIND_GPU: c_int = 2;
/// `TRITONSERVER_REQUEST_RELEASE_ALL`.
pub const RELEASE_ALL: u32 = 1;
/// `TRITONSERVER_RESPONSE_COMPLETE_FINAL`.
pub const RESPONSE_FINAL: u32 = 1;
/// `TRITONBACKEND_ARTIFACT_FILESYSTEM`.
pub const ARTIFACT_FILESYSTEM: c_int = 0;
/// The `config_version` that `TRITONBACKEND_ModelConfig` and `…SetConfig` take.
pub const CONFIG_VERSION: u32 = 1;

macro_rules! table {
    ($($field:ident = $symbol:ident($($arg:ty),*) -> $ret:ty;)*) => {
        /// The functions of Triton that this backend calls, named without their prefix.
        #[allow(missing_docs)]
        pub struct Table {
            $(pub $field: unsafe extern "C" fn($($arg),*) -> $ret,)*
        }

        impl Table {
            fn resolve(library: Library) -> Result<Self, &'static CStr> {
                Ok(Self {$(
                    $field: {
                        const NAME: &CStr = match CStr::from_bytes_with_nul(
                            concat!(stringify!($symbol), "\0").as_bytes(),
                        ) {
                            Ok(name) => name,
                            Err(_) => panic!("a symbol name without inner NUL"),
                        };
                        let symbol = library.symbol(NAME).ok_or(NAME)?;
                        // SAFETY: the symbol is the C function of that name, declared with exactly this
                        // signature in the headers that this file follows.
                        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($arg),*) -> $ret>(symbol) }
                    },
                )*})
            }
        }
    };
}

table! {
    error_new = TRITONSERVER_ErrorNew(c_int, *const c_char) -> Status;
    error_delete = TRITONSERVER_ErrorDelete(*mut RawError) -> ();
    error_code = TRITONSERVER_ErrorCode(*mut RawError) -> c_int;
    error_message = TRITONSERVER_ErrorMessage(*mut RawError) -> *const c_char;
    log_message = TRITONSERVER_LogMessage(c_int, *const c_char, c_int, *const c_char) -> Status;
    message_from_json = TRITONSERVER_MessageNewFromSerializedJson(*mut *mut Message, *const c_char, usize) -> Status;
    message_to_json = TRITONSERVER_MessageSerializeToJson(*mut Message, *mut *const c_char, *mut usize) -> Status;
    message_delete = TRITONSERVER_MessageDelete(*mut Message) -> Status;
    api_version = TRITONBACKEND_ApiVersion(*mut u32, *mut u32) -> Status;
    backend_config = TRITONBACKEND_BackendConfig(*mut Backend, *mut *mut Message) -> Status;
    backend_artifacts = TRITONBACKEND_BackendArtifacts(*mut Backend, *mut c_int, *mut *const c_char) -> Status;
    model_name = TRITONBACKEND_ModelName(*mut Model, *mut *const c_char) -> Status;
    model_version = TRITONBACKEND_ModelVersion(*mut Model, *mut u64) -> Status;
    model_repository = TRITONBACKEND_ModelRepository(*mut Model, *mut c_int, *mut *const c_char) -> Status;
    model_config = TRITONBACKEND_ModelConfig(*mut Model, u32, *mut *mut Message) -> Status;
    model_auto_complete = TRITONBACKEND_ModelAutoCompleteConfig(*mut Model, *mut bool) -> Status;
    model_set_config = TRITONBACKEND_ModelSetConfig(*mut Model, u32, *mut Message) -> Status;
    model_state = TRITONBACKEND_ModelState(*mut Model, *mut *mut c_void) -> Status;
    model_set_state = TRITONBACKEND_ModelSetState(*mut Model, *mut c_void) -> Status;
    instance_name = TRITONBACKEND_ModelInstanceName(*mut Instance, *mut *const c_char) -> Status;
    instance_kind = TRITONBACKEND_ModelInstanceKind(*mut Instance, *mut c_int) -> Status;
    instance_device = TRITONBACKEND_ModelInstanceDeviceId(*mut Instance, *mut i32) -> Status;
    instance_model = TRITONBACKEND_ModelInstanceModel(*mut Instance, *mut *mut Model) -> Status;
    instance_state = TRITONBACKEND_ModelInstanceState(*mut Instance, *mut *mut c_void) -> Status;
    instance_set_state = TRITONBACKEND_ModelInstanceSetState(*mut Instance, *mut c_void) -> Status;
    report_statistics = TRITONBACKEND_ModelInstanceReportStatistics(
        *mut Instance, *mut Request, bool, u64, u64, u64, u64
    ) -> Status;
    report_batch_statistics = TRITONBACKEND_ModelInstanceReportBatchStatistics(
        *mut Instance, u64, u64, u64, u64, u64
    ) -> Status;
    request_input_count = TRITONBACKEND_RequestInputCount(*mut Request, *mut u32) -> Status;
    request_input = TRITONBACKEND_RequestInputByIndex(*mut Request, u32, *mut *mut Input) -> Status;
    request_output_count = TRITONBACKEND_RequestOutputCount(*mut Request, *mut u32) -> Status;
    request_output_name = TRITONBACKEND_RequestOutputName(*mut Request, u32, *mut *const c_char) -> Status;
    request_release = TRITONBACKEND_RequestRelease(*mut Request, u32) -> Status;
    input_properties = TRITONBACKEND_InputProperties(
        *mut Input, *mut *const c_char, *mut c_int, *mut *const i64, *mut u32, *mut u64, *mut u32
    ) -> Status;
    input_buffer = TRITONBACKEND_InputBuffer(
        *mut Input, u32, *mut *const c_void, *mut u64, *mut c_int, *mut i64
    ) -> Status;
    response_new = TRITONBACKEND_ResponseNew(*mut *mut Response, *mut Request) -> Status;
    response_output = TRITONBACKEND_ResponseOutput(
        *mut Response, *mut *mut Output, *const c_char, c_int, *const i64, u32
    ) -> Status;
    response_send = TRITONBACKEND_ResponseSend(*mut Response, u32, *mut RawError) -> Status;
    output_buffer = TRITONBACKEND_OutputBuffer(*mut Output, *mut *mut c_void, u64, *mut c_int, *mut i64) -> Status;
}

static TABLE: OnceLock<Table> = OnceLock::new();

/// Looks every function up. Called first, in `TRITONBACKEND_Initialize`, so that a server too old for this backend is
/// an error of its loading.
///
/// # Errors
/// The status to return to Triton, when a function is missing.
pub fn load() -> Result<(), Status> {
    if TABLE.get().is_some() {
        return Ok(());
    }
    let library = Library::triton();
    let table = Table::resolve(library).map_err(|symbol| missing(library, symbol))?;
    TABLE.get_or_init(|| table);
    Ok(())
}

/// The function table. [`load`] has succeeded before anything else of this backend is called.
pub fn api() -> &'static Table {
    TABLE.get_or_init(|| Table::resolve(Library::triton()).unwrap_or_else(|symbol| give_up(symbol)))
}

/// Makes Triton's error for `symbol`, which needs one function of the very library that lacks another.
fn missing(library: Library, symbol: &CStr) -> Status {
    let Some(error_new) = library.symbol(c"TRITONSERVER_ErrorNew") else {
        give_up(symbol)
    };
    // SAFETY: TRITONSERVER_ErrorNew has this signature; see `table!`.
    let error_new: unsafe extern "C" fn(c_int, *const c_char) -> Status = unsafe { std::mem::transmute(error_new) };
    let text = format!(
        "the onnxruntime backend needs {}, which this libtritonserver does not have: use Triton 24.10 or newer",
        symbol.to_string_lossy()
    );
    let text = CString::new(text).unwrap_or_default();
    // SAFETY: the message is NUL-terminated and copied by Triton.
    unsafe { error_new(Code::Unsupported as c_int, text.as_ptr()) }
}

/// Without Triton's error function a failure cannot be told to the caller, and success would be a lie.
fn give_up(symbol: &CStr) -> ! {
    eprintln!(
        "onnxruntime backend: {} not found in the process",
        symbol.to_string_lossy()
    );
    std::process::abort()
}

/// Turns Triton's answer into a `Result`, taking the error over.
pub fn check(status: Status) -> Result<()> {
    let error = status.raw();
    if error.is_null() {
        return Ok(());
    }
    let api = api();
    // SAFETY: a status that is not null is a live error of ours; its message lives until it is deleted.
    unsafe {
        let code = Code::from_triton((api.error_code)(error));
        let message = text((api.error_message)(error));
        (api.error_delete)(error);
        Err(Error::Triton { code, message })
    }
}

/// Makes Triton's error from ours. The receiver owns it.
pub fn status(error: &Error) -> Status {
    let text = CString::new(error.to_string().replace('\0', " ")).unwrap_or_default();
    // SAFETY: the message is NUL-terminated and copied by Triton.
    unsafe { (api().error_new)(error.code() as c_int, text.as_ptr()) }
}

/// Deletes an error that there is nobody left to tell.
pub fn discard(status: Status) {
    if let Err(error) = check(status) {
        log(Level::Error, &error.to_string());
    }
}

/// Triton's log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    Info = 0,
    Warning = 1,
    Error = 2,
    Verbose = 3,
}

/// Writes one line to Triton's log.
pub fn log(level: Level, message: &str) {
    let text = CString::new(message.replace('\0', " ")).unwrap_or_default();
    // SAFETY: both strings are NUL-terminated and only read during the call.
    let status = unsafe { (api().log_message)(level as c_int, c"onnxruntime_backend".as_ptr(), 0, text.as_ptr()) };
    if !status.raw().is_null() {
        // SAFETY: a live error of ours; logging its text could fail the same way.
        unsafe { (api().error_delete)(status.raw()) };
    }
}

/// A C string of Triton's as ours; null reads as empty.
///
/// # Safety
/// `raw` is null or a NUL-terminated string that is alive during the call.
pub unsafe fn text(raw: *const c_char) -> String {
    if raw.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(raw) }.to_string_lossy().into_owned()
}
