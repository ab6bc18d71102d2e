//! Requests that arrive together: one run of the model, one answer or error for each.

mod common;

use common::onnx::{FLOAT, Graph, INT64, identity, io};
use common::wire::Tensor;
use common::{Repository, Server};

/// Every row of `y` is the sum of all rows of `x`: an answer tells which rows were run together.
fn sum_of_the_batch() -> Vec<u8> {
    Graph::new()
        .input("x", FLOAT, &[-1, 2])
        .output("y", FLOAT, &[-1, 2])
        .constant("axis", INT64, &[1], &0_i64.to_le_bytes())
        .node("ReduceSum", &["x", "axis"], "sum")
        .node("Sub", &["x", "x"], "zero")
        .node("Add", &["zero", "sum"], "y")
        .model()
}

/// Four requests make a batch at once; fewer wait for longer than any test takes.
const BATCH_OF_FOUR: &str =
    "max_batch_size: 4\ndynamic_batching { preferred_batch_size: [4] max_queue_delay_microseconds: 30000000 }\n";

#[test]
fn a_batch_is_executed_as_one_batch() {
    let repository = Repository::new();
    repository.add(
        "sum",
        &format!("{BATCH_OF_FOUR}{}", io("FP32", "[2]")),
        &sum_of_the_batch(),
    );
    let server = Server::start(repository);
    server.load("sum").expect("load");
    let inputs: Vec<_> = [1.0, 10.0, 100.0, 1000.0]
        .iter()
        .map(|v| Tensor::floats("x", &[1, 2], &[*v, -v]))
        .collect();
    for answer in server.infer_at_once("sum", &inputs) {
        assert_eq!(answer, Ok(Tensor::floats("y", &[1, 2], &[1111.0, -1111.0])));
    }
    let statistics = server.statistics("sum", 4);
    assert_eq!(statistics["execution_count"], 1);
    assert_eq!(statistics["batch_stats"][0]["batch_size"], 4);
}

#[test]
fn a_batch_gives_the_bits_that_single_requests_give() {
    // Sixty-four of small integers: exact in any order of summation.
    let weights: Vec<u8> = (0..64 * 5)
        .flat_map(|index| ((index % 7 - 3) as f32).to_le_bytes())
        .collect();
    let model = Graph::new()
        .input("x", FLOAT, &[-1, 64])
        .output("y", FLOAT, &[-1, 5])
        .constant("weights", FLOAT, &[64, 5], &weights)
        .node("MatMul", &["x", "weights"], "y")
        .model();
    let io = "input [{ name: \"x\" data_type: TYPE_FP32 dims: [64] }]\n\
              output [{ name: \"y\" data_type: TYPE_FP32 dims: [5] }]\n";
    let repository = Repository::new();
    repository.add("single", &format!("max_batch_size: 4\n{io}"), &model);
    repository.add("batched", &format!("{BATCH_OF_FOUR}{io}"), &model);
    let server = Server::start(repository);
    server.load("single").expect("load");
    server.load("batched").expect("load");
    // Three requests of one, two and one row are a batch of four.
    let inputs: Vec<_> = [(1, 3), (2, 5), (1, 11)]
        .map(|(rows, step)| {
            let values: Vec<_> = (0..rows * 64).map(|index| (index * step % 13) as f32).collect();
            Tensor::floats("x", &[rows, 64], &values)
        })
        .into();
    let batched = server.infer_at_once("batched", &inputs);
    for (input, batched) in inputs.into_iter().zip(batched) {
        let single = server.infer("single", &[input], &[]).expect("infer").swap_remove(0);
        assert_eq!(batched, Ok(single));
    }
    assert_eq!(server.statistics("batched", 4)["execution_count"], 1);
}

#[test]
fn requests_of_other_shapes_in_one_batch_are_answered_each() {
    let ragged = io("FP32", "[-1]").replacen("dims", "allow_ragged_batch: true dims", 1);
    let repository = Repository::new();
    repository.add(
        "ragged",
        &format!("{BATCH_OF_FOUR}{ragged}"),
        &identity(FLOAT, &[-1, -1]),
    );
    let server = Server::start(repository);
    server.load("ragged").expect("load");
    let inputs: Vec<_> = [2_i64, 3, 2, 5]
        .iter()
        .map(|&width| Tensor::floats("x", &[1, width], &vec![width as f32; width as usize]))
        .collect();
    for (input, answer) in inputs.iter().zip(server.infer_at_once("ragged", &inputs)) {
        assert_eq!(
            answer,
            Ok(Tensor {
                name: "y".into(),
                ..input.clone()
            })
        );
    }
    let statistics = server.statistics("ragged", 4);
    assert_eq!(statistics["execution_count"], 3, "the two of equal shape were one run");
}

#[test]
fn a_request_that_fails_fails_alone() {
    let table: Vec<u8> = [10.0_f32, 20.0, 30.0]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let model = Graph::new()
        .input("x", INT64, &[-1, 1])
        .output("y", FLOAT, &[-1, 1])
        .constant("table", FLOAT, &[3], &table)
        .node("Gather", &["table", "x"], "y")
        .model();
    let config = format!(
        "{BATCH_OF_FOUR}input [{{ name: \"x\" data_type: TYPE_INT64 dims: [1] }}]\n\
         output [{{ name: \"y\" data_type: TYPE_FP32 dims: [1] }}]\n"
    );
    let repository = Repository::new();
    repository.add("lookup", &config, &model);
    let server = Server::start(repository);
    server.load("lookup").expect("load");
    let inputs: Vec<_> = [0, 99, 2, 1]
        .iter()
        .map(|&index| Tensor::integers("x", &[1, 1], &[index]))
        .collect();
    let answers = server.infer_at_once("lookup", &inputs);
    let error = answers[1].as_ref().expect_err("there is no entry 99");
    assert!(error.contains("ONNX Runtime") && error.contains("Gather"), "{error}");
    for (index, expected) in [(0, 10.0), (2, 30.0), (3, 20.0)] {
        assert_eq!(answers[index], Ok(Tensor::floats("y", &[1, 1], &[expected])));
    }
    let failed = || server.statistics("lookup", 3)["inference_stats"]["fail"]["count"] == 1;
    assert!(common::eventually(failed), "three rows were run, one request failed");
}

#[test]
fn an_output_that_is_no_batch_is_an_error_and_no_crash() {
    // The first row only, whatever the batch: what ONNX Runtime cannot know when the model is loaded.
    let model = Graph::new()
        .input("x", FLOAT, &[-1, 2])
        .output("y", FLOAT, &[-1, 2])
        .constant("start", INT64, &[1], &0_i64.to_le_bytes())
        .constant("end", INT64, &[1], &1_i64.to_le_bytes())
        .node("Slice", &["x", "start", "end"], "y")
        .model();
    let repository = Repository::new();
    repository.add("first", &format!("max_batch_size: 4\n{}", io("FP32", "[2]")), &model);
    let server = Server::start(repository);
    server.load("first").expect("load");
    let error = server
        .infer("first", &[Tensor::floats("x", &[3, 2], &[1.0; 6])], &[])
        .expect_err("one row for three");
    assert!(
        error.contains("output 'y' has the shape [1, 2] for a batch of 3"),
        "{error}"
    );
    assert!(
        server
            .infer("first", &[Tensor::floats("x", &[1, 2], &[1.0; 2])], &[])
            .is_ok()
    );
}
