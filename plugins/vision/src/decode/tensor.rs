//! Tensors as bytes, as arrays, and as tables of candidates.

use half::f16;
use ndarray::{ArrayD, IxDyn};

use super::error::DecodeError;

/// A borrowed output tensor.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// The output's name in the model.
    pub name: &'a str,
    /// KServe's name of the data type; `FP32` and `FP16` can be decoded.
    pub datatype: &'a str,
    /// The dimensions.
    pub shape: &'a [i64],
    /// The elements, little-endian and row-major; they need not be aligned.
    pub data: &'a [u8],
}

impl<'a> TensorView<'a> {
    /// The tensor as FP32.
    ///
    /// # Errors
    /// [`DecodeError::Datatype`] unless the elements are FP32 or FP16; [`DecodeError::Bytes`] if the length of the data does not
    /// match the shape, or the shape has a negative dimension.
    pub fn to_array(&self) -> Result<ArrayD<f32>, DecodeError> {
        let elements = self.elements()?;
        let values = match elements {
            Elements::F32(values) => values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Elements::F16(values) => values.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
        };
        let dims: Vec<usize> = self.shape.iter().map(|dim| *dim as usize).collect();
        ArrayD::from_shape_vec(IxDyn(&dims), values).map_err(|error| self.wrong_bytes(error.to_string()))
    }

    /// The elements, as many as the shape has.
    pub(super) fn elements(&self) -> Result<Elements<'a>, DecodeError> {
        let size = match self.datatype {
            "FP32" => size_of::<f32>(),
            "FP16" => size_of::<f16>(),
            _ => {
                return Err(DecodeError::Datatype {
                    name: self.name.to_owned(),
                    got: self.datatype.to_owned(),
                });
            }
        };
        let mut dims = self.shape.iter().map(|dim| usize::try_from(*dim).ok());
        if dims.clone().any(|dim| dim.is_none()) {
            return Err(self.wrong_bytes("no negative dimensions".to_owned()));
        }
        let expected = dims.try_fold(size, |product, dim| product.checked_mul(dim?));
        if expected != Some(self.data.len()) {
            let expected = expected.map_or("more bytes than memory".to_owned(), |n| format!("{n} bytes"));
            return Err(self.wrong_bytes(expected));
        }
        Ok(if size == size_of::<f32>() {
            Elements::F32(self.data.as_chunks().0)
        } else {
            Elements::F16(self.data.as_chunks().0)
        })
    }

    fn wrong_bytes(&self, expected: String) -> DecodeError {
        DecodeError::Bytes {
            datatype: self.datatype.to_owned(),
            shape: self.shape.to_vec(),
            expected,
            got: self.data.len(),
        }
    }
}

/// The elements of a tensor, little-endian and not aligned.
#[derive(Clone, Copy, Debug)]
pub(super) enum Elements<'a> {
    F32(&'a [[u8; 4]]),
    F16(&'a [[u8; 2]]),
}

impl Elements<'_> {
    #[inline]
    fn get(&self, index: usize) -> f32 {
        match self {
            Self::F32(values) => f32::from_le_bytes(values[index]),
            Self::F16(values) => f16::from_le_bytes(values[index]).to_f32(),
        }
    }
}

/// A tensor as a table: a row is a candidate, whichever way the tensor is stored.
///
/// It is read in place: a large output is not copied to find the few rows that are people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    elements: Elements<'a>,
    /// Number of candidates.
    pub rows: usize,
    /// Index of the first element of the first row.
    first: usize,
    /// Elements from a row to the next.
    row_step: usize,
    /// Elements from a column to the next.
    column_step: usize,
}

impl<'a> Table<'a> {
    /// A row-major table: each row has `columns` elements.
    pub fn of_rows(elements: Elements<'a>, rows: usize, columns: usize) -> Self {
        Self {
            elements,
            rows,
            first: 0,
            row_step: columns,
            column_step: 1,
        }
    }

    /// A column-major table: each column has `rows` elements.
    pub fn of_columns(elements: Elements<'a>, rows: usize) -> Self {
        Self {
            elements,
            rows,
            first: 0,
            row_step: 1,
            column_step: rows,
        }
    }

    /// The table without its first columns.
    pub fn skip_columns(self, count: usize) -> Self {
        Self {
            first: self.first + count * self.column_step,
            ..self
        }
    }

    /// The value of a row in a column.
    #[inline]
    pub fn get(&self, row: usize, column: usize) -> f32 {
        self.elements
            .get(self.first + row * self.row_step + column * self.column_step)
    }
}
