//! Inputs of a session: the buffer of a request itself if possible, otherwise a copy of all buffers.

use std::sync::OnceLock;

use crate::common::install_dir;
use cuda::fake::{Copy, Fake};
use cuda::{Device, Driver};
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
    let tensor = input_tensor(parts, shape, Place::Host, &allocator(), &Driver).expect("a tensor");
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
    let error = input_tensor(
        &[&input(&[2], &[&bytes.0[..4]])],
        &[3],
        Place::Host,
        &allocator(),
        &Driver,
    )
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

/// Inputs of an instance on a device: a stand-in for devices has their memory, and the tensor's, which is host memory here.
mod devices {
    use super::*;

    /// An allocation with these bytes.
    fn on(fake: &Fake, device: i32, bytes: &[u8]) -> Buffer {
        let address = fake.allocate(device, bytes.len()).expect("memory");
        // SAFETY: the allocation is as long, and is not freed before the stand-in is dropped.
        unsafe {
            fake.copy(device, bytes.as_ptr(), address, bytes.len()).expect("a copy");
            Buffer::new(address, bytes.len(), Place::Cuda(device))
        }
    }

    fn on_host(bytes: &[u8]) -> Buffer {
        // SAFETY: the tests keep the bytes unchanged until they have compared the tensor.
        unsafe { Buffer::new(bytes.as_ptr(), bytes.len(), Place::Host) }
    }

    fn input(shape: &[i64], buffers: Vec<Buffer>) -> Input {
        Input {
            name: "x".into(),
            dtype: DataType::Uint16,
            shape: shape.into(),
            buffers,
        }
    }

    fn tensor(fake: &Fake, place: Place, parts: &[&Input], shape: &[i64]) -> DynTensor {
        fake.copies(); // those that made the inputs
        input_tensor(parts, shape, place, &allocator(), fake).expect("a tensor")
    }

    #[test]
    fn a_buffer_on_the_instance_s_device_is_not_copied() {
        let (fake, bytes) = (Fake::default(), BYTES);
        let buffer = on(&fake, 1, &bytes.0);
        let tensor = tensor(&fake, Place::Cuda(1), &[&input(&[2, 2], vec![buffer])], &[2, 2]);
        assert_eq!(tensor.data_ptr().cast(), buffer.data());
        assert_eq!(fake.copies(), []);
    }

    #[test]
    fn a_buffer_of_the_host_is_left_to_onnx_runtime() {
        let (fake, bytes) = (Fake::default(), BYTES);
        let tensor = tensor(&fake, Place::Cuda(1), &[&input(&[4], vec![on_host(&bytes.0)])], &[4]);
        assert_eq!(tensor.data_ptr().cast(), bytes.0.as_ptr());
        assert_eq!(fake.copies(), []);
    }

    /// Each buffer is copied once, by the device that is to have it, or that has it if the host is to.
    #[test]
    fn other_buffers_are_copied_once() {
        let (fake, bytes) = (Fake::default(), BYTES);
        let (first, rest) = bytes.0.split_at(2);
        let copy = |by, from, len| Copy {
            by,
            from,
            to: None,
            len,
        };
        for (place, buffers, expected) in [
            (Place::Host, vec![on(&fake, 0, &bytes.0)], vec![copy(0, Some(0), 8)]),
            (
                Place::Host,
                vec![on(&fake, 0, first), on(&fake, 1, rest)],
                vec![copy(0, Some(0), 2), copy(1, Some(1), 6)],
            ),
            (
                Place::Host,
                vec![on_host(first), on(&fake, 1, rest)],
                vec![copy(1, Some(1), 6)],
            ),
        ] {
            let tensor = tensor(&fake, place, &[&input(&[4], buffers)], &[4]);
            assert_eq!(contents(&tensor), [1, 2, 3, 4]);
            assert_eq!(fake.copies(), expected);
        }
    }

    #[test]
    fn requests_of_a_batch_are_joined_on_their_device() {
        let (fake, bytes) = (Fake::default(), BYTES);
        let (one, two) = bytes.0.split_at(4);
        let (one, two) = (
            input(&[1, 2], vec![on(&fake, 2, one)]),
            input(&[1, 2], vec![on(&fake, 2, two)]),
        );
        let tensor = tensor(&fake, Place::Cuda(2), &[&one, &two], &[2, 2]);
        // SAFETY: ONNX Runtime's allocator for the host has the tensor's memory in this test.
        let joined = unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<u8>(), 8) };
        assert_eq!(joined, bytes.0);
        let copies: Vec<_> = fake
            .copies()
            .iter()
            .map(|copy| (copy.by, copy.from, copy.len))
            .collect();
        assert_eq!(copies, [(2, Some(2), 4), (2, Some(2), 4)]);
    }

    #[test]
    fn a_failure_of_a_device_is_the_request_s_error() {
        let fake = Fake::default();
        let part = input(&[4], vec![on(&fake, 0, &[0; 8])]);
        fake.fail("cuMemcpy failed with 700");
        let error = input_tensor(&[&part], &[4], Place::Host, &allocator(), &fake).expect_err("it fails");
        assert_eq!(error.to_string(), "CUDA: cuMemcpy failed with 700");
    }
}
