//! The functions that Triton calls. Each catches panics and returns every failure as Triton's error.
//!
//! Triton also finalises models and instances whose initialisation failed, so a state may be null. It never calls an
//! instance from two threads at the same time.
#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::{ptr, slice};

use serde_json::Value;

use crate::config::ModelConfig;
use crate::error::Error;
use crate::ffi::{
    self, CONFIG_VERSION, Status, TritonBackend, TritonInstance, TritonMessage, TritonModel, TritonRequest, api, check,
};
use crate::instance::Instance;
use crate::library;
use crate::memory::Place;
use crate::model::Model;
use crate::request::Request;
use crate::statistics::BatchStatistics;

/// Runs `body` and converts its error or panic to a status.
fn guard(body: impl FnOnce() -> Result<(), Error>) -> Status {
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Error::Panic(message(&*panic))));
    result.map_or_else(|error| ffi::status(&error), |()| Status::OK)
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// Looks Triton's functions up and loads ONNX Runtime.
///
/// # Safety
/// Called by Triton with a live backend.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_Initialize(backend: *mut TritonBackend) -> Status {
    // `guard` needs Triton's functions to return an error, so they are looked up before it.
    if let Ok(Err(status)) = catch_unwind(ffi::load) {
        return status;
    }
    guard(|| {
        let (mut major, mut minor) = (0, 0);
        let (mut config, mut kind, mut folder) = (ptr::null_mut(), 0, ptr::null());
        // SAFETY: the backend is live and owns the strings; all pointers are valid for one write.
        let (config, folder) = unsafe {
            check((api().ApiVersion)(&mut major, &mut minor))?;
            if major != 1 || minor < 19 {
                return Err(Error::ApiVersion { major, minor });
            }
            check((api().BackendConfig)(backend, &mut config))?;
            check((api().BackendArtifacts)(backend, &mut kind, &mut folder))?;
            (json(config)?, PathBuf::from(ffi::text(folder)))
        };
        let config: Value = serde_json::from_str(&config).unwrap_or_default();
        library::load(config["cmdline"]["library"].as_str(), &folder)
    })
}

/// Does nothing: ONNX Runtime stays loaded until the process exits.
///
/// # Safety
/// Called by Triton with a live backend.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_Finalize(_backend: *mut TritonBackend) -> Status {
    Status::OK
}

/// Reads the model's configuration, and completes it if Triton requests that.
///
/// # Safety
/// Called by Triton with a live model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelInitialize(raw: *mut TritonModel) -> Status {
    // SAFETY: the model is live; `ModelFinalize` frees the box.
    guard(|| unsafe {
        let json = config(raw)?;
        let mut model = model(raw, &json)?;
        let mut complete = false;
        check((api().ModelAutoCompleteConfig)(raw, &mut complete))?;
        if complete && let Some(json) = model.completed(&json)? {
            set_config(raw, &json)?;
            model.config = ModelConfig::parse(&json)?;
        }
        check((api().ModelSetState)(raw, Box::into_raw(Box::new(model)).cast()))
    })
}

/// Frees the model.
///
/// # Safety
/// Called by Triton with a live model whose instances are finalised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelFinalize(raw: *mut TritonModel) -> Status {
    guard(|| {
        let mut state = ptr::null_mut();
        // SAFETY: the state is null or the box of `ModelInitialize`, which is no longer used.
        unsafe {
            check((api().ModelState)(raw, &mut state))?;
            check((api().ModelSetState)(raw, ptr::null_mut()))?;
            drop_state::<Model>(state);
        }
        Ok(())
    })
}

/// Creates an instance with a session of its own.
///
/// # Safety
/// Called by Triton with a live instance of an initialised model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelInstanceInitialize(raw: *mut TritonInstance) -> Status {
    guard(|| {
        let (mut model, mut state) = (ptr::null_mut(), ptr::null_mut());
        let (mut name, mut kind, mut device) = (ptr::null(), 0, 0);
        // SAFETY: the instance is live and all pointers are valid for one write; the model's state is the box of
        // `ModelInitialize`, which outlives its instances.
        unsafe {
            check((api().ModelInstanceName)(raw, &mut name))?;
            check((api().ModelInstanceKind)(raw, &mut kind))?;
            check((api().ModelInstanceDeviceId)(raw, &mut device))?;
            check((api().ModelInstanceModel)(raw, &mut model))?;
            check((api().ModelState)(model, &mut state))?;
            let model = state.cast::<Model>().as_ref().ok_or_else(|| uninitialised("model"))?;
            let place = Place::of_instance(kind, device);
            let instance = Instance::open(model, BatchStatistics::new(raw), &ffi::text(name), place)?;
            check((api().ModelInstanceSetState)(
                raw,
                Box::into_raw(Box::new(instance)).cast(),
            ))
        }
    })
}

/// Frees an instance and its session.
///
/// # Safety
/// Called by Triton with a live instance that is not running requests.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelInstanceFinalize(raw: *mut TritonInstance) -> Status {
    guard(|| {
        let mut state = ptr::null_mut();
        // SAFETY: the state is null or the box of `ModelInstanceInitialize`, which is no longer used.
        unsafe {
            check((api().ModelInstanceState)(raw, &mut state))?;
            check((api().ModelInstanceSetState)(raw, ptr::null_mut()))?;
            drop_state::<Instance>(state);
        }
        Ok(())
    })
}

/// Runs requests.
///
/// # Safety
/// Called by Triton with an initialised instance that is not running other requests, and `count` requests, which the
/// backend owns if it returns success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelInstanceExecute(
    raw: *mut TritonInstance,
    requests: *mut *mut TritonRequest,
    count: u32,
) -> Status {
    guard(|| {
        let mut state = ptr::null_mut();
        // SAFETY: the state is null or the box of `ModelInstanceInitialize`, not used by another thread during the call.
        let instance = unsafe {
            check((api().ModelInstanceState)(raw, &mut state))?;
            state
                .cast::<Instance>()
                .as_mut()
                .ok_or_else(|| uninitialised("instance"))?
        };
        // SAFETY: Triton passes `count` requests, which we own from here on.
        let requests = unsafe { slice::from_raw_parts(requests, count as usize) };
        let log = |error: &Error| ffi::log(ffi::Level::Error, &error.to_string());
        // SAFETY: as above. `take` releases a request that it cannot take.
        let take = |&request| unsafe { Request::take(raw, request) }.inspect_err(log).ok();
        let taken = requests.iter().filter_map(take).collect();
        // We own the requests, so an error must not be returned to Triton; unwinding responds to those that are left.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| instance.execute(taken))) {
            log(&Error::Panic(message(&*panic)));
        }
        Ok(())
    })
}

fn uninitialised(what: &str) -> Error {
    Error::Panic(format!("the {what} is not initialised"))
}

/// Frees a state.
///
/// # Safety
/// `state` is null or from `Box::<T>::into_raw`, and is not used again.
unsafe fn drop_state<T>(state: *mut c_void) {
    if !state.is_null() {
        // SAFETY: as promised by the caller.
        drop(unsafe { Box::from_raw(state.cast::<T>()) });
    }
}

/// The model's configuration as JSON.
///
/// # Safety
/// `raw` is live.
unsafe fn config(raw: *mut TritonModel) -> Result<String, Error> {
    let mut message = ptr::null_mut();
    // SAFETY: as promised by the caller; we own the message.
    unsafe {
        check((api().ModelConfig)(raw, CONFIG_VERSION, &mut message))?;
        let text = json(message);
        ffi::discard((api().MessageDelete)(message));
        text
    }
}

/// Replaces the model's configuration in Triton.
///
/// # Safety
/// `raw` is live.
unsafe fn set_config(raw: *mut TritonModel, json: &str) -> Result<(), Error> {
    let mut message = ptr::null_mut();
    // SAFETY: as promised by the caller; Triton copies the text, and reads the message during the call only.
    unsafe {
        check((api().MessageNewFromSerializedJson)(
            &mut message,
            json.as_ptr().cast(),
            json.len(),
        ))?;
        let result = check((api().ModelSetConfig)(raw, CONFIG_VERSION, message));
        ffi::discard((api().MessageDelete)(message));
        result
    }
}

/// The model with the configuration `json`, in its folder in the repository.
///
/// # Safety
/// `raw` is live.
unsafe fn model(raw: *mut TritonModel, json: &str) -> Result<Model, Error> {
    let config = ModelConfig::parse(json)?;
    let (mut kind, mut folder, mut version) = (0, ptr::null(), 0);
    // SAFETY: as promised by the caller; the model owns the folder's name.
    let folder = unsafe {
        check((api().ModelRepository)(raw, &mut kind, &mut folder))?;
        check((api().ModelVersion)(raw, &mut version))?;
        ffi::text(folder)
    };
    if kind != ffi::ARTIFACT_FILESYSTEM {
        return Err(Error::Repository { model: config.name });
    }
    Ok(Model::new(config, &PathBuf::from(folder).join(version.to_string())))
}

/// The text of a message.
///
/// # Safety
/// `message` is live.
unsafe fn json(message: *mut TritonMessage) -> Result<String, Error> {
    let (mut base, mut bytes) = (ptr::null(), 0);
    // SAFETY: as promised by the caller; Triton returns `bytes` bytes that live as long as the message.
    unsafe {
        check((api().MessageSerializeToJson)(message, &mut base, &mut bytes))?;
        let text = slice::from_raw_parts(base.cast::<u8>(), bytes);
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}
