//! The element types of tensors.

use std::fmt;

/// A tensor's element type, by its KServe v2 name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // KServe's names
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
    /// Byte strings, each preceded by its length; no fixed size.
    Bytes,
    Bf16,
}

/// All types in the order of Triton's `TRITONSERVER_DataType`, where 0 is "invalid".
const ALL: [(DataType, &str, Option<usize>); 14] = [
    (DataType::Bool, "BOOL", Some(1)),
    (DataType::Uint8, "UINT8", Some(1)),
    (DataType::Uint16, "UINT16", Some(2)),
    (DataType::Uint32, "UINT32", Some(4)),
    (DataType::Uint64, "UINT64", Some(8)),
    (DataType::Int8, "INT8", Some(1)),
    (DataType::Int16, "INT16", Some(2)),
    (DataType::Int32, "INT32", Some(4)),
    (DataType::Int64, "INT64", Some(8)),
    (DataType::Fp16, "FP16", Some(2)),
    (DataType::Fp32, "FP32", Some(4)),
    (DataType::Fp64, "FP64", Some(8)),
    (DataType::Bytes, "BYTES", None),
    (DataType::Bf16, "BF16", Some(2)),
];

impl DataType {
    /// The KServe v2 name, such as `FP32`.
    pub const fn name(self) -> &'static str {
        ALL[self as usize].1
    }

    /// Bytes per element; `None` for [`DataType::Bytes`].
    pub const fn size(self) -> Option<usize> {
        ALL[self as usize].2
    }

    /// The type called `name` in a model's metadata.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter()
            .find(|(_, known, _)| *known == name)
            .map(|(datatype, _, _)| *datatype)
    }

    /// The number of this type in Triton's C API.
    pub(crate) const fn to_raw(self) -> u32 {
        self as u32 + 1
    }

    /// The type with this number in Triton's C API.
    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        let index = usize::try_from(raw).ok()?.checked_sub(1)?;
        ALL.get(index).map(|(datatype, _, _)| *datatype)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_round_trip() {
        for (index, (datatype, name, _)) in ALL.into_iter().enumerate() {
            assert_eq!(datatype as usize, index, "{name} is at its index");
            assert_eq!(DataType::from_name(name), Some(datatype));
            assert_eq!(DataType::from_raw(datatype.to_raw()), Some(datatype));
        }
    }

    #[test]
    fn numbers_are_those_of_the_c_header() {
        assert_eq!(DataType::Uint8.to_raw(), 2);
        assert_eq!(DataType::Fp32.to_raw(), 11);
        assert_eq!(DataType::Bf16.to_raw(), 14);
        assert_eq!(DataType::from_raw(0), None);
        assert_eq!(DataType::from_raw(15), None);
        assert_eq!(DataType::from_name("TYPE_FP32"), None);
    }
}
