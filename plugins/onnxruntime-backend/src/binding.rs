//! Between the buffers of requests and the tensors of a session: many become one, one becomes many.
#![allow(unsafe_code)]

use std::ops::Range;

use ort::memory::Allocator;
use ort::value::DynTensor;

use crate::error::{Error, Result};
use crate::memory::{self, Place};
use crate::request::{Buffer, Input, Request, c_name};
use crate::tensor::DataType;

/// The tensor of `shape` that a session is given for one input of a batch.
///
/// A single piece is given as it lies, without a copy: ONNX Runtime takes host memory to a device itself where it must.
/// Several pieces (several requests, or one that arrived in parts) are gathered at `place`.
///
/// The tensor may be used until the first of the requests is released.
///
/// # Errors
/// [`Error::InputSize`] if the parts together are not as large; [`Error::Runtime`] or [`Error::Cuda`] if memory cannot
/// be had or reached.
pub fn input(parts: &[&Input], shape: &[i64], place: Place, allocator: &Allocator) -> Result<DynTensor> {
    let dtype = parts[0].dtype;
    let bytes = parts.iter().flat_map(|input| &input.buffers).map(Buffer::bytes).sum();
    let expected = dtype.bytes(shape).unwrap_or(usize::MAX);
    if bytes != expected {
        let (tensor, shape) = (parts[0].name.clone(), shape.to_vec());
        return Err(Error::InputSize {
            tensor,
            dtype,
            shape,
            bytes,
            expected,
        });
    }
    if let [Input { buffers, .. }] = parts
        && let [buffer] = buffers[..]
        && buffer.data().addr().is_multiple_of(dtype.size())
        && (buffer.place() == place || buffer.place() == Place::Host)
    {
        // SAFETY: the buffer has exactly the bytes of type and shape, and its maker keeps it as it is.
        return unsafe { memory::borrow(allocator, buffer.place(), buffer.data(), dtype, shape) };
    }
    let mut tensor = memory::allocate(allocator, dtype, shape)?;
    let mut to: *mut u8 = tensor.data_ptr_mut().cast();
    for buffer in parts.iter().flat_map(|input| &input.buffers) {
        // SAFETY: all buffers together have the bytes of the tensor, so every write ends within it.
        unsafe {
            memory::copy((buffer.data(), buffer.place()), (to, place), buffer.bytes())?;
            to = to.add(buffer.bytes());
        }
    }
    Ok(tensor)
}

/// An output of a run.
#[derive(Debug)]
pub struct Output {
    /// Its name.
    pub name: String,
    tensor: DynTensor,
    dtype: DataType,
    shape: Vec<i64>,
    place: Place,
}

impl Output {
    /// The output `tensor`, which lies at `place` and has `rows` rows if it is to be divided.
    ///
    /// # Errors
    /// [`Error::DataType`] for a type that Triton cannot be given; [`Error::OutputBatch`] for other rows than those.
    pub fn new(name: String, tensor: DynTensor, place: Place, rows: Option<i64>) -> Result<Self> {
        let shape = tensor.shape().to_vec();
        let element = *tensor.data_type();
        let Some(dtype) = DataType::from_onnx(element) else {
            return Err(Error::DataType {
                tensor: name,
                dtype: element.to_string(),
            });
        };
        match rows {
            Some(rows) if shape.first() != Some(&rows) => Err(Error::OutputBatch {
                tensor: name,
                shape,
                rows,
            }),
            // Triton has no tensor without a dimension.
            None if shape.is_empty() => Ok(Self {
                name,
                tensor,
                dtype,
                shape: vec![1],
                place,
            }),
            _ => Ok(Self {
                name,
                tensor,
                dtype,
                shape,
                place,
            }),
        }
    }

    /// Copies the rows `part` into the response of a request; the whole tensor if there is no `part`.
    ///
    /// # Errors
    /// Triton's if it gives no memory; [`Error::Cuda`] if memory cannot be reached.
    pub fn write(&self, request: &mut Request, part: Option<Range<i64>>) -> Result<()> {
        let mut shape = self.shape.clone();
        let mut skip = 0;
        if let (Some(part), Some(first)) = (part, shape.first_mut()) {
            *first = 1;
            let row = self.dtype.bytes(&shape).unwrap_or(0);
            skip = row * usize::try_from(part.start).unwrap_or(0);
            shape[0] = part.end - part.start;
        }
        let (to, place) = request.output(&c_name(&self.name), self.dtype, &shape, self.place)?;
        let bytes = self.dtype.bytes(&shape).unwrap_or(0);
        let from: *const u8 = self.tensor.data_ptr().cast();
        // SAFETY: the parts of a batch are disjoint ranges of its rows, which `new` found in the tensor; Triton gave
        // `bytes` bytes.
        unsafe { memory::copy((from.wrapping_add(skip), self.place), (to, place), bytes) }
    }
}
