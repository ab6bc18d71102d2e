//! Inference: data types, shapes, requested outputs, instances, ensembles.

use crate::common::onnx::{FLOAT, Graph, identity, io};
use crate::common::wire::Tensor;
use crate::common::{Repository, Server};

/// Triton's name, ONNX's number, and bytes per element of each data type.
const TYPES: [(&str, u64, usize); 13] = [
    ("FP32", 1, 4),
    ("UINT8", 2, 1),
    ("INT8", 3, 1),
    ("UINT16", 4, 2),
    ("INT16", 5, 2),
    ("INT32", 6, 4),
    ("INT64", 7, 8),
    ("BOOL", 9, 1),
    ("FP16", 10, 2),
    ("FP64", 11, 8),
    ("UINT32", 12, 4),
    ("UINT64", 13, 8),
    ("BF16", 16, 2),
];

#[test]
fn all_data_types_are_supported() {
    let repository = Repository::new();
    for (dtype, element, _) in TYPES {
        repository.add(dtype, &io(dtype, "[2, 3]"), &identity(element, &[2, 3]));
    }
    let server = Server::start(repository);
    for (dtype, _, size) in TYPES {
        server.load(dtype).unwrap_or_else(|error| panic!("{dtype}: {error}"));
        // The bytes of BOOL are 0 or 1.
        let data = (0..6 * size)
            .map(|byte| byte as u8 % if dtype == "BOOL" { 2 } else { 251 })
            .collect();
        let x = Tensor::new("x", dtype, &[2, 3], data);
        let y = server
            .infer(dtype, std::slice::from_ref(&x), &[])
            .unwrap_or_else(|error| panic!("{dtype}: {error}"));
        assert_eq!(y, [Tensor { name: "y".into(), ..x }]);
    }
}

#[test]
fn shapes_may_vary_and_be_empty_or_scalar() {
    let repository = Repository::new();
    repository.add("any", &io("FP32", "[-1, -1]"), &identity(FLOAT, &[-1, -1]));
    repository.add("scalar", &io("FP32", "[1]"), &identity(FLOAT, &[]));
    let server = Server::start(repository);
    server.load("any").expect("load");
    for shape in [[1, 1], [3, 5], [2, 1000], [0, 4]] {
        let values: Vec<_> = (0..shape[0] * shape[1]).map(|value| value as f32).collect();
        let y = server
            .infer("any", &[Tensor::floats("x", &shape, &values)], &["y"])
            .expect("infer");
        assert_eq!(y, [Tensor::floats("y", &shape, &values)]);
    }
    server.load("scalar").expect("load");
    let y = server
        .infer("scalar", &[Tensor::floats("x", &[1], &[7.0])], &[])
        .expect("infer");
    assert_eq!(y, [Tensor::floats("y", &[1], &[7.0])]);
}

#[test]
fn only_requested_outputs_are_returned() {
    let model = Graph::new()
        .input("x", FLOAT, &[2])
        .output("double", FLOAT, &[2])
        .output("zero", FLOAT, &[2])
        .output("unlisted", FLOAT, &[2])
        .node("Add", &["x", "x"], "double")
        .node("Sub", &["x", "x"], "zero")
        .node("Identity", &["x"], "unlisted")
        .model();
    let config = "input [{ name: \"x\" data_type: TYPE_FP32 dims: [2] }]\n\
                  output [{ name: \"double\" data_type: TYPE_FP32 dims: [2] },\
                          { name: \"zero\" data_type: TYPE_FP32 dims: [2] }]\n";
    let repository = Repository::new();
    repository.add("two", config, &model);
    let server = Server::start(repository);
    server.load("two").expect("load");
    let x = Tensor::floats("x", &[2], &[1.5, -2.0]);
    let (double, zero) = (
        Tensor::floats("double", &[2], &[3.0, -4.0]),
        Tensor::floats("zero", &[2], &[0.0, 0.0]),
    );
    for (requested, expected) in [
        (&["zero"][..], vec![zero.clone()]),
        (&["double"][..], vec![double.clone()]),
        (&["zero", "double"][..], vec![double.clone(), zero.clone()]),
        (&[][..], vec![double, zero]),
    ] {
        let mut got = server.infer("two", std::slice::from_ref(&x), requested).expect("infer");
        got.sort_by(|one, two| one.name.cmp(&two.name));
        assert_eq!(got, expected, "{requested:?}");
    }
}

#[test]
fn server_continues_after_a_request_with_a_wrong_shape() {
    let repository = Repository::new();
    repository.add("plain", &io("FP32", "[2, 3]"), &identity(FLOAT, &[2, 3]));
    let server = Server::start(repository);
    server.load("plain").expect("load");
    let error = server.infer("plain", &[Tensor::floats("x", &[2, 2], &[0.0; 4])], &[]);
    assert!(
        error.as_ref().is_err_and(|error| error.contains("unexpected shape")),
        "{error:?}"
    );
    let x = Tensor::floats("x", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(server.infer("plain", &[x], &[]).is_ok());
}

#[test]
fn a_model_may_have_two_instances() {
    let repository = Repository::new();
    let instances = "instance_group [{ count: 2 kind: KIND_CPU }]\n\
                     parameters { key: \"intra_op_thread_count\" value { string_value: \"1\" } }\n";
    repository.add(
        "twin",
        &format!("{instances}{}", io("FP32", "[-1]")),
        &identity(FLOAT, &[-1]),
    );
    let server = Server::start(repository);
    server.load("twin").expect("load");
    let log = server.log();
    assert!(
        log.contains("instance twin_0_0:") && log.contains("instance twin_0_1:"),
        "{log}"
    );
    let inputs: Vec<_> = (1..=16_u8)
        .map(|n| Tensor::floats("x", &[n.into()], &vec![f32::from(n); n.into()]))
        .collect();
    for (input, response) in inputs.iter().zip(server.infer_at_once("twin", &inputs)) {
        assert_eq!(
            response,
            Ok(Tensor {
                name: "y".into(),
                ..input.clone()
            })
        );
    }
}

#[test]
fn large_tensors_are_unchanged() {
    let repository = Repository::new();
    repository.add("large", &io("FP32", "[-1]"), &identity(FLOAT, &[-1]));
    let server = Server::start(repository);
    server.load("large").expect("load");
    let values: Vec<_> = (0..3_000_000).map(|value| value as f32).collect();
    let y = server
        .infer("large", &[Tensor::floats("x", &[3_000_000], &values)], &[])
        .expect("infer");
    assert!(y[0].to_floats() == values, "12 MB in both directions");
}

#[test]
fn ensemble_passes_tensors_between_models() {
    let step = |model: &str, from: &str, to: &str| {
        format!(
            "{{ model_name: \"{model}\" model_version: -1 input_map {{ key: \"x\" value: \"{from}\" }} \
             output_map {{ key: \"y\" value: \"{to}\" }} }}"
        )
    };
    let model = Graph::new()
        .input("x", FLOAT, &[-1, 2])
        .output("y", FLOAT, &[-1, 2])
        .node("Add", &["x", "x"], "y")
        .model();
    let repository = Repository::new();
    repository.add("double", &format!("max_batch_size: 4\n{}", io("FP32", "[2]")), &model);
    repository.add_ensemble(
        "fourfold",
        &format!(
            "max_batch_size: 4\n{}ensemble_scheduling {{ step [{}, {}] }}\n",
            io("FP32", "[2]"),
            step("double", "x", "between"),
            step("double", "between", "y")
        ),
    );
    let server = Server::start(repository);
    server.load("fourfold").expect("load");
    let y = server
        .infer("fourfold", &[Tensor::floats("x", &[2, 2], &[1.0, 2.0, 3.0, 4.0])], &[])
        .expect("infer");
    assert_eq!(y, [Tensor::floats("y", &[2, 2], &[4.0, 8.0, 12.0, 16.0])]);
}
