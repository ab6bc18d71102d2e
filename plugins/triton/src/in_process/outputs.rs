//! Allocation of output memory for Triton, and conversion of Triton's responses.
//!
//! The memory is ours and reference-counted: it is shared by Triton's response and by each [`Output`].
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use bytes::Bytes;

use super::ffi::{Api, ERROR_UNAVAILABLE, Failure, MEMORY_CPU, Outcome, TritonAllocator, TritonResponse};
use super::in_flight::InFlightRequest;
use crate::{DataType, Lease, Output, Response};

/// Allocates the buffers of outputs.
pub(super) struct Allocator {
    api: &'static Api,
    pub(super) raw: NonNull<TritonAllocator>,
}

// SAFETY: an allocator is a table of functions, which may be called from any thread.
unsafe impl Send for Allocator {}
// SAFETY: as above.
unsafe impl Sync for Allocator {}

impl Allocator {
    pub(super) fn new(api: &'static Api) -> Result<Self, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` receives a pointer; the functions are of the declared types.
        unsafe { api.check((api.ResponseAllocatorNew)(&mut raw, allocate, free, None)) }?;
        let raw = NonNull::new(raw).ok_or_else(|| Failure::invalid("no allocator".into()))?;
        Ok(Self { api, raw })
    }
}

impl Drop for Allocator {
    fn drop(&mut self) {
        // SAFETY: ours, dropped once, after the last request.
        let _ = unsafe { self.api.check((self.api.ResponseAllocatorDelete)(self.raw.as_ptr())) };
    }
}

/// Reads the outputs, or the error, of a response.
///
/// # Safety
/// `response` lives, and its buffers come from [`allocate`].
pub(super) unsafe fn read(api: &'static Api, response: *mut TritonResponse) -> Result<Response, Failure> {
    let mut count = 0;
    // SAFETY: as promised by the caller. The header says that the error belongs to the response, but every call
    // creates a new one, which Triton's own servers delete, too.
    unsafe {
        api.check((api.InferenceResponseError)(response))?;
        api.check((api.InferenceResponseOutputCount)(response, &mut count))?;
    }
    // SAFETY: as promised by the caller.
    let outputs = (0..count)
        .map(|index| unsafe { read_output(api, response, index) })
        .collect::<Result<_, _>>()?;
    Ok(Response { outputs })
}

/// # Safety
/// As for [`read`]; `index` is less than the number of outputs.
unsafe fn read_output(api: &'static Api, response: *mut TritonResponse, index: u32) -> Result<Output, Failure> {
    let (mut name, mut datatype, mut shape, mut rank) = (ptr::null(), 0, ptr::null(), 0);
    let (mut base, mut byte_size, mut buffer) = (ptr::null(), 0, ptr::null_mut());
    let (mut memory_type, mut memory_type_id) = (MEMORY_CPU, 0);
    // SAFETY: the arguments receive the values; name and shape are copied while the response lives; a buffer is an
    // `Arc<Lease>` of `allocate`, whose count is incremented.
    unsafe {
        api.check((api.InferenceResponseOutput)(
            response,
            index,
            &mut name,
            &mut datatype,
            &mut shape,
            &mut rank,
            &mut base,
            &mut byte_size,
            &mut memory_type,
            &mut memory_type_id,
            &mut buffer,
        ))?;
        let name = CStr::from_ptr(name).to_string_lossy();
        let datatype = DataType::from_raw(datatype)
            .ok_or_else(|| Failure::invalid(format!("output '{name}' is of the unknown type {datatype}")))?;
        let shape = if rank == 0 {
            Vec::new()
        } else {
            std::slice::from_raw_parts(shape, rank as usize).to_vec()
        };
        let data = if buffer.is_null() {
            Bytes::new() // nothing was allocated for it
        } else {
            let buffer = buffer.cast_const().cast::<Lease>();
            Arc::increment_strong_count(buffer);
            Bytes::from_owner(OutputData(Arc::from_raw(buffer)))
        };
        Ok(Output {
            name: name.into(),
            datatype,
            shape,
            data,
        })
    }
}

/// An output's memory, owned by [`Bytes`].
struct OutputData(Arc<Lease>);

impl AsRef<[u8]> for OutputData {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Allocation callback: provides host memory for an output, whatever type Triton prefers.
unsafe extern "C" fn allocate(
    _allocator: *mut TritonAllocator,
    _tensor_name: *const c_char,
    byte_size: usize,
    _memory_type: u32,
    _memory_type_id: i64,
    userp: *mut c_void,
    buffer: *mut *mut c_void,
    buffer_userp: *mut *mut c_void,
    actual_memory_type: *mut u32,
    actual_memory_type_id: *mut i64,
) -> Outcome {
    // SAFETY: `userp` is the request that `responded` holds until the final response; the other arguments
    // receive the results.
    unsafe {
        let request = &*userp.cast_const().cast::<InFlightRequest>();
        let Some(memory) = request.outputs.try_lease(byte_size) else {
            return (request.handle.api.ErrorNew)(ERROR_UNAVAILABLE, c"out of memory for an output".as_ptr());
        };
        *buffer = memory.as_mut_ptr().cast();
        *buffer_userp = Arc::into_raw(Arc::new(memory)).cast_mut().cast();
        *actual_memory_type = MEMORY_CPU;
        *actual_memory_type_id = 0;
    }
    ptr::null_mut()
}

/// Release callback of the allocator: Triton no longer uses the memory of an output; an [`Output`] may.
unsafe extern "C" fn free(
    _allocator: *mut TritonAllocator,
    _buffer: *mut c_void,
    buffer_userp: *mut c_void,
    _byte_size: usize,
    _memory_type: u32,
    _memory_type_id: i64,
) -> Outcome {
    if !buffer_userp.is_null() {
        // SAFETY: the reference that `allocate` passed to Triton.
        drop(unsafe { Arc::from_raw(buffer_userp.cast_const().cast::<Lease>()) });
    }
    ptr::null_mut()
}
