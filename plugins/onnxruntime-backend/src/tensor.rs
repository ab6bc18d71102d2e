//! Tensor types in the three spellings that meet here: Triton's numbers, config.pbtxt's names, ONNX Runtime's enum.

use std::fmt;

use ort::value::TensorElementType;

/// A type whose elements are plain bytes of a fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DataType {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Fp32,
    Fp64,
    Bf16,
}

/// One row per type: itself, Triton's number (`TRITONSERVER_DataType`), Triton's name, ONNX Runtime's, bytes.
const TYPES: [(DataType, i32, &str, TensorElementType, usize); 13] = [
    (DataType::Bool, 1, "BOOL", TensorElementType::Bool, 1),
    (DataType::Uint8, 2, "UINT8", TensorElementType::Uint8, 1),
    (DataType::Uint16, 3, "UINT16", TensorElementType::Uint16, 2),
    (DataType::Uint32, 4, "UINT32", TensorElementType::Uint32, 4),
    (DataType::Uint64, 5, "UINT64", TensorElementType::Uint64, 8),
    (DataType::Int8, 6, "INT8", TensorElementType::Int8, 1),
    (DataType::Int16, 7, "INT16", TensorElementType::Int16, 2),
    (DataType::Int32, 8, "INT32", TensorElementType::Int32, 4),
    (DataType::Int64, 9, "INT64", TensorElementType::Int64, 8),
    (DataType::Fp16, 10, "FP16", TensorElementType::Float16, 2),
    (DataType::Fp32, 11, "FP32", TensorElementType::Float32, 4),
    (DataType::Fp64, 12, "FP64", TensorElementType::Float64, 8),
    (DataType::Bf16, 14, "BF16", TensorElementType::Bfloat16, 2),
];

impl DataType {
    /// The type with Triton's number `raw`; `None` for BYTES and whatever is newer than this backend.
    #[must_use]
    pub fn from_triton(raw: i32) -> Option<Self> {
        TYPES.iter().find(|row| row.1 == raw).map(|row| row.0)
    }

    /// The type that config.pbtxt calls `name` (`TYPE_FP32`).
    #[must_use]
    pub fn from_config(name: &str) -> Option<Self> {
        let name = name.strip_prefix("TYPE_")?;
        TYPES.iter().find(|row| row.2 == name).map(|row| row.0)
    }

    /// The type that ONNX Runtime calls `element`; `None` for strings, complex, 4- and 8-bit floats.
    #[must_use]
    pub fn from_onnx(element: TensorElementType) -> Option<Self> {
        TYPES.iter().find(|row| row.3 == element).map(|row| row.0)
    }

    /// Triton's number.
    #[must_use]
    pub fn triton(self) -> i32 {
        self.row().1
    }

    /// ONNX Runtime's name.
    #[must_use]
    pub fn onnx(self) -> TensorElementType {
        self.row().3
    }

    /// Bytes per element, which is also the alignment of the elements.
    #[must_use]
    pub fn size(self) -> usize {
        self.row().4
    }

    /// Bytes of a tensor of this type; `None` where a dimension is negative or the product overflows.
    #[must_use]
    pub fn bytes(self, shape: &[i64]) -> Option<usize> {
        shape
            .iter()
            .try_fold(self.size(), |bytes, &dim| bytes.checked_mul(usize::try_from(dim).ok()?))
    }

    fn row(self) -> &'static (Self, i32, &'static str, TensorElementType, usize) {
        // The rows stand in the order of the variants, which a test holds.
        &TYPES[self as usize]
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_from_each_of_its_spellings() {
        for (index, &(dtype, triton, name, onnx, size)) in TYPES.iter().enumerate() {
            assert_eq!(dtype as usize, index, "{name}: rows stand in the order of the variants");
            assert_eq!(DataType::from_triton(triton), Some(dtype));
            assert_eq!(DataType::from_config(&format!("TYPE_{name}")), Some(dtype));
            assert_eq!(DataType::from_onnx(onnx), Some(dtype));
            assert_eq!((dtype.triton(), dtype.onnx(), dtype.size()), (triton, onnx, size));
            assert_eq!(onnx.byte_size(1), Some(size), "{name}: ONNX Runtime agrees on the size");
            assert_eq!(dtype.to_string(), name);
        }
    }

    #[test]
    fn bytes_and_unknown_spellings_have_no_type() {
        assert_eq!(DataType::from_triton(13), None, "BYTES");
        assert_eq!(DataType::from_triton(0), None, "INVALID");
        assert_eq!(DataType::from_config("TYPE_STRING"), None);
        assert_eq!(DataType::from_config("FP32"), None);
        assert_eq!(DataType::from_onnx(TensorElementType::String), None);
    }

    #[test]
    fn bytes_of_a_shape() {
        for (dtype, shape, expected) in [
            (DataType::Fp32, &[2_i64, 3][..], Some(24)),
            (DataType::Uint8, &[][..], Some(1)),
            (DataType::Int64, &[4, 0, 7][..], Some(0)),
            (DataType::Fp16, &[-1, 3][..], None),
            (DataType::Fp64, &[i64::MAX, 2][..], None),
        ] {
            assert_eq!(dtype.bytes(shape), expected, "{dtype} {shape:?}");
        }
    }
}
