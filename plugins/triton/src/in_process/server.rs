//! Safe wrappers of Triton's server object and its options.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};

use super::ffi::{Api, Failure, MODEL_CONTROL_EXPLICIT, Outcome, TritonMessage, TritonOptions, TritonServer};
use super::logging;
use crate::{Log, LogLevel};

/// The server's options.
pub(super) struct Options {
    api: &'static Api,
    raw: NonNull<TritonOptions>,
}

/// A Triton function that sets a string option.
type SetString = unsafe extern "C" fn(*mut TritonOptions, *const c_char) -> Outcome;
/// A Triton function that sets a boolean option.
type SetBool = unsafe extern "C" fn(*mut TritonOptions, bool) -> Outcome;

impl Options {
    /// Options for loading on demand, without metrics. Configurations that lack inputs or outputs are completed from the model.
    pub(super) fn new(api: &'static Api, log: Log) -> Result<Self, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` receives a pointer.
        unsafe { api.check((api.ServerOptionsNew)(&mut raw)) }?;
        let raw = NonNull::new(raw).ok_or_else(|| Failure::invalid("no options".into()))?;
        let options = Self { api, raw };
        options.switch(api.ServerOptionsSetStrictModelConfig, false)?;
        options.switch(api.ServerOptionsSetMetrics, false)?;
        options.switch(api.ServerOptionsSetGpuMetrics, false)?;
        options.switch(api.ServerOptionsSetCpuMetrics, false)?;
        // Triton leaves these two uninitialised; an arbitrary retry count may repeat a failing load endlessly.
        options.switch(api.ServerOptionsSetEnablePeerAccess, true)?;
        // SAFETY: the options live.
        unsafe { api.check((api.ServerOptionsSetModelLoadRetryCount)(raw.as_ptr(), 0)) }?;
        // SAFETY: the options live; the value is of the declared type.
        unsafe {
            api.check((api.ServerOptionsSetModelControlMode)(
                raw.as_ptr(),
                MODEL_CONTROL_EXPLICIT,
            ))
        }?;
        options.log(log)?;
        Ok(options)
    }

    /// The level applies at once, the hook to the next server that starts.
    fn log(&self, log: Log) -> Result<(), Failure> {
        let hooked = logging::set_hook(self.api, self.raw, log.hook)?;
        let level = if log.hook.is_some() && !hooked {
            LogLevel::Off // for a hook only, and not for standard error
        } else {
            log.level
        };
        self.switch(self.api.ServerOptionsSetLogError, level >= LogLevel::Errors)?;
        self.switch(self.api.ServerOptionsSetLogWarn, level >= LogLevel::Warnings)?;
        self.switch(self.api.ServerOptionsSetLogInfo, level >= LogLevel::Info)?;
        let verbosity = i32::from(level >= LogLevel::Verbose);
        // SAFETY: the options live; the value is of the declared type.
        unsafe {
            self.api
                .check((self.api.ServerOptionsSetLogVerbose)(self.raw.as_ptr(), verbosity))
        }
    }

    pub(super) fn model_repository(&self, path: &CStr) -> Result<(), Failure> {
        self.string(self.api.ServerOptionsSetModelRepositoryPath, path)
    }

    pub(super) fn backend_directory(&self, path: &CStr) -> Result<(), Failure> {
        self.string(self.api.ServerOptionsSetBackendDirectory, path)
    }

    /// Sets an option of the backend `backend`.
    pub(super) fn backend_config(&self, backend: &CStr, setting: &CStr, value: &CStr) -> Result<(), Failure> {
        let (backend, setting, value) = (backend.as_ptr(), setting.as_ptr(), value.as_ptr());
        // SAFETY: the options live; Triton copies the strings.
        unsafe {
            self.api.check((self.api.ServerOptionsSetBackendConfig)(
                self.raw.as_ptr(),
                backend,
                setting,
                value,
            ))
        }
    }

    fn string(&self, set: SetString, value: &CStr) -> Result<(), Failure> {
        // SAFETY: the options live; Triton copies the string.
        unsafe { self.api.check(set(self.raw.as_ptr(), value.as_ptr())) }
    }

    fn switch(&self, set: SetBool, value: bool) -> Result<(), Failure> {
        // SAFETY: the options live.
        unsafe { self.api.check(set(self.raw.as_ptr(), value)) }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours, and dropped once. A failure is ignored: there is no remedy.
        let _ = unsafe { self.api.check((self.api.ServerOptionsDelete)(self.raw.as_ptr())) };
    }
}

/// A server that runs until the process ends.
pub(super) struct RawServer {
    pub(super) api: &'static Api,
    raw: NonNull<TritonServer>,
}

// SAFETY: Triton's server functions may be called from any thread, at the same time.
unsafe impl Send for RawServer {}
// SAFETY: as above.
unsafe impl Sync for RawServer {}

impl RawServer {
    pub(super) fn new(options: &Options) -> Result<Self, Failure> {
        let (api, mut raw) = (options.api, ptr::null_mut());
        // SAFETY: `raw` receives a pointer; the options live and Triton copies them.
        unsafe { api.check((api.ServerNew)(&mut raw, options.raw.as_ptr())) }?;
        let raw = NonNull::new(raw).ok_or_else(|| Failure::invalid("no server".into()))?;
        Ok(Self { api, raw })
    }

    pub(super) fn as_ptr(&self) -> *mut TritonServer {
        self.raw.as_ptr()
    }

    /// Loads a model; returns once it is ready or has failed.
    pub(super) fn load(&self, model: &str) -> Result<(), Failure> {
        let model = c_string(model)?;
        // SAFETY: the server lives; Triton copies the name.
        unsafe {
            self.api
                .check((self.api.ServerLoadModel)(self.as_ptr(), model.as_ptr()))
        }
    }

    /// The server's KServe v2 metadata as JSON.
    pub(super) fn server_metadata(&self) -> Result<String, Failure> {
        // SAFETY: the server lives.
        self.json(|message| unsafe { (self.api.ServerMetadata)(self.as_ptr(), message) })
    }

    /// The model's KServe v2 metadata as JSON. `version`: an available version, or -1 for any.
    pub(super) fn metadata(&self, model: &str, version: i64) -> Result<String, Failure> {
        let name = c_string(model)?;
        // SAFETY: the server lives; the name lives for the call.
        self.json(|message| unsafe { (self.api.ServerModelMetadata)(self.as_ptr(), name.as_ptr(), version, message) })
    }

    /// The model's configuration as JSON. `version`: an available version, or -1 for any.
    pub(super) fn config(&self, model: &str, version: i64) -> Result<String, Failure> {
        const CONFIG_VERSION: u32 = 1;
        let name = c_string(model)?;
        self.json(|message| {
            // SAFETY: the server lives; the name lives for the call.
            unsafe { (self.api.ServerModelConfig)(self.as_ptr(), name.as_ptr(), version, CONFIG_VERSION, message) }
        })
    }

    /// The statistics of all available versions of a model as JSON.
    pub(super) fn statistics(&self, model: &str) -> Result<String, Failure> {
        const ALL: i64 = -1;
        let name = c_string(model)?;
        // SAFETY: the server lives; the name lives for the call.
        self.json(|message| unsafe { (self.api.ServerModelStatistics)(self.as_ptr(), name.as_ptr(), ALL, message) })
    }

    /// The message that `get` returns through its argument, as JSON.
    fn json(&self, get: impl FnOnce(*mut *mut TritonMessage) -> Outcome) -> Result<String, Failure> {
        let (api, mut message) = (self.api, ptr::null_mut());
        let (mut base, mut byte_size) = (ptr::null(), 0);
        // SAFETY: the message is ours after success; its bytes live until it is deleted, after they are copied.
        unsafe {
            api.check(get(&mut message))?;
            let serialised = api.check((api.MessageSerializeToJson)(message, &mut base, &mut byte_size));
            let text = serialised.map(|()| {
                let bytes = if byte_size == 0 {
                    &[]
                } else {
                    std::slice::from_raw_parts(base.cast::<u8>(), byte_size)
                };
                String::from_utf8_lossy(bytes).into_owned()
            });
            api.check((api.MessageDelete)(message))?;
            text
        }
    }
}

/// A string for Triton.
pub(super) fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::invalid(format!("'{}' contains a NUL character", text.escape_debug())))
}
