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

#[test]
fn the_models_have_the_documented_contracts() {
    let opened = model("movenet_multipose");
    let description = opened.description();
    assert_eq!((opened.version(), description.max_batch_size), (None, 0));
    assert_eq!(description.inputs[0].shape, [1, 3, -1, -1]);
    assert_eq!(description.outputs[0].shape, [1, 6, 57]);
    let contract = Contract::read(description).unwrap();
    assert_eq!(&*contract.model, "movenet_multipose");
    let task = Task::Pose {
        layout: Some(PoseLayout::Yolov7Pose),
        score_threshold: Some(0.2),
    };
    assert_eq!(contract.task, task);
    let image = ImageInput {
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
    };
    assert_eq!(contract.image, image);
    let contract = Contract::read(model("person_pose").description()).unwrap();
    let task = Task::Pose {
        layout: Some(PoseLayout::Yolov7Pose),
        score_threshold: Some(0.45),
    };
    assert_eq!((contract.task, &contract.image), (task, &image));
    let contract = Contract::read(model("person_detector").description()).unwrap();
    let task = Task::Detect {
        layout: Some(BoxLayout::Yolo26),
        score_threshold: Some(0.56),
    };
    assert_eq!((contract.task, &contract.image), (task, &image));
    let contract = Contract::read(model("movenet_lightning").description()).unwrap();
    let task = Task::Keypoints {
        output: "keypoints".into(),
    };
    assert_eq!(contract.task, task);
    let expected = ImageInput {
        name: "crops".into(),
        format: TensorFormat {
            width: 192,
            height: 192,
            ..image.format
        },
        batch: Some(32),
        margin: 0.1,
    };
    assert_eq!(contract.image, expected);

    let opened = model("vest_resnet18");
    let description = opened.description();
    assert_eq!(description.max_batch_size, 32);
    assert_eq!(description.inputs[0].shape, [-1, 3, 64, 64]);
    assert_eq!(description.parameters["intra_op_thread_count"], "1");
    let contract = Contract::read(description).unwrap();
    let expected = ImageInput {
        name: "input".into(),
        format: TensorFormat {
            width: 64,
            height: 64,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            fit: Fit::Stretch,
            pad: 114,
            ..image.format
        },
        batch: Some(32),
        margin: 0.0,
    };
    assert_eq!(contract.image, expected);
    assert_eq!(
        (expected.shape(5), expected.byte_size(5)),
        (vec![5, 3, 64, 64], 5 * 3 * 64 * 64 * 4)
    );
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
