//! Configurations for GPUs, which no test can run: they are current, they are configurations by Triton's published definition,
//! and they serve the same tensors as those for CPUs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use protox::prost_reflect::{DescriptorPool, DynamicMessage, MapKey, MessageDescriptor, ReflectMessage, Value};
use shopfloor_tests::root;

const NAMES: [&str; 3] = ["cuda", "tensorrt-fp16", "tensorrt-int8"];

/// Weights are larger than the steps between networks.
const WEIGHTS: u64 = 100_000;

/// The parameters that NVIDIA's onnxruntime backend has for TensorRT; it refuses others.
const TENSORRT: [&str; 7] = [
    "precision_mode",
    "int8_calibration_table_name",
    "trt_engine_cache_enable",
    "trt_engine_cache_path",
    "trt_profile_min_shapes",
    "trt_profile_opt_shapes",
    "trt_profile_max_shapes",
];

fn model_config() -> MessageDescriptor {
    let folder = root().join("plugins/triton-fake/proto");
    let files = protox::compile(["model_config.proto"], [folder]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(files).unwrap();
    pool.get_message_by_name("inference.ModelConfig").unwrap()
}

fn parse(descriptor: &MessageDescriptor, path: &Path) -> DynamicMessage {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    DynamicMessage::parse_text_format(descriptor.clone(), &with_colons(&text))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A list of messages may begin without a colon, which this parser does not know: `input [` becomes `input: [`.
fn with_colons(text: &str) -> String {
    let parts: Vec<_> = text.split(" [").collect();
    let (last, others) = parts.split_last().expect("there is always a part");
    let joint = |part: &&str| {
        if part.ends_with(char::is_alphanumeric) {
            ": ["
        } else {
            " ["
        }
    };
    let joined: String = others.iter().map(|part| format!("{part}{}", joint(part))).collect();
    joined + last
}

fn field(message: &DynamicMessage, name: &str) -> Value {
    let found = message.get_field_by_name(name);
    found
        .unwrap_or_else(|| panic!("{} has no {name}", message.descriptor().name()))
        .into_owned()
}

/// A value inside messages.
fn nested(message: &DynamicMessage, names: &[&str]) -> Value {
    let [names @ .., last] = names else { panic!("no names") };
    let mut inner = message.clone();
    for name in names {
        inner = field(&inner, name).as_message().unwrap().clone();
    }
    field(&inner, last)
}

fn messages(message: &DynamicMessage, name: &str) -> Vec<DynamicMessage> {
    let list = field(message, name);
    list.as_list()
        .unwrap()
        .iter()
        .map(|entry| entry.as_message().unwrap().clone())
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The keys and values of a map; the messages of `parameters` by their text.
fn entries(value: &Value) -> BTreeSet<(String, String)> {
    let entry = |(key, value): (&MapKey, &Value)| {
        let value = match value {
            Value::Message(parameter) => text(&field(parameter, "string_value")),
            value => text(value),
        };
        (key.as_str().unwrap().to_owned(), value)
    };
    value.as_map().unwrap().iter().map(entry).collect()
}

/// The folders of the models that `onnxruntime` runs.
fn models(descriptor: &MessageDescriptor) -> Vec<(PathBuf, DynamicMessage)> {
    let folders = fs::read_dir(root().join("model_repository")).unwrap().flatten();
    let files = folders
        .map(|folder| folder.path())
        .filter(|folder| folder.join("config.pbtxt").exists());
    let configurations = files.map(|folder| {
        let config = parse(descriptor, &folder.join("config.pbtxt"));
        (folder, config)
    });
    configurations
        .filter(|(_, config)| text(&field(config, "backend")) == "onnxruntime")
        .collect()
}

#[test]
fn they_are_current() {
    let output = Command::new(root().join("scripts/gpu-configs"))
        .arg("--check")
        .output()
        .unwrap();
    assert!(output.status.success(), "run scripts/gpu-configs: {output:?}");
}

#[test]
fn they_serve_what_the_others_serve_on_a_gpu() {
    let descriptor = model_config();
    let models = models(&descriptor);
    assert!(models.len() >= 8, "only {} models", models.len());
    for (folder, config) in &models {
        for name in NAMES {
            let path = folder.join(format!("configs/{name}.pbtxt"));
            let gpu = parse(&descriptor, &path);
            let shown = path.display();
            for same in [
                "name",
                "backend",
                "max_batch_size",
                "input",
                "output",
                "default_model_filename",
            ] {
                assert_eq!(field(&gpu, same), field(config, same), "{shown}: {same}");
            }
            let contract = |config| {
                let parameters = entries(&field(config, "parameters")).into_iter();
                parameters
                    .filter(|(key, _)| key.starts_with("shopfloor."))
                    .collect::<Vec<_>>()
            };
            assert_eq!(contract(&gpu), contract(config), "{shown}");
            let groups = messages(&gpu, "instance_group");
            assert!(!groups.is_empty(), "{shown}");
            let gpus = |group: &DynamicMessage| field(group, "kind") == Value::EnumNumber(1); // KIND_GPU
            assert!(groups.iter().all(gpus), "{shown}: {groups:?}");
        }
    }
}

/// TensorRT for networks, in the precision of the name; everything between them by CUDA. Networks are warmed up, with the
/// shapes of their input.
#[test]
fn networks_have_tensorrt_and_a_warm_up() {
    let descriptor = model_config();
    let mut networks = 0;
    for (folder, config) in models(&descriptor) {
        let weights = fs::metadata(folder.join("1/model.onnx"));
        // The one without its file is a network.
        let is_network = weights.map_or(true, |file| file.len() > WEIGHTS);
        networks += usize::from(is_network);
        for name in NAMES {
            let path = folder.join(format!("configs/{name}.pbtxt"));
            let gpu = parse(&descriptor, &path);
            let shown = path.display();
            let accelerators = accelerators(&gpu);
            let precision = name.strip_prefix("tensorrt-").map(str::to_uppercase);
            match precision.filter(|_| is_network) {
                None => assert!(accelerators.is_empty(), "{shown}: {accelerators:?}"),
                Some(precision) => {
                    let [(accelerator, parameters)] = &accelerators[..] else {
                        panic!("{shown}: {accelerators:?}")
                    };
                    assert_eq!(accelerator, "tensorrt", "{shown}");
                    assert!(
                        parameters.contains(&("precision_mode".into(), precision)),
                        "{shown}: {parameters:?}"
                    );
                    let unknown = parameters.iter().find(|(key, _)| !TENSORRT.contains(&key.as_str()));
                    assert_eq!(unknown, None, "{shown}");
                }
            }
            let warm_ups = messages(&gpu, "model_warmup");
            assert_eq!(
                warm_ups.is_empty(),
                !is_network,
                "{shown}: give it weights in scripts/gpu_configs.py"
            );
            for warm_up in warm_ups {
                check_warm_up(&config, &warm_up, &shown.to_string());
            }
        }
    }
    assert!(networks >= 3, "{networks}");
}

/// The accelerators of a configuration with their parameters.
fn accelerators(config: &DynamicMessage) -> Vec<(String, BTreeSet<(String, String)>)> {
    let list = nested(
        config,
        &["optimization", "execution_accelerators", "gpu_execution_accelerator"],
    );
    let accelerator = |entry: &Value| {
        let accelerator = entry.as_message().unwrap();
        (
            text(&field(accelerator, "name")),
            entries(&field(accelerator, "parameters")),
        )
    };
    list.as_list().unwrap().iter().map(accelerator).collect()
}

#[track_caller]
fn check_warm_up(config: &DynamicMessage, warm_up: &DynamicMessage, shown: &str) {
    let largest = field(config, "max_batch_size").as_i32().unwrap().max(1);
    let batch = field(warm_up, "batch_size").as_u32().unwrap();
    assert!(
        (1..=largest.unsigned_abs()).contains(&batch),
        "{shown}: a batch of {batch}"
    );
    let inputs = field(warm_up, "inputs");
    for input in messages(config, "input") {
        let key = MapKey::String(text(&field(&input, "name")));
        let warm = inputs
            .as_map()
            .unwrap()
            .get(&key)
            .unwrap_or_else(|| panic!("{shown}: no input {key:?}"));
        let warm = warm.as_message().unwrap();
        assert_eq!(field(warm, "data_type"), field(&input, "data_type"), "{shown}");
        let dims = |message| {
            let dims: Value = field(message, "dims");
            dims.as_list()
                .unwrap()
                .iter()
                .map(|side| side.as_i64().unwrap())
                .collect::<Vec<_>>()
        };
        let (warm, configured) = (dims(warm), dims(&input));
        let fits = warm
            .iter()
            .zip(&configured)
            .all(|(side, limit)| *side > 0 && (*limit == -1 || side == limit));
        assert!(
            warm.len() == configured.len() && fits,
            "{shown}: {warm:?} for {configured:?}"
        );
    }
}

/// What is not run is said not to be run.
#[test]
fn they_are_marked_as_not_run() {
    let page = fs::read_to_string(root().join("docs/gpu.md")).unwrap();
    for name in NAMES {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/gpu.md has no row for {name}"));
        assert!(row.contains("not run"), "{row}");
    }
}
