//! Conversion between the buffers of requests and the tensors of a session: gathering inputs, dividing outputs.
#![allow(unsafe_code)]

use std::ops::Range;

use cuda::Device;
use ort::memory::Allocator;
use ort::value::DynTensor;

use crate::error::Error;
use crate::memory::{self, Place};
use crate::request::{Buffer, Input, Request, c_name};
use crate::tensor::DataType;

/// The tensor of `shape` that a session receives as one input of a batch; `parts` has the input of each request.
///
/// A single aligned buffer is used without a copy; ONNX Runtime copies host memory to a device if it needs to. Several
/// buffers (of several requests, or of one in several parts) are copied into one tensor at `place`, by `devices` where one
/// of them has the memory.
///
/// The tensor may be used until the first of the requests is released.
///
/// # Errors
/// [`Error::InputSize`] if the buffers do not have the bytes of the shape; [`Error::Runtime`] or [`Error::Cuda`] if
/// memory cannot be allocated or accessed.
pub fn input_tensor(
    parts: &[&Input],
    shape: &[i64],
    place: Place,
    allocator: &Allocator,
    devices: &dyn Device,
) -> Result<DynTensor, Error> {
    let dtype = parts[0].dtype;
    let bytes = parts.iter().flat_map(|input| &input.buffers).map(Buffer::bytes).sum();
    let expected = dtype.byte_size(shape).unwrap_or(usize::MAX);
    if bytes != expected {
        return Err(Error::InputSize {
            tensor: parts[0].name.clone(),
            dtype,
            shape: shape.to_vec(),
            bytes,
            expected,
        });
    }
    if let [Input { buffers, .. }] = parts
        && let [buffer] = buffers[..]
        && buffer.data().addr().is_multiple_of(dtype.size())
        && (buffer.place() == place || buffer.place() == Place::Host)
    {
        // SAFETY: the buffer has exactly the bytes of type and shape, and stays unchanged, as its creator promised.
        return unsafe { memory::borrow(allocator, buffer.place(), buffer.data(), dtype, shape) };
    }
    let mut tensor = memory::allocate(allocator, dtype, shape)?;
    let mut to: *mut u8 = tensor.data_ptr_mut().cast();
    for buffer in parts.iter().flat_map(|input| &input.buffers) {
        // SAFETY: the buffers have as many bytes as the tensor, so every write is within it.
        unsafe {
            memory::copy(devices, (buffer.data(), buffer.place()), (to, place), buffer.bytes())?;
            to = to.add(buffer.bytes());
        }
    }
    Ok(tensor)
}

/// An output of a run.
#[derive(Debug)]
pub(crate) struct Output {
    pub name: String,
    tensor: DynTensor,
    dtype: DataType,
    shape: Vec<i64>,
    place: Place,
}

impl Output {
    /// The output `tensor` at `place`, to be divided among requests if `batch_size` is given.
    ///
    /// # Errors
    /// [`Error::DataType`] if Triton does not support its data type; [`Error::OutputBatch`] if its first dimension is
    /// not `batch_size`.
    pub fn new(name: String, tensor: DynTensor, place: Place, batch_size: Option<i64>) -> Result<Self, Error> {
        let mut shape = tensor.shape().to_vec();
        let element = *tensor.data_type();
        let Some(dtype) = DataType::from_onnx(element) else {
            return Err(Error::DataType {
                tensor: name,
                dtype: element.to_string(),
            });
        };
        match batch_size {
            Some(batch_size) if shape.first() != Some(&batch_size) => {
                return Err(Error::OutputBatch {
                    tensor: name,
                    shape,
                    batch_size,
                });
            }
            // Triton has no tensors without dimensions.
            None if shape.is_empty() => shape.push(1),
            _ => {}
        }
        Ok(Self {
            name,
            tensor,
            dtype,
            shape,
            place,
        })
    }

    /// Copies the entries `part` of the batch into the response of a request, or the whole tensor if `None`.
    ///
    /// # Errors
    /// Triton's error or [`Error::NoMemory`] if it provides no memory; [`Error::Cuda`] if memory cannot be accessed.
    pub fn write(&self, request: &mut Request, part: Option<Range<i64>>, devices: &dyn Device) -> Result<(), Error> {
        let mut shape = self.shape.clone();
        let mut skip = 0;
        if let (Some(part), Some(first)) = (part, shape.first_mut()) {
            *first = 1;
            let entry = self.dtype.byte_size(&shape).unwrap_or(0);
            skip = entry * usize::try_from(part.start).unwrap_or(0);
            shape[0] = part.end - part.start;
        }
        let (to, place) = request.output(&c_name(&self.name), self.dtype, &shape, self.place)?;
        let bytes = self.dtype.byte_size(&shape).unwrap_or(0);
        let from: *const u8 = self.tensor.data_ptr().cast();
        // SAFETY: the parts of a batch are disjoint ranges of the first dimension, which `new` checked; Triton provided
        // `bytes` bytes.
        unsafe { memory::copy(devices, (from.wrapping_add(skip), self.place), (to, place), bytes) }
    }
}
