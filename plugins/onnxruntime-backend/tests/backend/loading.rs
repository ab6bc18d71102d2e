//! Loading: errors of configurations, models and libraries, completion of configurations, and unloading without leaks.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::common::onnx::{FLOAT, Graph, identity};
use crate::common::wire::Tensor;
use crate::common::{Repository, Server, install_dir};

const STRING: u64 = 8;

fn io(x: &str, y: &str) -> String {
    format!("input [{{ name: {x} }}]\noutput [{{ name: {y} }}]\n")
}

const X: &str = "\"x\" data_type: TYPE_FP32 dims: [2, 3]";
const Y: &str = "\"y\" data_type: TYPE_FP32 dims: [2, 3]";

/// A parameter of config.pbtxt.
fn parameter(key: &str, value: &str) -> String {
    format!("parameters {{ key: \"{key}\" value {{ string_value: \"{value}\" }} }}\n")
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of errors")]
fn load_errors_name_the_model_and_the_problem() {
    let good = identity(FLOAT, &[2, 3]);
    let plain = io(X, Y);
    let accelerator = |name: &str| {
        format!("optimization {{ execution_accelerators {{ cpu_execution_accelerator [{{ name: \"{name}\" }}] }} }}\n")
    };
    let cases = [
        (
            "not_onnx",
            plain.clone(),
            b"this is not a model".to_vec(),
            &["cannot load", "model.onnx"][..],
        ),
        (
            "other_file",
            format!("default_model_filename: \"net.onnx\"\n{plain}"),
            good.clone(),
            &[
                "cannot load",
                "1/net.onnx: there is no such file",
                "default_model_filename",
            ],
        ),
        (
            "other_type",
            io("\"x\" data_type: TYPE_UINT8 dims: [2, 3]", Y),
            good.clone(),
            &["input 'x' has another data type", "UINT8 [2, 3]", "FP32 [2, 3]"],
        ),
        (
            "other_name",
            io("\"image\" data_type: TYPE_FP32 dims: [2, 3]", Y),
            good.clone(),
            &["input 'image' is unknown", "only x"],
        ),
        (
            "other_output",
            io(X, "\"z\" data_type: TYPE_FP32 dims: [2, 3]"),
            good.clone(),
            &["output 'z' is unknown", "only y"],
        ),
        (
            "other_shape",
            io(X, "\"y\" data_type: TYPE_FP32 dims: [2, 4]"),
            good.clone(),
            &["output 'y' has another shape", "[2, 4]", "[2, 3]"],
        ),
        (
            "looser_shape",
            io("\"x\" data_type: TYPE_FP32 dims: [2, -1]", Y),
            good.clone(),
            &["input 'x' has another shape", "[2, -1]"],
        ),
        (
            "other_rank",
            io("\"x\" data_type: TYPE_FP32 dims: [6]", Y),
            good.clone(),
            &["input 'x' has another number of dimensions", "FP32 [6]"],
        ),
        (
            "fixed_batch",
            format!(
                "max_batch_size: 4\n{}",
                io(
                    "\"x\" data_type: TYPE_FP32 dims: [3]",
                    "\"y\" data_type: TYPE_FP32 dims: [3]"
                )
            ),
            good.clone(),
            &["input 'x' has a fixed batch dimension", "max_batch_size: 0"],
        ),
        (
            "missing_input",
            plain.clone(),
            Graph::new()
                .input("x", FLOAT, &[2, 3])
                .input("w", FLOAT, &[3])
                .output("y", FLOAT, &[2, 3])
                .node("Add", &["x", "w"], "y")
                .model(),
            &["input 'w' is missing", "FP32 [3]"],
        ),
        (
            "strings",
            io(
                "\"x\" data_type: TYPE_STRING dims: [2]",
                "\"y\" data_type: TYPE_STRING dims: [2]",
            ),
            identity(STRING, &[2]),
            &["'x' has the data_type TYPE_STRING", "supports numbers"],
        ),
        (
            "no_provider",
            format!("{plain}{}", parameter("execution_provider", "cuda")),
            good.clone(),
            &[
                "CUDAExecutionProvider",
                "libonnxruntime.so",
                "CPUExecutionProvider",
                "library=PATH",
            ],
        ),
        (
            "no_accelerator",
            format!("{plain}{}", accelerator("openvino")),
            good.clone(),
            &["OpenVINOExecutionProvider", "CPUExecutionProvider"],
        ),
        (
            "odd_accelerator",
            format!("{plain}{}", accelerator("abacus")),
            good.clone(),
            &[
                "execution provider 'abacus' is unknown",
                "cpu, cuda, tensorrt, openvino",
            ],
        ),
        (
            "odd_threads",
            format!("{plain}{}", parameter("intra_op_thread_count", "many")),
            good,
            &["intra_op_thread_count is 'many'", "number of threads"],
        ),
    ];
    let repository = Repository::new();
    for (name, config, model, _) in &cases {
        repository.add(name, config, model);
    }
    let server = Server::start(repository);
    for (name, _, _, expected) in &cases {
        let error = server.load(name).expect_err(name);
        for part in *expected {
            assert!(error.contains(part), "{name}: no '{part}' in: {error}");
        }
        assert!(error.contains(&format!("model '{name}'")), "{error}");
    }
}

#[test]
fn known_parameters_are_accepted_and_others_ignored() {
    let settings: String = [
        ("intra_op_thread_count", "1"),
        ("inter_op_thread_count", "1"),
        ("execution_mode", "0"),
        ("enable_mem_arena", "0"),
        ("enable_mem_pattern", "0"),
        ("execution_provider", "cpu"),
        ("shopfloor.letterbox", "none"),
    ]
    .map(|(key, value)| parameter(key, value))
    .concat();
    let repository = Repository::new();
    let config = format!("{}{settings}optimization {{ graph {{ level: 2 }} }}\n", io(X, Y));
    repository.add("tuned", &config, &identity(FLOAT, &[2, 3]));
    let server = Server::start(repository);
    server.load("tuned").expect("load");
    let x = Tensor::floats("x", &[2, 3], &[1.0; 6]);
    assert_eq!(
        server.infer("tuned", &[x], &[]),
        Ok(vec![Tensor::floats("y", &[2, 3], &[1.0; 6])])
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn a_configuration_is_completed_from_the_model_as_nvidias_backend_does() {
    let repository = Repository::new();
    let rows = identity(FLOAT, &[-1, 3]);
    let fixed_output = Graph::new()
        .input("x", FLOAT, &[-1, 3])
        .output("y", FLOAT, &[2, 3])
        .node("Identity", &["x"], "y")
        .model();
    // Configuration, model; dims, shape of a request, max_batch_size and whether it batches dynamically.
    let table = [
        ("bare", "", &rows, &[3][..], &[2, 3][..], 4, true),
        ("of_eight", "max_batch_size: 8\n", &rows, &[3], &[2, 3], 8, true),
        ("of_one", "max_batch_size: 1\n", &rows, &[3], &[1, 3], 1, false),
        (
            "scalars",
            "max_batch_size: 8\n",
            &identity(FLOAT, &[-1]),
            &[1],
            &[2, 1],
            8,
            true,
        ),
        ("fixed", "", &identity(FLOAT, &[2, 3]), &[2, 3], &[2, 3], 0, false),
        ("half_fixed", "", &fixed_output, &[-1, 3], &[2, 3], 0, false),
        (
            "scheduled",
            "dynamic_batching { max_queue_delay_microseconds: 7 }\n",
            &rows,
            &[3],
            &[2, 3],
            4,
            true,
        ),
        (
            "half_written",
            "max_batch_size: 2\ninput [{ name: \"x\" data_type: TYPE_FP32 dims: [3] }]\n",
            &rows,
            &[3],
            &[2, 3],
            2,
            true,
        ),
        (
            "written",
            "input [{ name: \"x\" data_type: TYPE_FP32 dims: [-1, 3] }]\n\
             output [{ name: \"y\" data_type: TYPE_FP32 dims: [-1, 3] }]\n",
            &rows,
            &[-1, 3],
            &[2, 3],
            0,
            false,
        ),
    ];
    for (name, config, model, ..) in &table {
        repository.add(name, config, model);
    }
    repository.add("contradiction", "max_batch_size: 8\n", &identity(FLOAT, &[2, 3]));
    let server = Server::start(repository);
    for (model, _, _, dims, shape, max_batch_size, dynamic) in table {
        server.load(model).expect(model);
        let config = server.config(model);
        assert_eq!(config["max_batch_size"], max_batch_size, "{model}");
        assert_eq!(config.get("dynamic_batching").is_some(), dynamic, "{model}: {config}");
        for (key, name) in [("input", "x"), ("output", "y")] {
            if model == "half_fixed" && key == "output" {
                continue;
            }
            let tensor = &config[key][0];
            assert_eq!(tensor["name"], name, "{model}");
            assert_eq!(tensor["data_type"], "TYPE_FP32", "{model}");
            assert_eq!(tensor["dims"], serde_json::json!(dims), "{model}");
        }
        let values = vec![0.5; shape.iter().product::<i64>() as usize];
        let y = server
            .infer(model, &[Tensor::floats("x", shape, &values)], &[])
            .expect(model);
        assert_eq!(y, [Tensor::floats("y", shape, &values)]);
    }
    let delay = &server.config("scheduled")["dynamic_batching"]["max_queue_delay_microseconds"];
    assert!(*delay == 7 || *delay == "7", "{delay}");
    let error = server.load("contradiction").expect_err("the model has a fixed batch");
    for part in [
        "model 'contradiction'",
        "max_batch_size is 8",
        "'x'",
        "FP32 [2, 3]",
        "expected 0",
    ] {
        assert!(error.contains(part), "no '{part}' in: {error}");
    }
}

#[test]
fn the_servers_default_batch_size_is_used() {
    let repository = Repository::new();
    repository.add("bare", "", &identity(FLOAT, &[-1, 3]));
    let library = install_dir().join("lib/libonnxruntime.so");
    let server = Server::start_with(
        repository,
        &[
            format!("--backend-config=onnxruntime,library={}", library.display()),
            "--backend-config=onnxruntime,default-max-batch-size=32".to_owned(),
        ],
    );
    server.load("bare").expect("load");
    assert_eq!(server.config("bare")["max_batch_size"], 32);
}

/// Weights that may not be passed on are not in the repository; other models load, and the error names the way to get them.
#[test]
fn a_missing_file_is_looked_up_in_the_model_s_readme() {
    let repository = Repository::new();
    repository.add("plain", &io(X, Y), &identity(FLOAT, &[2, 3]));
    repository.add("bare", &io(X, Y), &[]);
    std::fs::remove_file(repository.path("models/bare/1/model.onnx")).expect("a file");
    let readme = repository.path("models/bare/README.md");
    std::fs::write(&readme, "").expect("a folder");
    let server = Server::start(repository);
    let error = server.load("bare").expect_err("it has no file");
    for part in [
        "1/model.onnx: there is no such file",
        &format!("{} says how", readme.display()),
    ] {
        assert!(error.contains(part), "no '{part}' in: {error}");
    }
    server.load("plain").expect("its neighbour is not affected");
}

/// What docs/gpu.md says of --model-config-name; and Triton takes all of the shipped configurations for GPUs but for their kind,
/// which it refuses on a machine without one.
#[test]
fn configurations_are_chosen_by_name() {
    let name = "tensorrt-int8";
    let repository = Repository::new();
    repository.add("plain", &io(X, Y), &identity(FLOAT, &[2, 3]));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model_repository");
    for model in ["vest_resnet18", "worker_detect"] {
        let (from, to) = (shipped.join(model), repository.path(&format!("models/{model}")));
        std::fs::create_dir_all(to.join("configs")).expect("a folder");
        for file in std::fs::read_dir(&from)
            .expect("a model")
            .flatten()
            .filter(|file| file.file_name() != "configs")
        {
            std::os::unix::fs::symlink(file.path(), to.join(file.file_name())).expect("a link");
        }
        let config = std::fs::read_to_string(from.join(format!("configs/{name}.pbtxt"))).expect("a configuration");
        let config = config.replace("KIND_GPU", "KIND_CPU");
        std::fs::write(to.join(format!("configs/{name}.pbtxt")), config).expect("a file");
    }
    let library = install_dir().join("lib/libonnxruntime.so");
    let server = Server::start_with(
        repository,
        &[
            format!("--backend-config=onnxruntime,library={}", library.display()),
            format!("--model-config-name={name}"),
        ],
    );
    server.load("plain").expect("it has only config.pbtxt");
    server.load("vest_resnet18").expect("load and warm-up");
    server.load("worker_detect").expect("load");
    let config = server.config("vest_resnet18");
    assert_eq!(config["dynamic_batching"]["priority_levels"], 2, "{config}");
    let accelerators = &config["optimization"]["execution_accelerators"]["gpu_execution_accelerator"];
    assert_eq!(accelerators[0]["parameters"]["precision_mode"], "INT8", "{config}");
    assert_eq!(config["model_warmup"].as_array().map(Vec::len), Some(2), "{config}");
}

#[test]
fn missing_library_is_an_error_of_every_load() {
    let repository = Repository::new();
    repository.add("plain", &io(X, Y), &identity(FLOAT, &[2, 3]));
    let server = Server::start_with(
        repository,
        &["--backend-config=onnxruntime,library=/nowhere/libonnxruntime.so".to_owned()],
    );
    for _ in 0..2 {
        let error = server.load("plain").expect_err("the library does not exist");
        for part in [
            "/nowhere/libonnxruntime.so: no such file",
            "--backend-config=onnxruntime,library=PATH",
        ] {
            assert!(error.contains(part), "no '{part}' in: {error}");
        }
    }
}

#[test]
fn another_library_than_onnx_runtime_is_an_error() {
    let other = install_dir().join("lib/libtritonserver.so");
    let repository = Repository::new();
    repository.add("plain", &io(X, Y), &identity(FLOAT, &[2, 3]));
    let server = Server::start_with(
        repository,
        &[format!("--backend-config=onnxruntime,library={}", other.display())],
    );
    let error = server.load("plain").expect_err("it is not ONNX Runtime");
    assert!(error.contains("OrtGetApiBase"), "{error}");
}

#[test]
fn default_library_is_in_lib_beside_the_backends() {
    let repository = Repository::new();
    repository.add("plain", &io(X, Y), &identity(FLOAT, &[2, 3]));
    let folder = repository.path("lib");
    std::fs::create_dir(&folder).expect("a folder");
    std::os::unix::fs::symlink(
        install_dir().join("lib/libonnxruntime.so"),
        folder.join("libonnxruntime.so"),
    )
    .expect("a link");
    let server = Server::start_with(repository, &[]);
    server.load("plain").expect("load");
}

#[test]
fn unloading_frees_memory() {
    // 8 MiB of weights: fifty leaked copies would be 400 MiB.
    let weights: Vec<u8> = (0..2 * 1024 * 1024)
        .flat_map(|index| (index as f32).to_le_bytes())
        .collect();
    let model = Graph::new()
        .input("x", FLOAT, &[-1, 1024])
        .output("y", FLOAT, &[-1, 2048])
        .constant("weights", FLOAT, &[1024, 2048], &weights)
        .node("MatMul", &["x", "weights"], "y")
        .model();
    let config = format!(
        "max_batch_size: 4\n{}instance_group [{{ count: 1 kind: KIND_CPU }}]\n",
        io(
            "\"x\" data_type: TYPE_FP32 dims: [1024]",
            "\"y\" data_type: TYPE_FP32 dims: [2048]"
        )
    );
    let repository = Repository::new();
    repository.add("heavy", &config, &model);
    repository.add("broken", &config, b"this is not a model");
    let server = Server::start(repository);
    let x = Tensor::floats("x", &[2, 1024], &[1.0; 2048]);
    // Triton's own threads still use an instance right after its response, and a model right after it is said to be unloaded:
    // without the pauses it crashed in 3 of 4 runs (the races are listed in `triton/src/in_process/resident.rs`).
    let settle = || thread::sleep(Duration::from_millis(50));
    let round = || {
        server.load("heavy").expect("load");
        server.infer("heavy", std::slice::from_ref(&x), &[]).expect("infer");
        settle();
        server.unload("heavy");
        server.load("broken").expect_err("it is not a model");
        settle();
    };
    (0..10).for_each(|_| round());
    let before = server.resident_mib();
    (0..50).for_each(|_| round());
    let after = server.resident_mib();
    assert!(after < before + 60, "{before} MiB became {after} MiB in fifty rounds");
    eprintln!("{before} MiB before, {after} MiB after fifty rounds");
}
