//! The memory that tensors are in, and copies between memories.
//!
//! Instances of `KIND_GPU` read inputs from device memory and write outputs to it, so that the steps of an ensemble pass
//! tensors on without a copy through the host.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::{self, NonNull};

use cuda::Device;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::value::{DynTensor, Value};
use ort::{AsPointer, ortsys};

use crate::error::Error;
use crate::ffi;
use crate::tensor::DataType;

/// The memory that a buffer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Host memory, pinned or not.
    Host,
    /// Memory of the CUDA device with this number.
    Cuda(i32),
}

impl Place {
    /// Where instances of this kind (`TRITONSERVER_InstanceGroupKind`) on this device have their tensors.
    pub(crate) fn of_instance(kind: u32, device: i32) -> Self {
        match kind {
            ffi::INSTANCE_GROUP_KIND_GPU => Self::Cuda(device),
            _ => Self::Host,
        }
    }

    /// The place with this memory type and id in Triton's C API.
    pub(crate) fn from_raw(memory_type: u32, id: i64) -> Self {
        match memory_type {
            ffi::MEMORY_GPU => Self::Cuda(i32::try_from(id).unwrap_or(0)),
            _ => Self::Host,
        }
    }

    /// The memory type and id of this place in Triton's C API.
    pub(crate) fn to_raw(self) -> (u32, i64) {
        match self {
            Self::Host => (ffi::MEMORY_CPU, 0),
            Self::Cuda(device) => (ffi::MEMORY_GPU, i64::from(device)),
        }
    }

    /// ONNX Runtime's description of this place.
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime does not support it.
    pub(crate) fn info(self) -> Result<MemoryInfo<'static>, Error> {
        let (device, id) = match self {
            Self::Host => (AllocationDevice::CPU, 0),
            Self::Cuda(id) => (AllocationDevice::CUDA, id),
        };
        Ok(MemoryInfo::new(device, id, AllocatorType::Device, MemoryType::Default)?)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("CPU"),
            Self::Cuda(device) => write!(f, "CUDA device {device}"),
        }
    }
}

/// A tensor in new memory of `allocator`, its contents undefined.
///
/// # Errors
/// [`Error::Runtime`] if there is not enough memory.
pub(crate) fn allocate(allocator: &Allocator, dtype: DataType, shape: &[i64]) -> Result<DynTensor, Error> {
    let mut value = ptr::null_mut();
    ortsys![
        unsafe CreateTensorAsOrtValue(
            allocator.ptr().cast_mut(),
            shape.as_ptr(),
            shape.len(),
            dtype.to_onnx().into(),
            &mut value,
        )?
    ];
    let value = NonNull::new(value).ok_or_else(null_tensor)?;
    // SAFETY: `value` is a new tensor of this allocator without another owner.
    Ok(unsafe { Value::from_ptr(value, Some(allocator)) })
}

/// A tensor over existing memory, without a copy.
///
/// # Safety
/// `data` points to `dtype.byte_size(shape)` bytes at `place`, aligned for `dtype`. They are readable and not written as
/// long as the tensor lives.
///
/// # Errors
/// [`Error::Runtime`] if ONNX Runtime rejects the shape.
pub(crate) unsafe fn borrow(
    allocator: &Allocator,
    place: Place,
    data: *const u8,
    dtype: DataType,
    shape: &[i64],
) -> Result<DynTensor, Error> {
    let bytes = dtype.byte_size(shape).unwrap_or(0);
    let info = place.info()?;
    // ONNX Runtime rejects null pointers, even for tensors without elements.
    let data = NonNull::new(data.cast_mut()).unwrap_or(NonNull::<u64>::dangling().cast());
    let mut value = ptr::null_mut();
    ortsys![
        unsafe CreateTensorWithDataAsOrtValue(
            info.ptr(),
            data.as_ptr().cast(),
            bytes,
            shape.as_ptr(),
            shape.len(),
            dtype.to_onnx().into(),
            &mut value,
        )?
    ];
    let value = NonNull::new(value).ok_or_else(null_tensor)?;
    // SAFETY: `value` is a new tensor without another owner. It does not free `data`; it only keeps the allocator alive.
    Ok(unsafe { Value::from_ptr(value, Some(allocator)) })
}

fn null_tensor() -> Error {
    Error::Runtime(ort::Error::new("it created a tensor, but returned null"))
}

/// Copies `bytes` bytes; complete on return. `devices`: those that have the memory that is not the host's.
///
/// # Safety
/// `from` is readable and `to` writable for `bytes` bytes at their places, and they do not overlap.
///
/// # Errors
/// [`Error::Cuda`] for device memory, if the CUDA driver is missing or fails.
pub(crate) unsafe fn copy(
    devices: &dyn Device,
    from: (*const u8, Place),
    to: (*mut u8, Place),
    bytes: usize,
) -> Result<(), Error> {
    if bytes == 0 {
        return Ok(());
    }
    match (from.1, to.1) {
        (Place::Host, Place::Host) => {
            // SAFETY: as promised by the caller.
            unsafe { ptr::copy_nonoverlapping(from.0, to.0, bytes) };
            Ok(())
        }
        (_, Place::Cuda(device)) | (Place::Cuda(device), Place::Host) => {
            // SAFETY: as promised by the caller.
            unsafe { devices.copy(device, from.0, to.0, bytes) }?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use cuda::Driver;

    use super::*;

    #[test]
    fn only_instances_of_kind_gpu_have_their_tensors_on_a_device() {
        // TRITONSERVER_INSTANCEGROUPKIND_AUTO, CPU, GPU, MODEL
        let places = [0, 1, 2, 3].map(|kind| Place::of_instance(kind, 1));
        assert_eq!(places, [Place::Host, Place::Host, Place::Cuda(1), Place::Host]);
    }

    #[test]
    fn places_convert_from_and_to_tritons_memory_types() {
        for (memory_type, id, place) in [
            (0, 0, Place::Host),
            (1, 0, Place::Host),
            (2, 0, Place::Cuda(0)),
            (2, 3, Place::Cuda(3)),
        ] {
            assert_eq!(Place::from_raw(memory_type, id), place);
        }
        assert_eq!(Place::Cuda(3).to_raw(), (2, 3));
        assert_eq!(Place::Host.to_raw(), (0, 0));
    }

    #[test]
    fn copies_between_host_buffers_need_no_driver() {
        let from = [1_u8, 2, 3, 4];
        let mut to = [0_u8; 4];
        // SAFETY: two arrays of four bytes on the host.
        unsafe { copy(&Driver, (from.as_ptr(), Place::Host), (to.as_mut_ptr(), Place::Host), 3) }.expect("host copy");
        assert_eq!(to, [1, 2, 3, 0]);
    }
}
