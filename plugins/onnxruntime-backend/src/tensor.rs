//! Data types of tensors, as Triton's C API, config.pbtxt and ONNX Runtime name them.

use std::fmt;

use ort::value::TensorElementType;

/// The data type of a tensor whose elements have a fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Triton's names
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

/// All types in the order of the variants: type, number in Triton's C API (`TRITONSERVER_DataType`), Triton's name,
/// ONNX Runtime's type, bytes per element.
const TYPES: [(DataType, u32, &str, TensorElementType, usize); 13] = [
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
    /// The type with this number in Triton's C API; `None` for BYTES and unlisted types.
    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        TYPES.iter().find(|entry| entry.1 == raw).map(|entry| entry.0)
    }

    /// The type with this `data_type` in config.pbtxt, such as `TYPE_FP32`.
    pub(crate) fn from_config(name: &str) -> Option<Self> {
        let name = name.strip_prefix("TYPE_")?;
        TYPES.iter().find(|entry| entry.2 == name).map(|entry| entry.0)
    }

    /// The type that ONNX Runtime calls `element`; `None` for strings, complex numbers, and 4- and 8-bit floats.
    pub(crate) fn from_onnx(element: TensorElementType) -> Option<Self> {
        TYPES.iter().find(|entry| entry.3 == element).map(|entry| entry.0)
    }

    /// The number of this type in Triton's C API.
    pub(crate) fn to_raw(self) -> u32 {
        self.entry().1
    }

    /// ONNX Runtime's name for this type.
    pub(crate) fn to_onnx(self) -> TensorElementType {
        self.entry().3
    }

    /// Bytes per element; also the alignment of the elements.
    pub(crate) fn size(self) -> usize {
        self.entry().4
    }

    /// Bytes of a tensor with this type and `shape`; `None` if a dimension is negative or the product overflows.
    pub(crate) fn byte_size(self, shape: &[i64]) -> Option<usize> {
        shape
            .iter()
            .try_fold(self.size(), |bytes, &dim| bytes.checked_mul(usize::try_from(dim).ok()?))
    }

    fn entry(self) -> &'static (Self, u32, &'static str, TensorElementType, usize) {
        // A test checks that the table is in the order of the variants.
        &TYPES[self as usize]
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_each_of_its_names() {
        for (index, &(dtype, raw, name, onnx, size)) in TYPES.iter().enumerate() {
            assert_eq!(dtype as usize, index, "{name}: position in TYPES");
            assert_eq!(DataType::from_raw(raw), Some(dtype));
            assert_eq!(DataType::from_config(&format!("TYPE_{name}")), Some(dtype));
            assert_eq!(DataType::from_onnx(onnx), Some(dtype));
            assert_eq!((dtype.to_raw(), dtype.to_onnx(), dtype.size()), (raw, onnx, size));
            assert_eq!(onnx.byte_size(1), Some(size), "{name}: size in ONNX Runtime");
            assert_eq!(dtype.to_string(), name);
        }
    }

    #[test]
    fn unsupported_types_are_not_found() {
        assert_eq!(DataType::from_raw(13), None, "BYTES");
        assert_eq!(DataType::from_raw(0), None, "INVALID");
        assert_eq!(DataType::from_config("TYPE_STRING"), None);
        assert_eq!(DataType::from_config("FP32"), None);
        assert_eq!(DataType::from_onnx(TensorElementType::String), None);
    }

    #[test]
    fn byte_size_of_a_shape() {
        for (dtype, shape, expected) in [
            (DataType::Fp32, &[2_i64, 3][..], Some(24)),
            (DataType::Uint8, &[][..], Some(1)),
            (DataType::Int64, &[4, 0, 7][..], Some(0)),
            (DataType::Fp16, &[-1, 3][..], None),
            (DataType::Fp64, &[i64::MAX, 2][..], None),
        ] {
            assert_eq!(dtype.byte_size(shape), expected, "{dtype} {shape:?}");
        }
    }
}
