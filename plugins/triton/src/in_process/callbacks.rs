//! Submission of requests to Triton, and Triton's response and release callbacks.
//!
//! Triton invokes both on its own threads, in any order. Both hold the [`InFlightRequest`]; only the release callback
//! holds the inputs, so their memory is not reused before.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::ffi::{
    Api, Failure, MEMORY_CPU, MEMORY_GPU, REQUEST_RELEASE_ALL, RESPONSE_COMPLETE_FINAL, TritonRequest, TritonResponse,
};
use super::in_flight::InFlightRequest;
use super::outputs::{self, Allocator};
use super::server::{RawServer, c_string};
use crate::{Code, Error, Input, Request};

/// Where Triton reads an input: its address, memory type and device. A tensor in CUDA memory that was written on the host is
/// read there, without a copy.
fn location(input: &Input) -> (*const c_void, u32, i64) {
    match input.data.cuda_region() {
        Some(region) if input.data.is_empty() => {
            let memory = region.memory();
            (memory.address().cast_const().cast(), MEMORY_GPU, memory.device().into())
        }
        _ => (input.data.as_ptr().cast(), MEMORY_CPU, 0),
    }
}

/// A request owned by us: before Triton accepts it, and after Triton has released it.
struct OwnedRequest {
    api: &'static Api,
    raw: NonNull<TritonRequest>,
}

impl OwnedRequest {
    fn new(server: &RawServer, model: &str, version: i64) -> Result<Self, Failure> {
        let (api, name, mut raw) = (server.api, c_string(model)?, ptr::null_mut());
        // SAFETY: `raw` receives a pointer; the server lives; Triton copies the name.
        unsafe {
            api.check((api.InferenceRequestNew)(
                &mut raw,
                server.as_ptr(),
                name.as_ptr(),
                version,
            ))
        }?;
        let raw = NonNull::new(raw).ok_or_else(|| Failure::invalid("no request".into()))?;
        Ok(Self { api, raw })
    }

    /// Adds an input to the request. Triton keeps the address of its data.
    fn add(&self, input: &Input) -> Result<(), Failure> {
        let (api, raw, name) = (self.api, self.raw.as_ptr(), c_string(&input.name)?);
        let (shape, rank) = (input.shape.as_ptr(), input.shape.len() as u64);
        let (data, memory_type, device) = location(input);
        // SAFETY: the request is ours; name and shape are copied; the data is not moved or freed until the request is
        // released, because `submit` gives the inputs to the release callback.
        unsafe {
            api.check((api.InferenceRequestAddInput)(
                raw,
                name.as_ptr(),
                input.datatype.to_raw(),
                shape,
                rank,
            ))?;
            api.check((api.InferenceRequestAppendInputData)(
                raw,
                name.as_ptr(),
                data,
                input.data.byte_size(),
                memory_type,
                device,
            ))
        }
    }

    fn describe(&self, request: &Request) -> Result<(), Failure> {
        request.inputs.iter().try_for_each(|input| self.add(input))?;
        let (api, raw) = (self.api, self.raw.as_ptr());
        let timeout = request
            .queue_timeout
            .or(request.timeout)
            .map_or(0, |timeout| u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX));
        // SAFETY: the request is ours. The timeout only lets Triton drop requests that are still queued by then.
        unsafe {
            api.check((api.InferenceRequestSetTimeoutMicroseconds)(raw, timeout))?;
            api.check((api.InferenceRequestSetPriorityUInt64)(raw, request.priority))
        }
    }
}

impl Drop for OwnedRequest {
    fn drop(&mut self) {
        // SAFETY: ours, and dropped once.
        let _ = unsafe { self.api.check((self.api.InferenceRequestDelete)(self.raw.as_ptr())) };
    }
}

/// The argument of the release callback: the memory that Triton may read until then.
struct ReleaseContext {
    api: &'static Api,
    /// Dropped before the request, whose end reports that the memory is free.
    _inputs: Vec<Input>,
    request: Arc<InFlightRequest>,
}

/// Submits a request to Triton. After an error, the request is not in flight.
pub(super) fn submit(
    server: &RawServer,
    allocator: &Allocator,
    version: i64,
    request: Request,
    in_flight: &Arc<InFlightRequest>,
) -> Result<(), Failure> {
    let api = server.api;
    let owned = OwnedRequest::new(server, &in_flight.model, version)?;
    owned.describe(&request)?;
    let release = Box::into_raw(Box::new(ReleaseContext {
        api,
        request: Arc::clone(in_flight),
        _inputs: request.inputs,
    }));
    let response = Arc::into_raw(Arc::clone(in_flight)).cast_mut().cast::<c_void>();
    let raw = owned.raw;
    // SAFETY: the request is ours until Triton accepts it. `release` and `response` are each freed once: by their
    // callbacks, or below, when Triton does not accept the request and so calls neither.
    unsafe {
        let accepted = api
            .check((api.InferenceRequestSetReleaseCallback)(
                raw.as_ptr(),
                released,
                release.cast(),
            ))
            .and_then(|()| {
                let (allocator, request) = (allocator.raw.as_ptr(), raw.as_ptr());
                api.check((api.InferenceRequestSetResponseCallback)(
                    request, allocator, response, responded, response,
                ))
            })
            .and_then(|()| api.check((api.ServerInferAsync)(server.as_ptr(), raw.as_ptr(), ptr::null_mut())));
        if let Err(failure) = accepted {
            drop(owned); // before the memory that it points to
            drop(Box::from_raw(release));
            drop(Arc::from_raw(response.cast::<InFlightRequest>()));
            return Err(failure);
        }
    }
    std::mem::forget(owned); // owned by Triton from here on
    in_flight.handle.accepted(raw);
    Ok(())
}

/// Triton releases a request: it no longer reads the inputs.
unsafe extern "C" fn released(request: *mut TritonRequest, flags: u32, userp: *mut c_void) {
    if flags & REQUEST_RELEASE_ALL == 0 {
        return;
    }
    // SAFETY: `submit` made it, and Triton calls this once.
    let context = unsafe { Box::from_raw(userp.cast::<ReleaseContext>()) };
    context.request.handle.released();
    if let Some(raw) = NonNull::new(request) {
        drop(OwnedRequest { api: context.api, raw });
    }
}

/// Triton responds. `userp` is the request, held until the final response.
unsafe extern "C" fn responded(response: *mut TritonResponse, flags: u32, userp: *mut c_void) {
    let request = userp.cast_const().cast::<InFlightRequest>();
    // SAFETY: `submit` gave one count, which lasts until the final flag; this is a second one.
    let request = unsafe {
        if flags & RESPONSE_COMPLETE_FINAL == 0 {
            Arc::increment_strong_count(request);
        }
        Arc::from_raw(request)
    };
    if let Some(response) = NonNull::new(response) {
        let api = request.handle.api;
        let failed = |failure: Failure| match failure.code {
            Code::Cancelled => Error::ServerStopped, // requests without a deadline are cancelled only when closing
            Code::Unavailable if request.is_overdue() => Error::DeadlineExceeded, // rejected by the queue's policy
            code => Error::Infer {
                model: request.model.to_string(),
                code,
                message: failure.message,
            },
        };
        // SAFETY: the response is ours; only copies and our own buffers outlive it.
        let result = unsafe {
            let result = outputs::read(api, response.as_ptr());
            let _ = api.check((api.InferenceResponseDelete)(response.as_ptr()));
            result
        };
        request.complete(result.map_err(failed));
    } else if flags & RESPONSE_COMPLETE_FINAL != 0 {
        let (model, message) = (
            request.model.to_string(),
            "the model ended the request without a response".into(),
        );
        request.complete(Err(Error::Infer {
            model,
            code: Code::Internal,
            message,
        }));
    }
}
