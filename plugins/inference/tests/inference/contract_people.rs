//! Contracts of models with the task `people`, which requires certain outputs.

use inference::{Contract, ContractError, Task};
use serde_json::{Value, json};
use triton::{DataType, ModelDescription};
use vision::letterbox::Fit;

/// Metadata and configuration of a model with the task `people` and two labels.
fn model() -> (Value, Value) {
    let output = |name, datatype, shape: &[i64]| json!({ "name": name, "datatype": datatype, "shape": shape });
    let metadata = json!({
        "name": "m", "versions": ["1"], "platform": "ensemble",
        "inputs": [{ "name": "frame", "datatype": "UINT8", "shape": [1, 480, 640, 3] }],
        "outputs": [
            output("boxes", "FP32", &[-1, 4]),
            output("scores", "FP32", &[16]),
            output("keypoints", "FP32", &[-1, 17, -1]),
            output("vests", "FP32", &[-1, 2]),
            output("more", "BYTES", &[1]),
            output("count", "INT64", &[1]),
        ],
    });
    let config = json!({
        "name": "m", "platform": "ensemble", "max_batch_size": 0,
        "parameters": {
            "shopfloor.task": { "string_value": "people" },
            "shopfloor.labels": { "string_value": "none,red" },
        },
    });
    (metadata, config)
}

fn read((metadata, config): &(Value, Value)) -> Result<Contract, ContractError> {
    Contract::read(&ModelDescription::from_json(&metadata.to_string(), &config.to_string()).unwrap())
}

fn error(model: &(Value, Value)) -> ContractError {
    read(model).unwrap_err()
}

#[test]
fn a_model_with_the_outputs_has_the_task() {
    let contract = read(&model()).unwrap();
    let labels = ["none", "red"].map(Into::into).into();
    assert_eq!(contract.task, Task::People { labels });
    let image = contract.image;
    assert_eq!(
        (image.datatype(), image.format.fit, image.batch),
        (DataType::Uint8, Fit::Letterbox, Some(1))
    );
}

#[test]
fn each_output_must_exist_with_type_and_shape() {
    for (name, datatype, shape, expected) in [
        ("boxes", "FP32", json!([-1, 5]), "FP32 [-1, 4]"),
        ("scores", "FP32", json!([-1, 1]), "FP32 [-1]"),
        ("keypoints", "FP64", json!([-1, 17, 3]), "FP32 [-1, 17, 3]"),
        ("vests", "FP32", json!([-1, 8]), "FP32 [-1, 2]"),
        ("count", "INT32", json!([1]), "INT64 [1]"),
    ] {
        let (mut metadata, config) = model();
        let outputs = metadata["outputs"].as_array_mut().unwrap();
        let at = outputs.iter().position(|output| output["name"] == name).unwrap();
        outputs[at] = json!({ "name": name, "datatype": datatype, "shape": shape });
        let wrong = error(&(metadata.clone(), config.clone()));
        assert_eq!((wrong.tensor.as_deref(), &*wrong.expected), (Some(name), expected));
        let key = if name == "vests" {
            "shopfloor.labels"
        } else {
            "shopfloor.task"
        };
        assert_eq!(wrong.key.as_deref(), Some(key));
        assert!(wrong.found.starts_with(datatype), "{wrong}");

        metadata["outputs"].as_array_mut().unwrap().remove(at);
        let missing = error(&(metadata, config));
        assert_eq!(
            (missing.tensor.as_deref(), &*missing.found),
            (Some(name), "no such output")
        );
    }
}

#[test]
fn labels_are_required() {
    let (metadata, mut config) = model();
    config["parameters"].as_object_mut().unwrap().remove("shopfloor.labels");
    let error = error(&(metadata, config));
    assert_eq!(
        (error.key.as_deref(), &*error.found),
        (Some("shopfloor.labels"), "nothing")
    );
}
