//! YOLOv7-Pose and its ensemble, with a network that has random weights and a 16th of the channels: tensors, batches, people.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use inference::{Contract, Task};
use shopfloor_tests::root;
use tempfile::TempDir;
use triton::{Endpoint, InProcess, Input, Model, Request, Response, Server};
use vision::decode::{self, DecodeOptions, Detection, PoseLayout, TensorView, f32_tensor};
use vision::letterbox::Letterbox;

const POSE: &str = "yolov7_pose";
const ENSEMBLE: &str = "worker_ensemble_yolov7";

/// The models of the repository, and the network that scripts/make-yolov7 makes.
static REPOSITORY: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    for model in fs::read_dir(root().join("model_repository")).unwrap().flatten() {
        if model.file_name() != POSE {
            symlink(model.path(), folder.path().join(model.file_name())).unwrap();
        }
    }
    let made = folder.path().join(POSE);
    let output = Command::new(root().join("scripts/make-yolov7"))
        .args(["--divide", "16", "--people", &PEOPLE.to_string()])
        .arg(made.join("1/model.onnx"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::copy(
        root().join("model_repository").join(POSE).join("config.pbtxt"),
        made.join("config.pbtxt"),
    )
    .unwrap();
    folder
});

const PEOPLE: usize = 5;
const SIDE: usize = 640;

fn model(name: &str) -> Arc<Model> {
    let endpoint = Endpoint::InProcess(InProcess {
        repository: REPOSITORY.path().to_owned(),
        install_dir: root().join(".triton"),
    });
    Server::open(&endpoint).unwrap().model(name, None).unwrap()
}

/// The response to `images` images of noise.
fn infer(model: &Model, images: u32) -> Response {
    let image = Contract::read(model.description()).unwrap().image;
    let mut data = model.lease(image.byte_size(images));
    // Bytes of numbers from 0 to 1, and of grey values.
    for (number, bytes) in data.chunks_exact_mut(4).enumerate() {
        let value = (number as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    let input = Input {
        name: Arc::from(&*image.name),
        datatype: model.description().inputs[0].datatype,
        shape: image.shape(images),
        data,
    };
    let (sender, receiver) = mpsc::channel();
    model.infer(Request::new(vec![input]), move |reply| drop(sender.send(reply)));
    receiver.recv_timeout(Duration::from_secs(120)).unwrap().unwrap()
}

fn views(response: &Response) -> Vec<TensorView<'_>> {
    let views = response.outputs.iter().map(|output| TensorView {
        name: &output.name,
        shape: &output.shape,
        data: &output.data,
    });
    views.collect()
}

/// The boxes that the network is made to find: 86 by 152 pixels, side by side in the middle.
#[track_caller]
fn check_people(mut people: Vec<Detection>) {
    people.sort_by(|one, two| one.bbox.left.total_cmp(&two.bbox.left));
    assert_eq!(people.len(), PEOPLE);
    for (number, person) in people.iter().enumerate() {
        let expected = (number as f32 + 0.5) / PEOPLE as f32 * SIDE as f32;
        let centre = person.bbox.center();
        let far = (centre.x - expected).abs().max((centre.y - SIDE as f32 / 2.0).abs());
        assert!(far <= 16.0, "{number}: {:?}", person.bbox);
        let (width, height) = (person.bbox.width(), person.bbox.height());
        assert!(
            (60.0..120.0).contains(&width) && (110.0..210.0).contains(&height),
            "{:?}",
            person.bbox
        );
        let pose = person.pose.as_ref().expect("keypoints");
        assert!(
            pose.iter().all(|joint| (joint.point.x - centre.x).abs() < 100.0),
            "{pose:?}"
        );
    }
}

#[test]
fn it_has_the_tensors_of_yolov7_pose() {
    let model = model(POSE);
    let contract = Contract::read(model.description()).unwrap();
    let task = Task::Pose {
        layout: Some(PoseLayout::Yolov7Pose),
        score_threshold: Some(0.25),
    };
    assert_eq!(contract.task, task);
    let format = &contract.image.format;
    assert_eq!((format.width, format.height, format.pad), (SIDE, SIDE, 114));
    assert_eq!(contract.image.batch, Some(8));
    let response = infer(&model, 1);
    assert_eq!(response.outputs[0].shape, [1, 25_500, 57]);
    let options = DecodeOptions {
        score_threshold: 0.25,
        ..DecodeOptions::default()
    };
    let rows = f32_tensor(&response.outputs[0].shape, &response.outputs[0].data).unwrap();
    check_people(
        PoseLayout::Yolov7Pose
            .decode(rows.view(), &Letterbox::default(), &options)
            .unwrap(),
    );
}

#[test]
fn images_of_a_batch_do_not_affect_each_other() {
    let model = model(POSE);
    let (one, three) = (infer(&model, 1), infer(&model, 3));
    assert_eq!(three.outputs[0].shape, [3, 25_500, 57]);
    let values = |response: &Response| {
        let numbers = response.outputs[0].data.chunks_exact(4);
        numbers
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect::<Vec<_>>()
    };
    let (one, three) = (values(&one), values(&three));
    // The noise of the first image is the same in both.
    let far = one
        .iter()
        .zip(&three)
        .map(|(one, three)| (one - three).abs())
        .fold(0.0, f32::max);
    assert!(far < 0.01, "{far}");
    assert!(
        three.iter().all(|value| value.abs() < 4000.0),
        "a value is out of bounds"
    );
}

#[test]
fn the_ensemble_finds_the_people_and_their_vests() {
    let model = model(ENSEMBLE);
    let contract = Contract::read(model.description()).unwrap();
    let format = &contract.image.format;
    assert_eq!((format.width, format.height, format.pad), (SIDE, SIDE, 114));
    let Task::People { labels } = contract.task else {
        panic!("{:?}", contract.task)
    };
    let response = infer(&model, 1);
    let people = decode::people(&views(&response), &Letterbox::default(), labels.len()).unwrap();
    assert!(
        people
            .iter()
            .all(|person| person.classes.as_ref().is_some_and(|vests| vests.len() == labels.len()))
    );
    check_people(people);
}
