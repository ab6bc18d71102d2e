//! Inputs of a session: the buffer of a request itself if possible, otherwise a copy of all buffers.

use std::sync::OnceLock;

use crate::common::install_dir;
use ort::environment::Environment;
use ort::memory::Allocator;
use ort::value::DynTensor;
use triton_onnxruntime::{Buffer, DataType, Input, Place, input_tensor};

/// ONNX Runtime without Triton.
fn allocator() -> Allocator {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let library = install_dir().join("lib/libonnxruntime.so");
        ort::init_from(library)
            .expect("the library loads")
            .build()
            .expect("an environment")
    });
    Allocator::default()
}

fn input(shape: &[i64], parts: &[&[u8]]) -> Input {
    // SAFETY: the tests keep the bytes unchanged until they have compared the tensor.
    let buffer = |part: &&[u8]| unsafe { Buffer::new(part.as_ptr(), part.len(), Place::Host) };
    let buffers = parts.iter().map(buffer).collect();
    Input {
        name: "x".into(),
        dtype: DataType::Uint16,
        shape: shape.into(),
        buffers,
    }
}

fn tensor(parts: &[&Input], shape: &[i64]) -> DynTensor {
    let tensor = input_tensor(parts, shape, Place::Host, &allocator()).expect("a tensor");
    assert_eq!(tensor.shape().to_vec(), shape);
    tensor
}

fn contents(tensor: &DynTensor) -> Vec<u16> {
    tensor
        .try_extract_tensor::<u16>()
        .expect("UINT16 on the host")
        .1
        .to_vec()
}

/// Eight bytes, aligned for UINT16.
#[repr(align(2))]
struct Aligned([u8; 8]);

const BYTES: Aligned = Aligned([1, 0, 2, 0, 3, 0, 4, 0]);

#[test]
fn single_buffer_is_not_copied() {
    let bytes = BYTES;
    let tensor = tensor(&[&input(&[2, 2], &[&bytes.0])], &[2, 2]);
    assert_eq!(tensor.data_ptr().cast(), bytes.0.as_ptr(), "no copy");
    assert_eq!(contents(&tensor), [1, 2, 3, 4]);
}

#[test]
fn unaligned_buffer_is_copied() {
    let mut bytes = Aligned([0; 8]);
    bytes.0[1..5].copy_from_slice(&BYTES.0[2..6]);
    let tensor = tensor(&[&input(&[2], &[&bytes.0[1..5]])], &[2]);
    assert_eq!(contents(&tensor), [2, 3]);
    assert!(tensor.data_ptr().addr().is_multiple_of(2) && tensor.data_ptr().cast() != bytes.0[1..].as_ptr());
}

#[test]
fn several_buffers_are_copied_in_order() {
    let bytes = BYTES;
    let (first, rest) = bytes.0.split_at(3);
    assert_eq!(
        contents(&tensor(&[&input(&[4], &[first, &[], rest])], &[4])),
        [1, 2, 3, 4]
    );
    let (one, two) = (
        input(&[1, 2], &[&bytes.0[4..]]),
        input(&[2, 2], &[&bytes.0[..4], &bytes.0[4..]]),
    );
    assert_eq!(contents(&tensor(&[&one, &two], &[3, 2])), [3, 4, 1, 2, 3, 4]);
}

#[test]
fn too_few_bytes_for_the_shape_are_an_error() {
    let bytes = BYTES;
    let error = input_tensor(&[&input(&[2], &[&bytes.0[..4]])], &[3], Place::Host, &allocator())
        .expect_err("four bytes are not three numbers");
    assert_eq!(
        error.to_string(),
        "input 'x' has 4 bytes, expected 6 for UINT16 [3]; send one value per element"
    );
}

#[test]
fn input_may_be_empty() {
    for parts in [&[][..], &[&[][..]][..]] {
        assert!(contents(&tensor(&[&input(&[0, 2], parts)], &[0, 2])).is_empty());
    }
}
