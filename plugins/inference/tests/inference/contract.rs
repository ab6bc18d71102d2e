//! Contracts read from model descriptions.

use inference::contract::ImageInput;
use inference::{Contract, ContractError, Task};
use serde_json::{Value, json};
use triton::{DataType, ModelDescription};
use vision::Rect;
use vision::decode::PoseLayout;
use vision::letterbox::{ChannelOrder, Element, Fit, Layout, TensorFormat};

/// A model with one input, one output and parameters.
struct Model {
    max_batch_size: u32,
    input: (&'static str, Vec<i64>),
    output: (&'static str, Vec<i64>),
    format: &'static str,
    parameters: Vec<(&'static str, &'static str)>,
}

/// A pose model of fixed size, recognised by its output's shape.
fn pose() -> Model {
    Model {
        max_batch_size: 0,
        input: ("FP32", vec![1, 3, 480, 640]),
        output: ("FP32", vec![1, 6, 57]),
        format: "FORMAT_NONE",
        parameters: vec![],
    }
}

fn vest() -> Model {
    Model {
        max_batch_size: 8,
        input: ("FP32", vec![-1, 3, 64, 32]),
        output: ("FP32", vec![-1, 3]),
        format: "FORMAT_NONE",
        parameters: vec![("shopfloor.labels", "none, red ,blue")],
    }
}

impl Model {
    fn with(mut self, key: &'static str, value: &'static str) -> Self {
        self.parameters.push((key, value));
        self
    }

    fn input(self, datatype: &'static str, shape: &[i64]) -> Self {
        Self {
            input: (datatype, shape.to_vec()),
            ..self
        }
    }

    fn json(&self) -> (Value, Value) {
        let metadata = json!({
            "name": "m", "versions": ["1", "3", "2"], "platform": "",
            "inputs": [{ "name": "in", "datatype": self.input.0, "shape": self.input.1 }],
            "outputs": [{ "name": "out", "datatype": self.output.0, "shape": self.output.1 }],
        });
        let parameters = self
            .parameters
            .iter()
            .map(|(key, value)| (key.to_string(), json!({ "string_value": value })));
        let config = json!({
            "name": "m", "backend": "onnxruntime", "max_batch_size": self.max_batch_size,
            "input": [{ "name": "in", "data_type": "TYPE_FP32", "format": self.format, "dims": [] }],
            "parameters": parameters.collect::<serde_json::Map<_, _>>(),
        });
        (metadata, config)
    }

    fn description(&self) -> ModelDescription {
        let (metadata, config) = self.json();
        ModelDescription::from_json(&metadata.to_string(), &config.to_string()).unwrap()
    }

    fn read(&self) -> Result<Contract, ContractError> {
        Contract::read(&self.description())
    }

    fn image(&self) -> ImageInput {
        self.read().unwrap().image
    }

    fn error(&self) -> ContractError {
        self.read().unwrap_err()
    }
}

#[test]
fn without_keys_the_contract_is_inferred_from_names_and_shapes() {
    let contract = pose().read().unwrap();
    assert_eq!(
        contract.task,
        Task::Pose {
            layout: None,
            score_threshold: None
        }
    );
    let ImageInput { format, batch, .. } = contract.image;
    assert_eq!(
        (format.width, format.height, format.layout, batch),
        (640, 480, Layout::Nchw, Some(1))
    );
    assert_eq!(
        (format.order, format.scale, format.mean, format.std),
        (ChannelOrder::Rgb, 1.0 / 255.0, [0.0; 3], [1.0; 3])
    );
    assert_eq!((format.fit, format.pad), (Fit::Letterbox, 114));
    for shape in [vec![1, 56, 8400], vec![1, 6, 56]] {
        let output = ("FP32", shape);
        let known = Model { output, ..pose() };
        assert!(matches!(known.read().unwrap().task, Task::Pose { .. }));
    }
    let other = Model {
        output: ("FP32", vec![1, 1000]),
        ..pose()
    };
    assert_eq!(other.read().unwrap().task, Task::Tensors);
    let contract = vest().read().unwrap();
    assert_eq!(contract.image.format.fit, Fit::Stretch);
    let labels = ["none", "red", "blue"].map(Into::into).into();
    assert_eq!(
        contract.task,
        Task::Vest {
            labels,
            output: "out".into()
        }
    );
}

#[test]
fn every_key_has_its_effect() {
    let image = pose()
        .input("FP32", &[1, 3, -1, -1])
        .with("shopfloor.input.size", "960x544")
        .with("shopfloor.input.fit", "stretch")
        .with("shopfloor.input.color", "BGR")
        .with("shopfloor.input.scale", "0.5")
        .with("shopfloor.input.mean", "1, 2, 3")
        .with("shopfloor.input.std", "4")
        .with("shopfloor.input.pad", "7")
        .with("shopfloor.input.margin", "1/4")
        .image();
    let expected = ImageInput {
        name: "in".into(),
        format: TensorFormat {
            layout: Layout::Nchw,
            element: Element::F32,
            width: 960,
            height: 544,
            order: ChannelOrder::Bgr,
            scale: 0.5,
            mean: [3.0, 2.0, 1.0], // the key is in the order R, G, B, the format in the tensor's
            std: [4.0; 3],
            pad: 7,
            fit: Fit::Stretch,
        },
        batch: Some(1),
        margin: 0.25,
    };
    assert_eq!(image, expected);
    let (region, seen) = (Rect::new(10.0, 20.0, 14.0, 28.0), Rect::new(8.0, 18.0, 16.0, 30.0));
    assert_eq!(image.seen(region), seen);
    assert_eq!(pose().image().seen(region), region);
    assert_eq!(image.datatype(), DataType::Fp32);
    let task = pose()
        .with("shopfloor.task", "pose")
        .with("shopfloor.output.layout", "yolov8-pose")
        .with("shopfloor.score-threshold", "0.3");
    let expected = Task::Pose {
        layout: Some(PoseLayout::Yolov8Pose),
        score_threshold: Some(0.3),
    };
    assert_eq!(task.read().unwrap().task, expected);
}

#[test]
fn shapes_define_layout_size_and_batch() {
    let check = |shape: &[i64], max_batch_size: u32, expected: (Layout, usize, usize, Option<u32>), of_two: &[i64]| {
        let image = Model {
            max_batch_size,
            ..pose()
        }
        .input("UINT8", shape)
        .image();
        assert_eq!(
            (
                image.format.layout,
                image.format.width,
                image.format.height,
                image.batch
            ),
            expected,
            "{shape:?}"
        );
        assert_eq!(image.shape(2), of_two);
        assert_eq!(image.byte_size(2), 2 * 3 * image.format.width * image.format.height);
        assert_eq!((image.format.scale, image.max_batch()), (1.0, expected.3.unwrap_or(1)));
    };
    check(&[-1, 3, 20, 10], 4, (Layout::Nchw, 10, 20, Some(4)), &[2, 3, 20, 10]);
    check(&[-1, 20, 10, 3], 4, (Layout::Nhwc, 10, 20, Some(4)), &[2, 20, 10, 3]);
    check(
        &[-1, 20, 10, 3],
        0,
        (Layout::Nhwc, 10, 20, Some(u32::MAX)),
        &[2, 20, 10, 3],
    );
    check(&[2, 3, 20, 10], 0, (Layout::Nchw, 10, 20, Some(2)), &[2, 3, 20, 10]);
    check(&[3, 20, 10], 0, (Layout::Nchw, 10, 20, None), &[3, 20, 10]);
    let ambiguous = Model {
        format: "FORMAT_NHWC",
        ..pose()
    }
    .input("FP32", &[1, 3, 640, 3])
    .image();
    assert_eq!(
        (ambiguous.format.layout, ambiguous.format.width, ambiguous.format.height),
        (Layout::Nhwc, 640, 3)
    );
}

#[test]
fn a_size_is_completed_by_the_key_and_must_match() {
    let wide = pose().input("FP32", &[1, 3, 480, -1]);
    assert_eq!(wide.with("shopfloor.input.size", "800x480").image().format.width, 800);
    let error = pose().input("FP32", &[1, 3, -1, -1]).error();
    assert_eq!(
        error.to_string(),
        "model 'm', tensor 'in', parameter 'shopfloor.input.size': expected WIDTHxHEIGHT that matches the tensor's dims \
         [1, 3, -1, -1], got nothing; set the key in config.pbtxt to the size of the model's input, such as 640x480"
    );
    for shape in [[1, 3, 480, 640], [1, 3, 480, -1]] {
        let error = pose()
            .input("FP32", &shape)
            .with("shopfloor.input.size", "640x384")
            .error();
        assert_eq!(error.found, "640x384");
    }
}

#[test]
fn an_invalid_value_is_reported_with_the_valid_ones() {
    let key = |key: &'static str, value: &'static str, expected: &str| {
        let error = pose().with(key, value).error();
        assert_eq!(
            (error.model.as_str(), error.key.as_deref(), error.found.as_str()),
            ("m", Some(key), value)
        );
        assert!(error.expected.contains(expected), "{error}");
    };
    key("shopfloor.task", "dance", "pose, detect, keypoints, vest or people");
    key("shopfloor.input.size", "640*480", "WIDTHxHEIGHT");
    key("shopfloor.input.size", "0x480", "WIDTHxHEIGHT");
    key("shopfloor.input.size", "99999999999x480", "WIDTHxHEIGHT");
    key("shopfloor.input.fit", "crop", "letterbox or stretch");
    key("shopfloor.input.color", "yuv", "rgb or bgr");
    key("shopfloor.input.pad", "256", "from 0 to 255");
    key("shopfloor.input.margin", "-1", "from 0 to 1");
    key("shopfloor.input.margin", "2", "from 0 to 1");
    key("shopfloor.input.scale", "1/0", "1/255");
    key("shopfloor.input.scale", "NaN", "1/255");
    key("shopfloor.input.scale", "0", "other than 0");
    key("shopfloor.input.mean", "1,2", "three");
    key(
        "shopfloor.output.layout",
        "yolov9-pose",
        "yolov7-pose or yolov7-pose-nms or yolov8-pose or movenet-multipose",
    );
    key("shopfloor.score-threshold", "high", "a number");
    key("shopfloor.score-threshold", "1.5", "from 0 to 1");
    let error = pose().with("shopfloor.input.std", "1,0,1").error();
    assert_eq!(error.key.as_deref(), Some("shopfloor.input.std"));
    let error = pose().with("shopfloor.input.colour", "rgb").error();
    assert_eq!(
        (error.key.as_deref(), error.found.as_str()),
        (Some("shopfloor.input.colour"), "shopfloor.input.colour")
    );
    assert!(error.expected.contains("shopfloor.input.color"), "{error}");
}

#[test]
fn an_input_that_is_not_an_image_is_reported() {
    for (datatype, shape) in [
        ("FP32", vec![1, 16]),
        ("FP16", vec![1, 3, 4, 4]),
        ("FP32", vec![1, 4, 64, 64]),
        ("FP32", vec![0, 3, 64, 64]),
        ("FP32", vec![-2, 3, 64, 64]),
        ("FP32", vec![1, 3, 0, 64]),
        ("UINT8", vec![4_294_967_295, 4_294_967_295, 3]),
    ] {
        let error = pose().input(datatype, &shape).error();
        assert!(
            error.to_string().contains(&format!("got {datatype} {shape:?}")),
            "{error}"
        );
    }
    let (mut metadata, config) = pose().json();
    let second = json!({ "name": "more", "datatype": "FP32", "shape": [1] });
    metadata["inputs"].as_array_mut().unwrap().push(second);
    let description = ModelDescription::from_json(&metadata.to_string(), &config.to_string()).unwrap();
    assert_eq!(
        Contract::read(&description).unwrap_err().found,
        "'in' FP32 [1, 3, 480, 640] and 'more' FP32 [1]"
    );
    let scaled = pose()
        .input("UINT8", &[1, 3, 480, 640])
        .with("shopfloor.input.mean", "0.5");
    assert!(scaled.error().to_string().contains("type UINT8"), "{}", scaled.error());
}

#[test]
fn labels_and_columns_must_agree() {
    let labels = |labels| Model {
        parameters: vec![("shopfloor.labels", labels)],
        ..vest()
    };
    for wrong in ["none,red", "none,red,blue,green"] {
        let error = labels(wrong).error();
        assert_eq!(
            (error.tensor.as_deref(), error.found.as_str()),
            (Some("out"), "FP32 [-1, 3]")
        );
    }
    for wrong in ["none,,blue", "none,red,red", ""] {
        assert_eq!(labels(wrong).error().key.as_deref(), Some("shopfloor.labels"));
    }
    let without = Model {
        parameters: vec![("shopfloor.task", "vest")],
        ..vest()
    };
    assert_eq!(
        (without.error().key.as_deref(), without.error().found.as_str()),
        (Some("shopfloor.labels"), "nothing")
    );
}

#[test]
fn detectors_and_keypoint_models_have_one_output() {
    let of = |task, shape: &[i64]| Model {
        output: ("FP32", shape.to_vec()),
        ..pose().with("shopfloor.task", task)
    };
    for shape in [[1, -1, 6], [1, 300, 6], [-1, -1, 6], [-1, -1, -1]] {
        let task = of("detect", &shape)
            .with("shopfloor.score-threshold", "0.5")
            .read()
            .unwrap()
            .task;
        let expected = Task::Detect {
            score_threshold: Some(0.5),
        };
        assert_eq!(task, expected, "{shape:?}");
    }
    for shape in [[1, 17, 3], [-1, 17, 3], [-1, -1, -1]] {
        let task = of("keypoints", &shape).read().unwrap().task;
        assert_eq!(task, Task::Keypoints { output: "out".into() }, "{shape:?}");
    }
    for (task, shape, expected) in [
        ("detect", &[1, -1, 85][..], "FP32 [-1, -1, 6] for the task detect"),
        ("detect", &[-1, 6], "FP32 [-1, -1, 6] for the task detect"),
        ("keypoints", &[-1, 51], "FP32 [-1, 17, 3] for the task keypoints"),
        ("keypoints", &[-1, 16, 3], "FP32 [-1, 17, 3] for the task keypoints"),
    ] {
        let error = of(task, shape).error();
        assert_eq!(
            (error.expected.as_str(), error.tensor.as_deref()),
            (expected, Some("out"))
        );
        assert_eq!(error.found, format!("FP32 {shape:?}"));
    }
    for task in ["detect", "keypoints"] {
        let (mut metadata, config) = of(task, &[1, 17, 6]).json();
        let second = json!({ "name": "more", "datatype": "FP32", "shape": [1] });
        metadata["outputs"].as_array_mut().unwrap().push(second);
        let description = ModelDescription::from_json(&metadata.to_string(), &config.to_string()).unwrap();
        let error = Contract::read(&description).unwrap_err();
        assert!(
            error.expected.contains("one output") && error.found == "out, more",
            "{error}"
        );
    }
}

#[test]
fn decoupled_models_are_refused() {
    let decoupled = ModelDescription {
        decoupled: true,
        ..pose().description()
    };
    let error = Contract::read(&decoupled).unwrap_err();
    assert!(error.to_string().contains("one response for each request"), "{error}");
}
