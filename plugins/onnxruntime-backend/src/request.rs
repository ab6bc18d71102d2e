//! A request from Triton, owned by the backend until its response is sent and it is released.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::{ptr, slice};

use crate::error::Error;
use crate::ffi::{self, Status, TritonInput, TritonInstance, TritonRequest, TritonResponse, api, check};
use crate::memory::Place;
use crate::statistics::{Times, now};
use crate::tensor::DataType;

/// A request with its response. If it is dropped before the response is sent, as by a panic, the response is an error, so
/// that the client does not wait forever.
pub(crate) struct Request {
    /// Null once it is released.
    raw: *mut TritonRequest,
    instance: *mut TritonInstance,
    /// Null once it is sent, or if Triton could not create one.
    response: *mut TritonResponse,
}

/// An input of a request. Triton owns the buffers; they live until the request is released.
#[derive(Debug)]
pub struct Input {
    /// The tensor's name.
    pub name: String,
    /// Its data type.
    pub dtype: DataType,
    /// Its shape, as the model receives it.
    pub shape: Vec<i64>,
    /// Its contents in order, together as many bytes as data type and shape take.
    pub buffers: Vec<Buffer>,
}

/// A part of an input's contents.
#[derive(Debug, Clone, Copy)]
pub struct Buffer {
    data: *const u8,
    bytes: usize,
    place: Place,
}

impl Buffer {
    /// The `bytes` bytes at `data`.
    ///
    /// # Safety
    /// They are readable at `place` and do not change as long as the buffer, or a tensor over it, is used.
    pub unsafe fn new(data: *const u8, bytes: usize, place: Place) -> Self {
        Self { data, bytes, place }
    }

    /// The first byte; may be null if there is none.
    pub fn data(&self) -> *const u8 {
        self.data
    }

    /// The number of bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory that they are in.
    pub fn place(&self) -> Place {
        self.place
    }
}

impl Request {
    /// Takes ownership of a request.
    ///
    /// # Safety
    /// Triton passed `raw` to this `instance`, and no other code responds to it or releases it.
    ///
    /// # Errors
    /// Triton's error if it cannot create a response; the request is then released.
    pub unsafe fn take(instance: *mut TritonInstance, raw: *mut TritonRequest) -> Result<Self, Error> {
        let mut request = Self {
            raw,
            instance,
            response: ptr::null_mut(),
        };
        // SAFETY: `raw` is a live request that we own.
        check(unsafe { (api().ResponseNew)(&mut request.response, raw) })?;
        Ok(request)
    }

    /// Whether the client has cancelled it. False if Triton cannot say, so that the request is run.
    pub fn is_cancelled(&self) -> bool {
        let mut cancelled = false;
        // SAFETY: the request is live; the argument is valid for one write.
        let status = unsafe { (api().RequestIsCancelled)(self.raw, &mut cancelled) };
        check(status).is_ok() && cancelled
    }

    /// The inputs, sorted by name, so that requests with another order can be in one batch.
    ///
    /// # Errors
    /// Triton's error; [`Error::DataType`] or [`Error::InputSize`] for an invalid input.
    pub fn inputs(&self) -> Result<Vec<Input>, Error> {
        let mut count = 0;
        // SAFETY: the request is live, as in all calls of this type.
        check(unsafe { (api().RequestInputCount)(self.raw, &mut count) })?;
        let mut inputs = (0..count)
            .map(|index| self.input(index))
            .collect::<Result<Vec<_>, _>>()?;
        inputs.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(inputs)
    }

    fn input(&self, index: u32) -> Result<Input, Error> {
        let mut input = ptr::null_mut();
        // SAFETY: as above; the input lives as long as its request.
        check(unsafe { (api().RequestInputByIndex)(self.raw, index, &mut input) })?;
        let (mut name, mut dtype, mut shape) = (ptr::null(), 0, ptr::null());
        let (mut dim_count, mut byte_size, mut buffer_count) = (0, 0, 0);
        // SAFETY: all six are valid for one write.
        check(unsafe {
            (api().InputProperties)(
                input,
                &mut name,
                &mut dtype,
                &mut shape,
                &mut dim_count,
                &mut byte_size,
                &mut buffer_count,
            )
        })?;
        // SAFETY: the input owns name and shape and is live; the shape has `dim_count` numbers.
        let (name, shape) = unsafe { (ffi::text(name), copied(shape, dim_count)) };
        let dtype = DataType::from_raw(dtype).ok_or_else(|| Error::DataType {
            tensor: name.clone(),
            dtype: format!("number {dtype} in Triton's C API"),
        })?;
        let buffers = (0..buffer_count)
            .map(|index| buffer(input, index))
            .collect::<Result<Vec<_>, _>>()?;
        let bytes = buffers.iter().map(|buffer| buffer.bytes).sum();
        // All later code reads as many bytes as type and shape take, so this check is essential.
        let expected = dtype.byte_size(&shape).unwrap_or(usize::MAX);
        if bytes != expected {
            return Err(Error::InputSize {
                tensor: name,
                dtype,
                shape,
                bytes,
                expected,
            });
        }
        Ok(Input {
            name,
            dtype,
            shape,
            buffers,
        })
    }

    /// The names of the requested outputs.
    ///
    /// # Errors
    /// Triton's error.
    pub fn requested_outputs(&self) -> Result<Vec<String>, Error> {
        let mut count = 0;
        // SAFETY: the request is live and owns the names.
        unsafe {
            check((api().RequestOutputCount)(self.raw, &mut count))?;
            (0..count)
                .map(|index| {
                    let mut name = ptr::null();
                    check((api().RequestOutputName)(self.raw, index, &mut name))?;
                    Ok(ffi::text(name))
                })
                .collect()
        }
    }

    /// Adds an output to the response and returns the memory to write it to, at `preferred` if Triton has some there.
    ///
    /// # Errors
    /// Triton's error; [`Error::NoMemory`] if it provides no memory.
    pub fn output(
        &mut self,
        name: &CStr,
        dtype: DataType,
        shape: &[i64],
        preferred: Place,
    ) -> Result<(*mut u8, Place), Error> {
        let (mut output, mut data) = (ptr::null_mut(), ptr::null_mut());
        let (mut memory_type, mut id) = preferred.to_raw();
        let dim_count = u32::try_from(shape.len()).unwrap_or(u32::MAX);
        let bytes = dtype.byte_size(shape).unwrap_or(0) as u64;
        // SAFETY: the response is live until it is sent; name and shape are read during the call only.
        unsafe {
            check((api().ResponseOutput)(
                self.response,
                &mut output,
                name.as_ptr(),
                dtype.to_raw(),
                shape.as_ptr(),
                dim_count,
            ))?;
            check((api().OutputBuffer)(
                output,
                &mut data,
                bytes,
                &mut memory_type,
                &mut id,
            ))?;
        }
        // Ensembles return null without an error if they are out of memory.
        if data.is_null() && bytes > 0 {
            let tensor = name.to_string_lossy().into_owned();
            return Err(Error::NoMemory { tensor, bytes });
        }
        Ok((data.cast(), Place::from_raw(memory_type, id)))
    }

    /// Sends the response, or the error in `result`, reports the statistics, and releases the request.
    pub fn finish(mut self, result: Result<(), &Error>, times: Times) {
        self.respond(result, times);
    }

    fn respond(&mut self, result: Result<(), &Error>, times: Times) {
        let Times {
            start,
            compute_start,
            compute_end,
        } = times;
        let response = std::mem::replace(&mut self.response, ptr::null_mut());
        let request = std::mem::replace(&mut self.raw, ptr::null_mut());
        let success = result.is_ok() && !response.is_null();
        // SAFETY: we own both, and they are live; each is released exactly once, since null has replaced it.
        unsafe {
            if !response.is_null() {
                let status = result.map_or_else(ffi::status, |()| Status::OK);
                ffi::discard((api().ResponseSend)(
                    response,
                    ffi::RESPONSE_COMPLETE_FINAL,
                    status.raw(),
                ));
                if !status.raw().is_null() {
                    // Triton copies the error of a response; the caller still owns it.
                    (api().ErrorDelete)(status.raw());
                }
            }
            ffi::discard((api().ModelInstanceReportStatistics)(
                self.instance,
                request,
                success,
                start,
                compute_start,
                compute_end,
                now(),
            ));
            ffi::discard((api().RequestRelease)(request, ffi::REQUEST_RELEASE_ALL));
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            let error = Error::Panic("the request was dropped before its response was sent".into());
            self.respond(Err(&error), Times::now());
        }
    }
}

fn buffer(input: *mut TritonInput, index: u32) -> Result<Buffer, Error> {
    let (mut data, mut bytes) = (ptr::null(), 0);
    let (mut memory_type, mut id) = Place::Host.to_raw();
    // SAFETY: the input is live and all four are valid for one write.
    check(unsafe { (api().InputBuffer)(input, index, &mut data, &mut bytes, &mut memory_type, &mut id) })?;
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    // SAFETY: Triton keeps the input unchanged until its request is released, after the run.
    Ok(unsafe { Buffer::new(data.cast(), bytes, Place::from_raw(memory_type, id)) })
}

/// # Safety
/// `data` is null or points to `len` numbers.
unsafe fn copied(data: *const i64, len: u32) -> Vec<i64> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { slice::from_raw_parts(data, len as usize) }.to_vec()
}

/// The name of a tensor for Triton. Names come from C strings, so they contain no NUL.
pub(crate) fn c_name(name: &str) -> CString {
    CString::new(name).unwrap_or_default()
}
