//! Contracts, from what Triton says about models.

use serde_json::{Value, json};
use triton::{Color, Contract, ContractError, DataType, Error, Fit, ImageInput, Layout, Task};

/// A model of one input and one output, both FP32, with its parameters.
struct Model {
    max_batch_size: u32,
    input: (&'static str, Vec<i64>),
    output: (&'static str, Vec<i64>),
    format: &'static str,
    parameters: Vec<(&'static str, &'static str)>,
}

/// Pose by its shape alone, fixed in size.
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

    fn parse(&self) -> Result<Contract, Error> {
        let (metadata, config) = self.json();
        Contract::parse(&metadata.to_string(), &config.to_string(), None)
    }

    fn image(&self) -> ImageInput {
        self.parse().unwrap().image.unwrap()
    }

    fn error(&self) -> ContractError {
        match self.parse() {
            Err(Error::Contract(error)) => error,
            Ok(Contract { image: Err(error), .. }) => error,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn without_keys_names_and_shapes_speak() {
    let contract = pose().parse().unwrap();
    assert_eq!(contract.version, 3);
    assert_eq!(
        contract.task,
        Task::Pose {
            layout: None,
            score_threshold: None
        }
    );
    let image = contract.image.unwrap();
    assert_eq!(
        (image.width, image.height, image.layout, image.batch),
        (640, 480, Layout::Nchw, Some(1))
    );
    assert_eq!(
        (image.color, image.scale, image.mean, image.std),
        (Color::Rgb, 1.0 / 255.0, [0.0; 3], [1.0; 3])
    );
    assert_eq!((image.fit, image.pad), (Fit::Letterbox, 114));
    let yolov8 = Model {
        output: ("FP32", vec![1, 56, 8400]),
        ..pose()
    };
    assert!(matches!(yolov8.parse().unwrap().task, Task::Pose { .. }));
    let other = Model {
        output: ("FP32", vec![1, 1000]),
        ..pose()
    };
    assert_eq!(other.parse().unwrap().task, Task::Tensors);
    let contract = vest().parse().unwrap();
    assert_eq!(contract.image.unwrap().fit, Fit::Stretch);
    let labels = ["none", "red", "blue"].map(String::from).to_vec();
    assert_eq!(
        contract.task,
        Task::Vest {
            labels,
            output: "out".into()
        }
    );
}

#[test]
fn every_key_is_heard() {
    let image = pose()
        .input("FP32", &[1, 3, -1, -1])
        .with("shopfloor.input.size", "960x544")
        .with("shopfloor.input.fit", "stretch")
        .with("shopfloor.input.color", "BGR")
        .with("shopfloor.input.scale", "0.5")
        .with("shopfloor.input.mean", "1, 2, 3")
        .with("shopfloor.input.std", "4")
        .with("shopfloor.input.pad", "7")
        .image();
    let expected = ImageInput {
        name: "in".into(),
        datatype: DataType::Fp32,
        layout: Layout::Nchw,
        width: 960,
        height: 544,
        color: Color::Bgr,
        scale: 0.5,
        mean: [1.0, 2.0, 3.0],
        std: [4.0; 3],
        pad: 7,
        fit: Fit::Stretch,
        batch: Some(1),
    };
    assert_eq!(image, expected);
    let task = pose()
        .with("shopfloor.task", "pose")
        .with("shopfloor.output.layout", "yolov8-pose")
        .with("shopfloor.score-threshold", "0.3");
    let expected = Task::Pose {
        layout: Some("yolov8-pose".into()),
        score_threshold: Some(0.3),
    };
    assert_eq!(task.parse().unwrap().task, expected);
}

#[test]
fn shapes_tell_layout_size_and_batch() {
    let check = |shape: &[i64], max_batch_size: u32, expected: (Layout, u32, u32, Option<u32>), of_two: &[i64]| {
        let image = Model {
            max_batch_size,
            ..pose()
        }
        .input("UINT8", shape)
        .image();
        assert_eq!(
            (image.layout, image.width, image.height, image.batch),
            expected,
            "{shape:?}"
        );
        assert_eq!(image.shape(2), of_two);
        assert_eq!(image.byte_size(2), 2 * 3 * image.width as usize * image.height as usize);
        assert_eq!((image.scale, image.max_batch()), (1.0, expected.3.unwrap_or(1)));
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
        (ambiguous.layout, ambiguous.width, ambiguous.height),
        (Layout::Nhwc, 640, 3)
    );
}

#[test]
fn half_a_size_is_completed_by_the_key_and_a_wrong_one_is_refused() {
    let wide = pose().input("FP32", &[1, 3, 480, -1]);
    assert_eq!(wide.with("shopfloor.input.size", "800x480").image().width, 800);
    let error = pose().input("FP32", &[1, 3, -1, -1]).error();
    assert_eq!(
        error.to_string(),
        "model 'm', tensor 'in', parameter 'shopfloor.input.size': expected WIDTHxHEIGHT that suits the tensor's dims \
         [1, 3, -1, -1], got nothing; set the key in config.pbtxt to the size that the model is to see, such as 640x480"
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
fn what_is_wrong_is_named() {
    let key = |key: &'static str, value: &'static str, expected: &str| {
        let error = pose().with(key, value).error();
        assert_eq!(
            (error.model.as_str(), error.key.as_deref(), error.found.as_str()),
            ("m", Some(key), value)
        );
        assert!(error.expected.contains(expected), "{error}");
    };
    key("shopfloor.task", "dance", "pose, vest or people");
    key("shopfloor.input.size", "640*480", "WIDTHxHEIGHT");
    key("shopfloor.input.size", "0x480", "WIDTHxHEIGHT");
    key("shopfloor.input.size", "99999999999x480", "WIDTHxHEIGHT");
    key("shopfloor.input.fit", "crop", "letterbox or stretch");
    key("shopfloor.input.color", "yuv", "rgb or bgr");
    key("shopfloor.input.pad", "256", "from 0 to 255");
    key("shopfloor.input.scale", "1/0", "1/255");
    key("shopfloor.input.scale", "NaN", "1/255");
    key("shopfloor.input.scale", "0", "other than 0");
    key("shopfloor.input.mean", "1,2", "three");
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
fn an_input_that_is_no_picture_is_no_image_and_says_so() {
    for (datatype, shape) in [
        ("FP32", vec![1, 16]),
        ("FP16", vec![1, 3, 4, 4]),
        ("FP32", vec![1, 4, 64, 64]),
        ("FP32", vec![0, 3, 64, 64]),
        ("FP32", vec![-2, 3, 64, 64]),
        ("FP32", vec![1, 3, 0, 64]),
        ("UINT8", vec![4_294_967_295, 4_294_967_295, 3]),
    ] {
        let model = pose().input(datatype, &shape);
        let contract = model.parse().expect("the tensors can still be used");
        let error = contract.image().unwrap_err();
        assert!(error.is_fatal());
        assert!(
            error.to_string().contains(&format!("got {datatype} {shape:?}")),
            "{error}"
        );
    }
    let (mut metadata, config) = pose().json();
    let second = json!({ "name": "more", "datatype": "FP32", "shape": [1] });
    metadata["inputs"].as_array_mut().unwrap().push(second);
    let contract = Contract::parse(&metadata.to_string(), &config.to_string(), None).unwrap();
    assert_eq!(
        contract.image.unwrap_err().found,
        "'in' FP32 [1, 3, 480, 640] and 'more' FP32 [1]"
    );
    let scaled = pose()
        .input("UINT8", &[1, 3, 480, 640])
        .with("shopfloor.input.mean", "0.5");
    assert!(scaled.error().to_string().contains("type UINT8"), "{}", scaled.error());
}

#[test]
fn labels_and_columns_have_to_agree() {
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
fn versions_are_those_that_are_served() {
    let (metadata, config) = pose().json();
    let parse = |version| Contract::parse(&metadata.to_string(), &config.to_string(), version);
    assert_eq!(parse(Some(2)).unwrap().version, 2);
    let available = ["1", "3", "2"].map(String::from).to_vec();
    assert_eq!(
        parse(Some(9)).unwrap_err(),
        Error::VersionNotFound {
            model: "m".into(),
            version: 9,
            available
        }
    );
}

#[test]
fn what_is_no_json_of_tritons_or_is_decoupled_is_refused() {
    let (metadata, mut config) = pose().json();
    for (metadata, config) in [("", "{}"), ("[]", "{}"), (&metadata.to_string(), "nonsense")] {
        assert!(matches!(
            Contract::parse(metadata, config, None),
            Err(Error::Contract(_))
        ));
    }
    config["model_transaction_policy"] = json!({ "decoupled": true });
    let error = Contract::parse(&metadata.to_string(), &config.to_string(), None).unwrap_err();
    assert!(error.to_string().contains("one reply a request"), "{error}");
}
