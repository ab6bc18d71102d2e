//! Where a tensor lies, and how bytes get from one place to another.
//!
//! Instances of `KIND_GPU` take their inputs from device memory and leave their outputs there, so that the steps of an
//! ensemble hand tensors on without a copy through the host. **Not shown: that path has not run on a GPU yet.**
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::NonNull;

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::value::{DynTensor, Value};
use ort::{AsPointer, ortsys};

use crate::cuda::Cuda;
use crate::error::{Error, Result};
use crate::ffi;
use crate::tensor::DataType;

/// The memory that a buffer lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Memory that the CPU can read and write, pinned or not.
    Host,
    /// The memory of the CUDA device with this number.
    Cuda(i32),
}

impl Place {
    /// The place that Triton describes by a memory type and its id.
    #[must_use]
    pub fn from_triton(memory_type: c_int, id: i64) -> Self {
        match memory_type {
            ffi::MEMORY_GPU => Self::Cuda(i32::try_from(id).unwrap_or(0)),
            _ => Self::Host,
        }
    }

    /// Triton's memory type and its id.
    #[must_use]
    pub fn triton(self) -> (c_int, i64) {
        match self {
            Self::Host => (ffi::MEMORY_CPU, 0),
            Self::Cuda(device) => (ffi::MEMORY_GPU, i64::from(device)),
        }
    }

    /// ONNX Runtime's description.
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime does not know such memory.
    pub fn info(self) -> Result<MemoryInfo<'static>> {
        let (device, id) = match self {
            Self::Host => (AllocationDevice::CPU, 0),
            Self::Cuda(id) => (AllocationDevice::CUDA, id),
        };
        Ok(MemoryInfo::new(device, id, AllocatorType::Device, MemoryType::Default)?)
    }
}

/// A tensor in fresh memory of `allocator`, its contents undefined.
///
/// # Errors
/// [`Error::Runtime`] if the memory cannot be had.
pub fn allocate(allocator: &Allocator, dtype: DataType, shape: &[i64]) -> Result<DynTensor> {
    let mut value = std::ptr::null_mut();
    ortsys![
        unsafe CreateTensorAsOrtValue(
            allocator.ptr().cast_mut(),
            shape.as_ptr(),
            shape.len(),
            dtype.onnx().into(),
            &mut value,
        )?
    ];
    let value = NonNull::new(value).ok_or_else(null_tensor)?;
    // SAFETY: `value` is a new tensor that nobody else owns, from this allocator.
    Ok(unsafe { Value::from_ptr(value, Some(allocator)) })
}

/// A tensor over memory of somebody else's: nothing is copied.
///
/// # Safety
/// `data` points to `dtype.bytes(shape)` bytes at `place`, aligned for `dtype`, readable as long as the tensor lives
/// and not written meanwhile.
///
/// # Errors
/// [`Error::Runtime`] if ONNX Runtime refuses the shape.
pub unsafe fn borrow(
    allocator: &Allocator,
    place: Place,
    data: *const u8,
    dtype: DataType,
    shape: &[i64],
) -> Result<DynTensor> {
    let bytes = dtype.bytes(shape).unwrap_or(0);
    let info = place.info()?;
    // ONNX Runtime takes no null pointer, not even for a tensor without elements.
    let data = NonNull::new(data.cast_mut()).unwrap_or(NonNull::<u64>::dangling().cast());
    let mut value = std::ptr::null_mut();
    ortsys![
        unsafe CreateTensorWithDataAsOrtValue(
            info.ptr(),
            data.as_ptr().cast(),
            bytes,
            shape.as_ptr(),
            shape.len(),
            dtype.onnx().into(),
            &mut value,
        )?
    ];
    let value = NonNull::new(value).ok_or_else(null_tensor)?;
    // SAFETY: `value` is a new tensor that nobody else owns. It frees none of `data`; the allocator is only held.
    Ok(unsafe { Value::from_ptr(value, Some(allocator)) })
}

fn null_tensor() -> Error {
    Error::Runtime(ort::Error::new("a tensor was made, but it is null"))
}

/// Copies `bytes` bytes; the copy is complete on return.
///
/// # Safety
/// `from` is readable and `to` writable for `bytes` bytes at their places, and they do not overlap.
///
/// # Errors
/// [`Error::Cuda`] if device memory takes part and the CUDA driver is not there or fails.
pub unsafe fn copy(from: (*const u8, Place), to: (*mut u8, Place), bytes: usize) -> Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    match (from.1, to.1) {
        (Place::Host, Place::Host) => {
            // SAFETY: the caller's promise.
            unsafe { std::ptr::copy_nonoverlapping(from.0, to.0, bytes) };
            Ok(())
        }
        (_, Place::Cuda(device)) | (Place::Cuda(device), Place::Host) => {
            // SAFETY: the caller's promise.
            unsafe { Cuda::driver()?.copy(device, from.0, to.0, bytes) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_tritons_memory_types() {
        for (memory_type, id, place) in [
            (0, 0, Place::Host),
            (1, 0, Place::Host),
            (2, 0, Place::Cuda(0)),
            (2, 3, Place::Cuda(3)),
        ] {
            assert_eq!(Place::from_triton(memory_type, id), place);
        }
        assert_eq!(Place::Cuda(3).triton(), (2, 3));
        assert_eq!(Place::Host.triton(), (0, 0));
    }

    #[test]
    fn host_bytes_are_copied() {
        let from = [1_u8, 2, 3, 4];
        let mut to = [0_u8; 4];
        // SAFETY: two arrays of four bytes on the host.
        unsafe { copy((from.as_ptr(), Place::Host), (to.as_mut_ptr(), Place::Host), 3) }.expect("host copy");
        assert_eq!(to, [1, 2, 3, 0]);
    }
}
