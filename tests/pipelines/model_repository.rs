//! The committed model repository, through the real Triton: its contracts and its label files.

mod common;

use common::{open, repository};
use triton::{Color, DataType, Fit, ImageInput, Layout, Task};

#[test]
fn what_triton_says_about_our_models_is_their_contract() {
    let server = open(&repository());
    let model = server.model("movenet_multipose", None).unwrap();
    let contract = model.contract();
    assert_eq!(
        (contract.model.as_str(), contract.version, contract.max_batch_size),
        ("movenet_multipose", 1, 0)
    );
    assert_eq!(contract.inputs[0].shape, [1, 3, -1, -1]);
    assert_eq!(contract.outputs[0].shape, [1, 6, 57]);
    let layout = Some("yolov7-pose".into());
    assert_eq!(
        contract.task,
        Task::Pose {
            layout,
            score_threshold: Some(0.2)
        }
    );
    let image = ImageInput {
        name: "images".into(),
        datatype: DataType::Fp32,
        layout: Layout::Nchw,
        width: 640,
        height: 480,
        color: Color::Rgb,
        scale: 1.0 / 255.0,
        mean: [0.0; 3],
        std: [1.0; 3],
        pad: 0,
        fit: Fit::Letterbox,
        batch: Some(1),
    };
    assert_eq!(*contract.image().unwrap(), image);

    let model = server.model("vest_resnet18", None).unwrap();
    let contract = model.contract();
    assert_eq!(contract.max_batch_size, 16);
    assert_eq!(contract.inputs[0].shape, [-1, 3, 64, 64]);
    assert_eq!(contract.parameters["intra_op_thread_count"], "1");
    let expected = ImageInput {
        name: "input".into(),
        width: 64,
        height: 64,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        fit: Fit::Stretch,
        pad: 114,
        batch: Some(16),
        ..image
    };
    assert_eq!(*contract.image().unwrap(), expected);
    assert_eq!(
        (expected.shape(5), expected.byte_size(5)),
        (vec![5, 3, 64, 64], 5 * 3 * 64 * 64 * 4)
    );
}

#[test]
fn the_label_file_says_what_the_key_says() {
    let repository = repository();
    let file = std::fs::read_to_string(repository.join("vest_resnet18/labels.txt")).unwrap();
    let server = open(&repository);
    let model = server.model("vest_resnet18", None).unwrap();
    let Task::Vest { labels, output } = &model.contract().task else {
        panic!("{:?}", model.contract().task)
    };
    assert_eq!(*labels, file.lines().collect::<Vec<_>>());
    assert_eq!(&**output, "logits");
}
