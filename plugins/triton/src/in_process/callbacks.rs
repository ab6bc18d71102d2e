//! A request's way through Triton: handing it over, and the callbacks by which it comes back.
//!
//! Two things come back on threads of Triton's, in any order: the response, and the request with its inputs.
//! Each holds the [`Flight`]; the inputs are held by the second alone, so their memory is nobody else's until then.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex};

use super::ffi::{
    Api, Failure, MEMORY_CPU, REQUEST_RELEASE_ALL, RESPONSE_COMPLETE_FINAL, TritonRequest, TritonResponse,
};
use super::flight::Flight;
use super::outputs::{self, Allocator};
use super::server::{RawServer, c_string};
use crate::{Code, Error, Input, Request, lock};

/// What can be done to a request in flight from outside: cancelling it.
pub(super) struct Handle {
    pub(super) api: &'static Api,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Not yet accepted by Triton, which would forget a cancellation.
    Submitting { cancelled: bool },
    /// Triton's.
    Running(NonNull<TritonRequest>),
    /// Given back by Triton.
    Released,
}

// SAFETY: the request is touched under the lock and only while it lives; Triton lets any thread cancel it.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(super) fn new(api: &'static Api) -> Self {
        Self {
            api,
            stage: Mutex::new(Stage::Submitting { cancelled: false }),
        }
    }

    /// Asks Triton to drop the request; one that executes is finished all the same.
    pub(super) fn cancel(&self) {
        match &mut *lock(&self.stage) {
            Stage::Submitting { cancelled } => *cancelled = true,
            Stage::Running(request) => self.cancel_now(*request),
            Stage::Released => {}
        }
    }

    fn accepted(&self, request: NonNull<TritonRequest>) {
        let mut stage = lock(&self.stage);
        if let Stage::Submitting { cancelled } = *stage {
            *stage = Stage::Running(request);
            if cancelled {
                self.cancel_now(request);
            }
        }
    }

    fn released(&self) {
        *lock(&self.stage) = Stage::Released;
    }

    /// To be called under the lock, which keeps the request from being deleted meanwhile.
    fn cancel_now(&self, request: NonNull<TritonRequest>) {
        // SAFETY: accepted and not yet released. A failure leaves the request to run its course.
        let _ = unsafe { self.api.check((self.api.InferenceRequestCancel)(request.as_ptr())) };
    }
}

/// A request that is ours: before Triton accepts it, and after it gives it back.
struct OwnedRequest {
    api: &'static Api,
    raw: NonNull<TritonRequest>,
}

impl OwnedRequest {
    fn new(server: &RawServer, model: &str, version: i64) -> Result<Self, Failure> {
        let (api, name, mut raw) = (server.api, c_string(model)?, ptr::null_mut());
        // SAFETY: a place for a pointer; the server lives; Triton copies the name.
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

    /// Lends the tensor to the request: Triton keeps the address of its data.
    fn add(&self, input: &Input) -> Result<(), Failure> {
        let (api, raw, name) = (self.api, self.raw.as_ptr(), c_string(&input.name)?);
        let (shape, rank) = (input.shape.as_ptr(), input.shape.len() as u64);
        let data = input.data.as_ptr().cast::<c_void>();
        // SAFETY: the request is ours; name and shape are copied; the data stays where it is until the request is
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
                input.data.len(),
                MEMORY_CPU,
                0,
            ))
        }
    }

    fn describe(&self, request: &Request) -> Result<(), Failure> {
        request.inputs.iter().try_for_each(|input| self.add(input))?;
        let (api, raw) = (self.api, self.raw.as_ptr());
        let timeout = request
            .timeout
            .map_or(0, |timeout| u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX));
        // SAFETY: the request is ours. The timeout only lets Triton drop what is still queued by then.
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

/// What the release callback gets: the memory that Triton may read until then.
struct Lent {
    api: &'static Api,
    flight: Arc<Flight>,
    _inputs: Vec<Input>,
}

/// Hands a request over to Triton. After an error nothing of it is in flight.
pub(super) fn submit(
    server: &RawServer,
    allocator: &Allocator,
    version: i64,
    request: Request,
    flight: &Arc<Flight>,
) -> Result<(), Failure> {
    let api = server.api;
    let owned = OwnedRequest::new(server, &flight.model, version)?;
    owned.describe(&request)?;
    let lent = Box::into_raw(Box::new(Lent {
        api,
        flight: Arc::clone(flight),
        _inputs: request.inputs,
    }));
    let answered = Arc::into_raw(Arc::clone(flight)).cast_mut().cast::<c_void>();
    let raw = owned.raw;
    // SAFETY: the request is ours until Triton accepts it. `lent` and `answered` are each given back once: by their
    // callbacks, or below, when Triton does not accept the request and so calls neither.
    unsafe {
        let accepted = api
            .check((api.InferenceRequestSetReleaseCallback)(
                raw.as_ptr(),
                released,
                lent.cast(),
            ))
            .and_then(|()| {
                let (allocator, request) = (allocator.raw.as_ptr(), raw.as_ptr());
                api.check((api.InferenceRequestSetResponseCallback)(
                    request, allocator, answered, responded, answered,
                ))
            })
            .and_then(|()| api.check((api.ServerInferAsync)(server.as_ptr(), raw.as_ptr(), ptr::null_mut())));
        if let Err(failure) = accepted {
            drop(owned); // before the memory that it points to
            drop(Box::from_raw(lent));
            drop(Arc::from_raw(answered.cast::<Flight>()));
            return Err(failure);
        }
    }
    std::mem::forget(owned); // Triton's now
    flight.handle.accepted(raw);
    Ok(())
}

/// Triton gives a request back: it no longer reads the inputs.
unsafe extern "C" fn released(request: *mut TritonRequest, flags: u32, userp: *mut c_void) {
    if flags & REQUEST_RELEASE_ALL == 0 {
        return;
    }
    // SAFETY: `submit` made it, and Triton calls this once.
    let lent = unsafe { Box::from_raw(userp.cast::<Lent>()) };
    lent.flight.handle.released();
    if let Some(raw) = NonNull::new(request) {
        drop(OwnedRequest { api: lent.api, raw });
    }
}

/// Triton answers. `userp` is a flight, held until the last answer.
unsafe extern "C" fn responded(response: *mut TritonResponse, flags: u32, userp: *mut c_void) {
    let flight = userp.cast_const().cast::<Flight>();
    // SAFETY: `submit` gave one count, which lasts until the final flag; this is a second one.
    let flight = unsafe {
        if flags & RESPONSE_COMPLETE_FINAL == 0 {
            Arc::increment_strong_count(flight);
        }
        Arc::from_raw(flight)
    };
    if let Some(response) = NonNull::new(response) {
        let api = flight.handle.api;
        let failed = |failure: Failure| match failure.code {
            Code::Cancelled => Error::ServerStopped, // only a server that stops cancels what has not been answered
            code => Error::Infer {
                model: flight.model.to_string(),
                code,
                message: failure.message,
            },
        };
        // SAFETY: the response is ours; what is kept of it are copies and our own buffers.
        let reply = unsafe {
            let reply = outputs::read(api, response.as_ptr());
            let _ = api.check((api.InferenceResponseDelete)(response.as_ptr()));
            reply
        };
        flight.complete(reply.map_err(failed));
    } else if flags & RESPONSE_COMPLETE_FINAL != 0 {
        let (model, message) = (
            flight.model.to_string(),
            "the model ended the request without a reply".into(),
        );
        flight.complete(Err(Error::Infer {
            model,
            code: Code::Internal,
            message,
        }));
    }
}
