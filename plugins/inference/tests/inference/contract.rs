//! Contracts read from model descriptions.

use inference::contract::ImageInput;
use inference::{Contract, ContractError, Task};
use serde_json::{Value, json};
use triton::{DataType, ModelDescription};
use vision::Rect;
use vision::decode::{BoxLayout, PoseLayout};
use vision::letterbox::{ChannelOrder, Element, Fit, Layout, TensorFormat};

/// A model with one input, one output and parameters.
struct Model {
    max_batch_size: u32,
    input: (&'static str, Vec<i64>),
    output: (&'static str, Vec<i64>),
    format: &'static str,
    parameters: Vec<(&'static str, &'static str)>,
}

/// A pose model of fixed size, recognised by its output's shape: three candidates in each of 6300 cells.
fn pose() -> Model {
    Model {
        max_batch_size: 0,
        input: ("FP32", vec![1, 3, 480, 640]),
        output: ("FP32", vec![1, 18900, 57]),
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
            layout: Some(PoseLayout::Yolov7Pose),
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

/// The task of a pose model with that output, perhaps with the layout's key.
fn pose_task(shape: &[i64], layout: Option<&'static str>, task: Option<&'static str>) -> Result<Task, ContractError> {
    let mut model = Model {
        output: ("FP16", shape.to_vec()),
        ..pose()
    };
    model
        .parameters
        .extend(layout.map(|layout| ("shopfloor.output.layout", layout)));
    model.parameters.extend(task.map(|task| ("shopfloor.task", task)));
    Ok(model.read()?.task)
}

#[test]
fn a_layout_is_inferred_where_shapes_and_the_inputs_size_tell() {
    use PoseLayout::*;
    let declared = Some("yolov7-pose");
    for (shape, key, layout) in [
        (&[1, 18900, 57][..], None, Some(Yolov7Pose)),
        (&[-1, 57], None, Some(Yolov7PoseNms)),
        (&[1, 56, 6300], None, Some(Yolov8Pose)),
        (&[-1, 56, -1], None, Some(Yolov8Pose)),
        (&[1, 6300, 56], None, Some(DeepstreamPose)),
        (&[1, 6, 56], None, Some(MovenetMultipose)),
        (&[1, 1, 17, 3], None, Some(MovenetSinglepose)),
        // in one of two layouts: the decoder reports it, if it is still so in the responses
        (&[1, 300, 57], None, None),
        (&[1, -1, 57], None, None),
        (&[1, 300, 57], Some("yolo26-pose"), Some(Yolo26Pose)),
        (&[1, 6, 57], declared, Some(Yolov7Pose)),
        (&[1, -1, -1], declared, Some(Yolov7Pose)),
    ] {
        let expected = Task::Pose {
            layout,
            score_threshold: None,
        };
        assert_eq!(pose_task(shape, key, None), Ok(expected), "{shape:?}");
    }
    assert_eq!(pose_task(&[1, 1000], None, None), Ok(Task::Tensors));
}

#[test]
fn a_pose_that_cannot_be_decoded_is_an_error() {
    let error = |shape: &[i64], layout, task| pose_task(shape, layout, task).unwrap_err().to_string();
    for (error, parts) in [
        (
            error(&[1, 300, 57], None, Some("pose")),
            ["yolov7-pose or yolo26-pose", "640×480", "[1, 300, 57]"],
        ),
        (
            error(&[1, 68, 6300], None, Some("pose")),
            ["[1, 68, 6300]", "yolov8-pose [1, 56, N]", "rtmo"],
        ),
        (error(&[4, 7], None, Some("pose")), ["--end2end", "[4, 7]", "--grid"]),
        (
            error(&[1, 6300, 57], Some("yolov8-pose"), Some("pose")),
            ["yolov8-pose", "[1, 56, N]", "[1, 6300, 57]"],
        ),
    ] {
        for part in parts
            .iter()
            .chain(&["model 'm'", "'shopfloor.output.layout'", "docs/models.md"])
        {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn images_of_every_element_layout_and_order_are_described() {
    for (datatype, element, size) in [
        ("UINT8", Element::U8, 1),
        ("FP16", Element::F16, 2),
        ("FP32", Element::F32, 4),
    ] {
        for (shape, layout) in [
            ([-1, 3, 480, 640], Layout::Nchw),
            ([-1, 480, 640, 3], Layout::Nhwc),
            ([-1, 3, -1, -1], Layout::Nchw),
            ([-1, -1, -1, 3], Layout::Nhwc),
        ] {
            for (color, order) in [("rgb", ChannelOrder::Rgb), ("bgr", ChannelOrder::Bgr)] {
                let mut model = pose().input(datatype, &shape).with("shopfloor.input.color", color);
                model.max_batch_size = 4;
                if shape.iter().filter(|dim| **dim < 0).count() > 1 {
                    model = model.with("shopfloor.input.size", "640x480");
                }
                let image = model.image();
                let what = format!("{datatype} {shape:?} {color}");
                assert_eq!((image.format.element, image.format.order), (element, order), "{what}");
                assert_eq!((image.format.layout, image.batch), (layout, Some(4)), "{what}");
                assert_eq!(image.datatype().name(), datatype, "{what}");
                assert_eq!(image.byte_size(2), 2 * 3 * 480 * 640 * size, "{what}");
                let dims = match layout {
                    Layout::Nchw => [2, 3, 480, 640],
                    Layout::Nhwc => [2, 480, 640, 3],
                };
                assert_eq!(image.shape(2), dims, "{what}");
                let scale = if element == Element::U8 { 1.0 } else { 1.0 / 255.0 };
                assert_eq!(image.format.scale, scale, "{what}");
            }
        }
    }
}

#[test]
fn labels_may_be_names_of_people() {
    let names = Model {
        parameters: vec![("shopfloor.labels", "none, Anna Müller ,李伟")],
        output: ("FP16", vec![-1, 3]),
        ..vest()
    };
    let Task::Vest { labels, .. } = names.read().unwrap().task else {
        panic!("not a vest")
    };
    assert_eq!(labels, ["none", "Anna Müller", "李伟"].map(Into::into).into());
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
        .with("shopfloor.output.layout", "yolo26-pose")
        .with("shopfloor.score-threshold", "0.3");
    let expected = Task::Pose {
        layout: Some(PoseLayout::Yolo26Pose),
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
        "yolov7-pose or yolov7-pose-nms or yolov7-pose-heads or deepstream-pose or",
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
        ("FP64", vec![1, 3, 4, 4]),
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
fn detectors_have_a_layout_that_is_known_or_will_be() {
    let of = |shape: &[i64]| Model {
        output: ("FP32", shape.to_vec()),
        ..pose()
            .with("shopfloor.task", "detect")
            .with("shopfloor.score-threshold", "0.5")
    };
    // of an input of 640×480: 6300 cells
    for (shape, layout) in [
        (&[1, -1, 6][..], Some(BoxLayout::Yolo26)),
        (&[1, 300, 6], Some(BoxLayout::Yolo26)),
        (&[1, 6300, 85], Some(BoxLayout::Yolox)),
        (&[1, 18_900, 85], Some(BoxLayout::Yolov5)),
        (&[1, 84, 6300], Some(BoxLayout::Yolov8)),
        (&[-1, -1, -1], None),
    ] {
        let expected = Task::Detect {
            layout,
            score_threshold: Some(0.5),
        };
        assert_eq!(of(shape).read().unwrap().task, expected, "{shape:?}");
    }
    for shape in [&[1, 700, 85][..], &[1, 7], &[1, 5, 5]] {
        let error = of(shape).error();
        assert_eq!(error.key.as_deref(), Some("shopfloor.output.layout"), "{error}");
        assert!(error.expected.contains("yolox [1, N, 5 + classes]"), "{error}");
    }
}

#[test]
fn keypoint_models_have_one_output() {
    let of = |shape: &[i64]| Model {
        output: ("FP32", shape.to_vec()),
        ..pose().with("shopfloor.task", "keypoints")
    };
    for shape in [[1, 17, 3], [-1, 17, 3], [-1, -1, -1]] {
        let task = of(&shape).read().unwrap().task;
        assert_eq!(task, Task::Keypoints { output: "out".into() }, "{shape:?}");
    }
    for shape in [&[-1, 51][..], &[-1, 16, 3]] {
        let error = of(shape).error();
        assert_eq!(
            (error.expected.as_str(), error.tensor.as_deref()),
            ("FP32 or FP16 [-1, 17, 3] for the task keypoints", Some("out"))
        );
        assert_eq!(error.found, format!("FP32 {shape:?}"));
    }
    let (mut metadata, config) = of(&[1, 17, 3]).json();
    let second = json!({ "name": "more", "datatype": "FP32", "shape": [1] });
    metadata["outputs"].as_array_mut().unwrap().push(second);
    let description = ModelDescription::from_json(&metadata.to_string(), &config.to_string()).unwrap();
    let error = Contract::read(&description).unwrap_err();
    assert!(
        error.expected.contains("one output") && error.found == "out, more",
        "{error}"
    );
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
