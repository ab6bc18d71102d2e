//! The committed model repository, through the real Triton: its contracts and its label files.

use std::path::PathBuf;
use std::sync::Arc;

use inference::contract::ImageInput;
use inference::{Contract, Task};
use shopfloor_tests::root;
use triton::{Endpoint, InProcess, Model, Server};
use vision::decode::{BoxLayout, PoseLayout};
use vision::letterbox::{ChannelOrder, Element, Fit, Layout, TensorFormat};

fn repository() -> PathBuf {
    root().join("model_repository")
}

fn model(name: &str) -> Arc<Model> {
    let endpoint = Endpoint::InProcess(InProcess {
        repository: repository(),
        install_dir: root().join(".triton"),
    });
    Server::open(&endpoint).unwrap().model(name, None).unwrap()
}

fn contract(name: &str) -> Contract {
    Contract::read(model(name).description()).unwrap()
}

/// The input of the models that see whole frames.
fn whole_frame() -> ImageInput {
    ImageInput {
        name: "images".into(),
        format: TensorFormat {
            element: Element::F32,
            layout: Layout::Nchw,
            width: 640,
            height: 480,
            order: ChannelOrder::Rgb,
            scale: 1.0 / 255.0,
            mean: [0.0; 3],
            std: [1.0; 3],
            pad: 0,
            fit: Fit::Letterbox,
        },
        batch: Some(1),
        margin: 0.0,
    }
}

#[test]
fn models_of_whole_frames_have_the_documented_contracts() {
    let pose = |threshold| Task::Pose {
        layout: Some(PoseLayout::Yolov7Pose),
        score_threshold: Some(threshold),
    };
    let detect = Task::Detect {
        layout: Some(BoxLayout::Yolo26),
        score_threshold: Some(0.56),
    };
    for (name, task) in [
        ("movenet_multipose", pose(0.2)),
        ("person_pose", pose(0.45)),
        ("person_detector", detect),
    ] {
        let contract = contract(name);
        assert_eq!(
            (&*contract.model, contract.task, contract.image),
            (name, task, whole_frame())
        );
    }
    let multipose = model("movenet_multipose");
    let description = multipose.description();
    assert_eq!((multipose.version(), description.max_batch_size), (None, 0));
    assert_eq!(description.inputs[0].shape, [1, 3, -1, -1]);
    assert_eq!(description.outputs[0].shape, [1, 6, 57]);
}

#[test]
fn models_of_people_have_the_documented_contracts() {
    let keypoints = contract("movenet_lightning");
    let task = Task::Keypoints {
        output: "keypoints".into(),
    };
    assert_eq!(keypoints.task, task);
    let crops = ImageInput {
        name: "crops".into(),
        format: TensorFormat {
            width: 192,
            height: 192,
            ..whole_frame().format
        },
        batch: Some(32),
        margin: 0.1,
    };
    assert_eq!(keypoints.image, crops);
    let input = ImageInput {
        name: "input".into(),
        format: TensorFormat {
            width: 64,
            height: 64,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            fit: Fit::Stretch,
            pad: 114,
            ..whole_frame().format
        },
        batch: Some(32),
        margin: 0.0,
    };
    assert_eq!(
        (input.shape(5), input.byte_size(5)),
        (vec![5, 3, 64, 64], 5 * 3 * 64 * 64 * 4)
    );
    for name in ["vest_resnet18", "vest_pruned_25_int8"] {
        assert_eq!(contract(name).image, input, "{name}");
        let opened = model(name);
        let description = opened.description();
        assert_eq!(description.max_batch_size, 32, "{name}");
        assert_eq!(description.inputs[0].shape, [-1, 3, 64, 64], "{name}");
        assert_eq!(description.parameters["intra_op_thread_count"], "1", "{name}");
    }
}

#[test]
fn the_label_file_agrees_with_the_parameter() {
    let file = std::fs::read_to_string(repository().join("vest_resnet18/labels.txt")).unwrap();
    let task = Contract::read(model("vest_resnet18").description()).unwrap().task;
    let Task::Vest { labels, output } = task else {
        panic!("{task:?}")
    };
    let labels: Vec<_> = labels.iter().map(|label| &**label).collect();
    assert_eq!(labels, file.lines().collect::<Vec<_>>());
    assert_eq!(&*output, "logits");
}

/// The slow models have the queue policy. Short ones have none, since it would delay them: see the README.
#[test]
fn the_slow_models_have_the_documented_queue_policy() {
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let readme = read(repository().join("README.md"));
    let begin = readme.find("dynamic_batching {").expect("the policy");
    let policy = &readme[begin..begin + readme[begin..].find("} }").expect("its end") + 3];
    assert!(policy.contains("REJECT"), "{policy}");
    let folders = std::fs::read_dir(repository()).unwrap().flatten();
    let models = folders.map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut with_policy: Vec<_> = models
        .filter(|model| read(model.join("config.pbtxt")).contains(policy))
        .collect();
    with_policy.sort();
    assert_eq!(
        with_policy,
        ["movenet_multipose", "yolov7_pose"].map(|model| repository().join(model))
    );
}
