//! Shared by the tests: Triton's install directory, model repositories, an image and its golden outputs.
#![allow(dead_code)] // each test program uses a part

pub mod certificates;
pub mod remote;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tempfile::TempDir;
use triton::{Endpoint, Error, InProcess, Input, Model, Output, Request, Response, Server};

/// Time limit of a wait, ample for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn path(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| root().join(default), PathBuf::from)
}

/// Triton's install directory: `$SHOPFLOOR_TRITON`, else the checkout's `.triton`.
pub fn install_dir() -> PathBuf {
    let install_dir = path("SHOPFLOOR_TRITON", ".triton");
    for needed in [
        "lib/libtritonserver.so",
        "backends/onnxruntime/libtriton_onnxruntime.so",
    ] {
        let path = install_dir.join(needed);
        assert!(
            path.exists(),
            "{} is missing: run scripts/setup, or set SHOPFLOOR_TRITON",
            path.display()
        );
    }
    install_dir
}

/// The model repository: `$SHOPFLOOR_MODEL_REPOSITORY`, else the checkout's.
pub fn repository() -> PathBuf {
    let repository = path("SHOPFLOOR_MODEL_REPOSITORY", "model_repository");
    let weights = repository.join("movenet_multipose/1/model.onnx");
    assert!(
        weights.exists(),
        "{} is missing: set SHOPFLOOR_MODEL_REPOSITORY",
        weights.display()
    );
    repository
}

/// A separate repository, and so a separate server, with the project's models.
pub fn own_repository() -> TempDir {
    let own = TempDir::new().expect("a temporary directory");
    for model in ["movenet_multipose", "vest_resnet18"] {
        let target = fs::canonicalize(repository().join(model)).expect("a model directory");
        symlink(target, own.path().join(model)).expect("a link");
    }
    own
}

/// A repository with one model: `config` and the weights of the project's model `weights`.
pub fn repository_with(name: &str, config: &str, weights: &str) -> TempDir {
    let own = TempDir::new().expect("a temporary directory");
    let version = own.path().join(name).join("1");
    fs::create_dir_all(&version).expect("a directory");
    fs::write(own.path().join(name).join("config.pbtxt"), config).expect("a configuration");
    let target = fs::canonicalize(repository().join(weights).join("1/model.onnx")).expect("weights");
    symlink(target, version.join("model.onnx")).expect("a link");
    own
}

pub fn endpoint(repository: &Path) -> Endpoint {
    Endpoint::InProcess(InProcess {
        repository: repository.into(),
        install_dir: install_dir(),
    })
}

pub fn open(repository: &Path) -> Arc<Server> {
    Server::open(&endpoint(repository)).expect("a server")
}

/// An RGB image of 256x192 pixels: people.ppm, cropped from a frame of an earlier demo video.
pub struct TestImage {
    pixels: &'static [u8],
}

pub const WIDTH: usize = 256;
pub const HEIGHT: usize = 192;

/// The man in the blue vest and the man without one: left, top, right, bottom.
pub const CROPS: [[usize; 4]; 2] = [[87, 62, 129, 150], [177, 57, 221, 149]];

pub fn test_image() -> TestImage {
    let file = include_bytes!("../data/people.ppm");
    let pixels = file.strip_prefix(b"P6\n256 192\n255\n").expect("a PPM of 256x192");
    assert_eq!(pixels.len(), WIDTH * HEIGHT * 3);
    TestImage { pixels }
}

impl TestImage {
    fn value(&self, x: usize, y: usize, channel: usize) -> f32 {
        f32::from(self.pixels[(y * WIDTH + x) * 3 + channel]) / 255.0
    }
}

/// The image as movenet_multipose's input, in a lease of the model.
pub fn pose_input(model: &Model) -> Input {
    let (input, image) = (&model.description().inputs[0], test_image());
    let mut data = model.lease(3 * WIDTH * HEIGHT * 4);
    let positions = (0..3).flat_map(|c| (0..HEIGHT).flat_map(move |y| (0..WIDTH).map(move |x| (x, y, c))));
    for (bytes, (x, y, c)) in data.chunks_exact_mut(4).zip(positions) {
        bytes.copy_from_slice(&image.value(x, y, c).to_ne_bytes());
    }
    Input {
        name: input.name.clone(),
        datatype: input.datatype,
        shape: vec![1, 3, HEIGHT as i64, WIDTH as i64],
        data,
    }
}

/// A black image of the size used in pipelines.
pub fn black_image(model: &Model) -> Input {
    let input = &model.description().inputs[0];
    let mut data = model.lease(3 * 480 * 640 * 4);
    data.fill(0);
    Input {
        name: input.name.clone(),
        datatype: input.datatype,
        shape: vec![1, 3, 480, 640],
        data,
    }
}

/// Normalisation of the training: ImageNet's mean and standard deviation of R, G and B.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Both crops for vest_resnet18, nearest pixels, normalised.
pub fn vest_input(model: &Model) -> Input {
    let (input, image) = (&model.description().inputs[0], test_image());
    let mut data = model.lease(CROPS.len() * 3 * 64 * 64 * 4);
    let positions = CROPS.iter().flat_map(|&[left, top, right, bottom]| {
        (0..3).flat_map(move |c| {
            (0..64).flat_map(move |y| {
                (0..64).map(move |x| (left + x * (right - left) / 64, top + y * (bottom - top) / 64, c))
            })
        })
    });
    for (bytes, (x, y, c)) in data.chunks_exact_mut(4).zip(positions) {
        let value = (image.value(x, y, c) - MEAN[c]) / STD[c];
        bytes.copy_from_slice(&value.to_ne_bytes());
    }
    Input {
        name: input.name.clone(),
        datatype: input.datatype,
        shape: vec![CROPS.len() as i64, 3, 64, 64],
        data,
    }
}

/// Sends a request; the channel receives the response.
pub fn send(model: &Model, request: Request) -> mpsc::Receiver<Result<Response, Error>> {
    let (sender, receiver) = mpsc::channel();
    model.infer(request, move |response| {
        let _ = sender.send(response);
    });
    receiver
}

/// Sends a request and waits for the response.
pub fn infer(model: &Model, input: Input) -> Result<Response, Error> {
    send(model, Request::new(vec![input]))
        .recv_timeout(PATIENCE)
        .expect("a response")
}

pub fn floats(output: &Output) -> Vec<f32> {
    output
        .data
        .chunks_exact(4)
        .map(|bytes| f32::from_ne_bytes(bytes.try_into().expect("4 bytes")))
        .collect()
}

pub fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance,
            "value {index}: {found}, expected {expected}"
        );
    }
}

/// The first person (cx, cy, w, h, score, class, 17 x (x, y, confidence)) that onnxruntime 1.32 finds in the image.
pub const PERSON: [f32; 57] = [
    109.289, 106.572, 39.678, 89.562, 0.5998, 1.0, 113.247, 71.396, 0.5681, 113.309, 69.908, 0.6696, 111.775, 70.133,
    0.5941, 109.728, 70.582, 0.6483, 106.042, 70.99, 0.6177, 115.377, 79.577, 0.6799, 97.728, 80.782, 0.742, 118.85,
    91.508, 0.7858, 93.213, 94.656, 0.7109, 124.461, 100.994, 0.6443, 94.252, 110.077, 0.515, 111.466, 107.392, 0.6992,
    101.007, 107.486, 0.6924, 111.453, 126.704, 0.6189, 104.137, 126.574, 0.6315, 107.188, 143.453, 0.7021, 98.688,
    138.01, 0.5457,
];

/// The logits of onnxruntime 1.32 for the crops: blue, none.
pub const LOGITS: [f32; 16] = [
    -2.00048, -2.35348, -2.22687, -2.14840, -2.51102, 5.48193, -2.16392, -2.47758, 6.64088, -1.98330, -2.02968,
    -1.76166, -1.89127, -2.07816, -1.89208, -2.15150,
];
