//! A request of Triton's, owned by the backend from the moment it is handed over until it is answered and released.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use crate::error::{Error, Result};
use crate::ffi::{self, Status, api, check};
use crate::memory::Place;
use crate::tensor::DataType;

/// When the work on a request began, when the model began and ended, in nanoseconds of `CLOCK_MONOTONIC`, which is what
/// Triton's statistics reckon in.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The work began.
    pub start: u64,
    /// The inputs were in place.
    pub compute_start: u64,
    /// The outputs were there.
    pub compute_end: u64,
}

impl Times {
    /// All three are now, for work that failed before it began.
    #[must_use]
    pub fn now() -> Self {
        let now = now();
        Self {
            start: now,
            compute_start: now,
            compute_end: now,
        }
    }
}

/// Absolute `CLOCK_MONOTONIC` in nanoseconds.
#[must_use]
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// One request with its response. Dropped unanswered, as by a panic, it answers with an error: no client waits forever.
pub struct Request {
    raw: *mut ffi::Request,
    instance: *mut ffi::Instance,
    /// Null once it is sent, or if Triton could not make one.
    response: *mut ffi::Response,
}

/// An input of a request. The buffers belong to Triton and live until the request is released.
#[derive(Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type.
    pub dtype: DataType,
    /// Its shape, as the model sees it.
    pub shape: Vec<i64>,
    /// Its contents, together exactly the bytes that type and shape take.
    pub buffers: Vec<Buffer>,
}

/// A piece of an input.
#[derive(Debug, Clone, Copy)]
pub struct Buffer {
    data: *const u8,
    bytes: usize,
    place: Place,
}

impl Buffer {
    /// `bytes` bytes from `data` on.
    ///
    /// # Safety
    /// They are readable at `place`, and nobody changes them, as long as the buffer or a tensor over it is used.
    #[must_use]
    pub unsafe fn new(data: *const u8, bytes: usize, place: Place) -> Self {
        Self { data, bytes, place }
    }

    /// The first byte; may be null where there is none.
    #[must_use]
    pub fn data(&self) -> *const u8 {
        self.data
    }

    /// How many there are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where they lie.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }
}

impl Request {
    /// Takes a request over.
    ///
    /// # Safety
    /// Triton handed `raw` over to this `instance`, and nobody else answers or releases it.
    ///
    /// # Errors
    /// Triton's, if it cannot make a response; the request is released then.
    pub unsafe fn take(instance: *mut ffi::Instance, raw: *mut ffi::Request) -> Result<Self> {
        let mut request = Self {
            raw,
            instance,
            response: ptr::null_mut(),
        };
        // SAFETY: `raw` is a live request of ours.
        check(unsafe { (api().response_new)(&raw mut request.response, raw) })?;
        Ok(request)
    }

    /// Its inputs by name, so that requests which list them differently are alike.
    ///
    /// # Errors
    /// Triton's; [`Error::DataType`] or [`Error::InputSize`] for an input that is not what it claims to be.
    pub fn inputs(&self) -> Result<Vec<Input>> {
        let mut count = 0;
        // SAFETY: the request is live, as in all calls of this type.
        check(unsafe { (api().request_input_count)(self.raw, &raw mut count) })?;
        let mut inputs = (0..count).map(|index| self.input(index)).collect::<Result<Vec<_>>>()?;
        inputs.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(inputs)
    }

    fn input(&self, index: u32) -> Result<Input> {
        let mut input = ptr::null_mut();
        // SAFETY: as above; the input lives as long as its request.
        check(unsafe { (api().request_input)(self.raw, index, &raw mut input) })?;
        let (mut name, mut dtype, mut dims) = (ptr::null(), 0, ptr::null());
        let (mut rank, mut total, mut pieces) = (0, 0, 0);
        // SAFETY: all six are valid for one write.
        check(unsafe {
            (api().input_properties)(
                input,
                &raw mut name,
                &raw mut dtype,
                &raw mut dims,
                &raw mut rank,
                &raw mut total,
                &raw mut pieces,
            )
        })?;
        // SAFETY: name and shape belong to the input, which is live; `dims` has `rank` numbers.
        let (name, shape) = unsafe { (ffi::text(name), slice(dims, rank)) };
        let dtype = DataType::from_triton(dtype).ok_or_else(|| Error::DataType {
            tensor: name.clone(),
            dtype: format!("number {dtype} of Triton's"),
        })?;
        let buffers = (0..pieces)
            .map(|piece| buffer(input, piece))
            .collect::<Result<Vec<_>>>()?;
        let bytes = buffers.iter().map(|buffer| buffer.bytes).sum();
        // Everything after this reads as many bytes as type and shape say, so this is the line that must hold.
        let expected = dtype.bytes(&shape).unwrap_or(usize::MAX);
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

    /// The names of the outputs that the client wants.
    ///
    /// # Errors
    /// Triton's.
    pub fn wanted(&self) -> Result<Vec<String>> {
        let mut count = 0;
        // SAFETY: the request is live; the name belongs to it.
        unsafe {
            check((api().request_output_count)(self.raw, &raw mut count))?;
            (0..count)
                .map(|index| {
                    let mut name = ptr::null();
                    check((api().request_output_name)(self.raw, index, &raw mut name))?;
                    Ok(ffi::text(name))
                })
                .collect()
        }
    }

    /// Adds an output to the response and gives the memory to fill, at `preferred` if Triton has room there.
    ///
    /// # Errors
    /// Triton's; [`Error::NoMemory`] if it gives none.
    pub fn output(
        &mut self,
        name: &CStr,
        dtype: DataType,
        shape: &[i64],
        preferred: Place,
    ) -> Result<(*mut u8, Place)> {
        let (mut output, mut data) = (ptr::null_mut(), ptr::null_mut());
        let (mut memory_type, mut id) = preferred.triton();
        let rank = u32::try_from(shape.len()).unwrap_or(u32::MAX);
        let bytes = dtype.bytes(shape).unwrap_or(0) as u64;
        // SAFETY: the response is live until it is sent; name and shape are read during the call only.
        unsafe {
            check((api().response_output)(
                self.response,
                &raw mut output,
                name.as_ptr(),
                dtype.triton(),
                shape.as_ptr(),
                rank,
            ))?;
            check((api().output_buffer)(
                output,
                &raw mut data,
                bytes,
                &raw mut memory_type,
                &raw mut id,
            ))?;
        }
        // Ensembles answer so, without an error, when they are out of memory.
        if data.is_null() && bytes > 0 {
            let tensor = name.to_string_lossy().into_owned();
            return Err(Error::NoMemory { tensor, bytes });
        }
        Ok((data.cast(), Place::from_triton(memory_type, id)))
    }

    /// Sends the response, with `result`'s error if it is one, reports statistics and releases the request.
    pub fn finish(mut self, result: Result<(), &Error>, times: Times) {
        self.answer(result, times);
    }

    fn answer(&mut self, result: Result<(), &Error>, times: Times) {
        let Times {
            start,
            compute_start,
            compute_end,
        } = times;
        let response = std::mem::replace(&mut self.response, ptr::null_mut());
        let request = std::mem::replace(&mut self.raw, ptr::null_mut());
        let success = result.is_ok() && !response.is_null();
        // SAFETY: both are live and ours; each is given away exactly once, since it was replaced by null.
        unsafe {
            if !response.is_null() {
                let status = result.map_or_else(ffi::status, |()| Status::OK);
                ffi::discard((api().response_send)(response, ffi::RESPONSE_FINAL, status.raw()));
                if !status.raw().is_null() {
                    // Triton copies the error of a response and leaves it with its maker.
                    (api().error_delete)(status.raw());
                }
            }
            ffi::discard((api().report_statistics)(
                self.instance,
                request,
                success,
                start,
                compute_start,
                compute_end,
                now(),
            ));
            ffi::discard((api().request_release)(request, ffi::RELEASE_ALL));
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            let error = Error::Panic("the request was dropped unanswered".into());
            self.answer(Err(&error), Times::now());
        }
    }
}

fn buffer(input: *mut ffi::Input, index: u32) -> Result<Buffer> {
    let (mut data, mut bytes) = (ptr::null(), 0);
    let (mut memory_type, mut id): (c_int, i64) = Place::Host.triton();
    // SAFETY: the input is live and all four are valid for one write.
    check(unsafe {
        (api().input_buffer)(
            input,
            index,
            &raw mut data,
            &raw mut bytes,
            &raw mut memory_type,
            &raw mut id,
        )
    })?;
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    // SAFETY: Triton keeps the input as it is until its request is released, which comes after the run.
    Ok(unsafe { Buffer::new(data.cast(), bytes, Place::from_triton(memory_type, id)) })
}

/// # Safety
/// `data` is null or points to `len` numbers.
unsafe fn slice(data: *const i64, len: u32) -> Vec<i64> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(data, len as usize) }.to_vec()
}

/// A name of the model's for Triton; names come from C strings and have no inner NUL.
#[must_use]
pub fn c_name(name: &str) -> CString {
    CString::new(name).unwrap_or_default()
}
