//! The functions that Triton calls. Each catches panics and turns every failure into Triton's error.
//!
//! Triton also finalises what it failed to initialise, so a state may be null; and it never calls one instance from two
//! threads at once.
#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::{ptr, slice};

use serde_json::Value;

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::ffi::{self, CONFIG_VERSION, LiveInstance, Status, api, check};
use crate::library;
use crate::memory::Place;
use crate::model::{Instance, Model};
use crate::request::Request;

fn guard(body: impl FnOnce() -> Result<()>) -> Status {
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Error::Panic(words(&*panic))));
    result.map_or_else(|error| ffi::status(&error), |()| Status::OK)
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// Looks Triton's functions up and loads ONNX Runtime.
///
/// # Safety
/// Called by Triton with a live backend.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_Initialize(backend: *mut ffi::Backend) -> Status {
    // Without the functions of Triton not even an error could be made of a failure, so this comes before the guard.
    if let Ok(Err(status)) = catch_unwind(ffi::load) {
        return status;
    }
    guard(|| {
        let (mut major, mut minor) = (0, 0);
        let (mut message, mut kind, mut folder) = (ptr::null_mut(), 0, ptr::null());
        // SAFETY: the backend is live and all pointers are valid for one write; the strings belong to Triton.
        let (config, folder) = unsafe {
            check((api().api_version)(&raw mut major, &raw mut minor))?;
            if major != 1 || minor < 19 {
                return Err(Error::ApiVersion { major, minor });
            }
            check((api().backend_config)(backend, &raw mut message))?;
            check((api().backend_artifacts)(backend, &raw mut kind, &raw mut folder))?;
            (json(message)?, PathBuf::from(ffi::text(folder)))
        };
        let config: Value = serde_json::from_str(&config).unwrap_or_default();
        library::load(config["cmdline"]["library"].as_str(), &folder)
    })
}

/// Nothing to undo: ONNX Runtime stays for the life of the process.
///
/// # Safety
/// Called by Triton with a live backend.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_Finalize(_backend: *mut ffi::Backend) -> Status {
    Status::OK
}

/// Reads the model's configuration, and completes it where Triton asks for that.
///
/// # Safety
/// Called by Triton with a live model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelInitialize(raw: *mut ffi::Model) -> Status {
    // SAFETY: the model is live; `Box` and `set_state` as in `ModelFinalize`.
    guard(|| unsafe {
        let json = config(raw)?;
        let mut model = model(raw, &json)?;
        let mut complete = false;
        check((api().model_auto_complete)(raw, &raw mut complete))?;
        if complete && let Some(json) = model.completed(&json)? {
            set_config(raw, &json)?;
            model.config = ModelConfig::parse(&json)?;
        }
        check((api().model_set_state)(raw, Box::into_raw(Box::new(model)).cast()))
    })
}

/// Forgets the model.
///
/// # Safety
/// Called by Triton with a live model, whose instances are finalised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelFinalize(raw: *mut ffi::Model) -> Status {
    guard(|| {
        let mut state = ptr::null_mut();
        // SAFETY: the state is null or the box of `ModelInitialize`, which nobody uses any more.
        unsafe {
            check((api().model_state)(raw, &raw mut state))?;
            check((api().model_set_state)(raw, ptr::null_mut()))?;
            drop_state::<Model>(state);
        }
        Ok(())
    })
}

/// Loads the model for one instance.
///
/// # Safety
/// Called by Triton with a live instance of an initialised model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelInstanceInitialize(raw: *mut ffi::Instance) -> Status {
    guard(|| {
        let (mut model, mut state) = (ptr::null_mut(), ptr::null_mut());
        let (mut name, mut kind, mut device) = (ptr::null(), 0, 0);
        // SAFETY: the instance is live and all pointers are valid for one write; the model's state is the box of
        // `ModelInitialize`, which outlives its instances.
        unsafe {
            check((api().instance_name)(raw, &raw mut name))?;
            check((api().instance_kind)(raw, &raw mut kind))?;
            check((api().instance_device)(raw, &raw mut device))?;
            check((api().instance_model)(raw, &raw mut model))?;
            check((api().model_state)(model, &raw mut state))?;
            let model = state.cast::<Model>().as_ref().ok_or_else(|| uninitialised("model"))?;
            let place = if kind == ffi::KIND_GPU {
                Place::Cuda(device)
            } else {
                Place::Host
            };
            let instance = Instance::open(model, LiveInstance::new(raw), &ffi::text(name), place)?;
            check((api().instance_set_state)(
                raw,
                Box::into_raw(Box::new(instance)).cast(),
            ))
        }
    })
}

/// Ends an instance and its session.
///
/// # Safety
/// Called by Triton with a live instance that executes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelInstanceFinalize(raw: *mut ffi::Instance) -> Status {
    guard(|| {
        let mut state = ptr::null_mut();
        // SAFETY: the state is null or the box of `ModelInstanceInitialize`, which nobody uses any more.
        unsafe {
            check((api().instance_state)(raw, &raw mut state))?;
            check((api().instance_set_state)(raw, ptr::null_mut()))?;
            drop_state::<Instance>(state);
        }
        Ok(())
    })
}

/// Runs requests.
///
/// # Safety
/// Called by Triton with an initialised instance that executes nothing else, and `count` requests, which are handed over
/// if the answer is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TRITONBACKEND_ModelInstanceExecute(
    raw: *mut ffi::Instance,
    requests: *mut *mut ffi::Request,
    count: u32,
) -> Status {
    guard(|| {
        let mut state = ptr::null_mut();
        // SAFETY: the state is null or the box of `ModelInstanceInitialize`, used by no other thread meanwhile.
        let instance = unsafe {
            check((api().instance_state)(raw, &raw mut state))?;
            state
                .cast::<Instance>()
                .as_mut()
                .ok_or_else(|| uninitialised("instance"))?
        };
        // SAFETY: Triton gives `count` requests, all of them ours from here on.
        let requests = unsafe { slice::from_raw_parts(requests, count as usize) };
        let complain = |error: &Error| ffi::log(ffi::Level::Error, &error.to_string());
        // SAFETY: as above. What cannot be taken is released by `take` itself.
        let take = |&request| unsafe { Request::take(raw, request) }.inspect_err(complain).ok();
        let taken = requests.iter().filter_map(take).collect();
        // The requests are ours now, so a panic is no answer to Triton: unwinding answers those that are left.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| instance.execute(taken))) {
            complain(&Error::Panic(words(&*panic)));
        }
        Ok(())
    })
}

fn uninitialised(what: &str) -> Error {
    Error::Panic(format!("the {what} was never initialised"))
}

/// # Safety
/// `state` is null or came from `Box::<T>::into_raw`, and is not used again.
unsafe fn drop_state<T>(state: *mut c_void) {
    if !state.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(state.cast::<T>()) });
    }
}

/// # Safety
/// `raw` is live.
unsafe fn config(raw: *mut ffi::Model) -> Result<String> {
    let mut message = ptr::null_mut();
    // SAFETY: the caller's promise; the message is ours to delete.
    unsafe {
        check((api().model_config)(raw, CONFIG_VERSION, &raw mut message))?;
        let text = json(message);
        ffi::discard((api().message_delete)(message));
        text
    }
}

/// # Safety
/// `raw` is live.
unsafe fn set_config(raw: *mut ffi::Model, json: &str) -> Result<()> {
    let mut message = ptr::null_mut();
    // SAFETY: the caller's promise; Triton copies the text and reads the message during the call only.
    unsafe {
        check((api().message_from_json)(
            &raw mut message,
            json.as_ptr().cast(),
            json.len(),
        ))?;
        let result = check((api().model_set_config)(raw, CONFIG_VERSION, message));
        ffi::discard((api().message_delete)(message));
        result
    }
}

/// # Safety
/// `raw` is live.
unsafe fn model(raw: *mut ffi::Model, json: &str) -> Result<Model> {
    let config = ModelConfig::parse(json)?;
    let (mut kind, mut folder, mut version) = (0, ptr::null(), 0);
    // SAFETY: the caller's promise; the folder's name belongs to the model.
    let folder = unsafe {
        check((api().model_repository)(raw, &raw mut kind, &raw mut folder))?;
        check((api().model_version)(raw, &raw mut version))?;
        ffi::text(folder)
    };
    if kind != ffi::ARTIFACT_FILESYSTEM {
        return Err(Error::Repository { model: config.name });
    }
    Ok(Model::new(config, &PathBuf::from(folder).join(version.to_string())))
}

/// # Safety
/// `message` is live.
unsafe fn json(message: *mut ffi::Message) -> Result<String> {
    let (mut base, mut bytes) = (ptr::null(), 0);
    // SAFETY: the caller's promise; Triton gives `bytes` bytes that live as long as the message.
    unsafe {
        check((api().message_to_json)(message, &raw mut base, &raw mut bytes))?;
        let text = slice::from_raw_parts(base.cast::<u8>(), bytes);
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}
