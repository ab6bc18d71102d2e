//! Batches: requests that arrive together are one run of the model, with a response or error for each.

use crate::common::onnx::{FLOAT, Graph, INT64, identity, io};
use crate::common::wire::Tensor;
use crate::common::{Repository, Server, eventually};

/// A model whose `y` has, for each entry of the batch, the sum of all entries of `x`: a response shows which entries were
/// run together.
fn sum_of_batch() -> Vec<u8> {
    Graph::new()
        .input("x", FLOAT, &[-1, 2])
        .output("y", FLOAT, &[-1, 2])
        .constant("axis", INT64, &[1], &0_i64.to_le_bytes())
        .node("ReduceSum", &["x", "axis"], "sum")
        .node("Sub", &["x", "x"], "zero")
        .node("Add", &["zero", "sum"], "y")
        .model()
}

/// A batch of four starts at once; a smaller one waits for longer than any test takes.
const BATCH_OF_FOUR: &str =
    "max_batch_size: 4\ndynamic_batching { preferred_batch_size: [4] max_queue_delay_microseconds: 30000000 }\n";

#[test]
fn queued_requests_run_as_one_batch() {
    let repository = Repository::new();
    repository.add("sum", &format!("{BATCH_OF_FOUR}{}", io("FP32", "[2]")), &sum_of_batch());
    let server = Server::start(repository);
    server.load("sum").expect("load");
    let inputs: Vec<_> = [1.0, 10.0, 100.0, 1000.0]
        .iter()
        .map(|v| Tensor::floats("x", &[1, 2], &[*v, -v]))
        .collect();
    for response in server.infer_at_once("sum", &inputs) {
        assert_eq!(response, Ok(Tensor::floats("y", &[1, 2], &[1111.0, -1111.0])));
    }
    let statistics = server.statistics("sum", 4);
    assert_eq!(statistics["execution_count"], 1);
    assert_eq!(statistics["batch_stats"][0]["batch_size"], 4);
}

#[test]
fn batched_and_single_requests_have_identical_outputs() {
    // Sums of 64 small integers are exact in any order of summation.
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
    // Requests with batch sizes 1, 2 and 1 fill a batch of four.
    let inputs: Vec<_> = [(1, 3), (2, 5), (1, 11)]
        .map(|(batch_size, step)| {
            let values: Vec<_> = (0..batch_size * 64).map(|index| (index * step % 13) as f32).collect();
            Tensor::floats("x", &[batch_size, 64], &values)
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
fn ragged_batch_runs_once_per_shape() {
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
    for (input, response) in inputs.iter().zip(server.infer_at_once("ragged", &inputs)) {
        assert_eq!(
            response,
            Ok(Tensor {
                name: "y".into(),
                ..input.clone()
            })
        );
    }
    let statistics = server.statistics("ragged", 4);
    assert_eq!(
        statistics["execution_count"], 3,
        "the two requests with equal shapes are one run"
    );
}

#[test]
fn failing_request_does_not_fail_its_batch() {
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
    let responses = server.infer_at_once("lookup", &inputs);
    let error = responses[1].as_ref().expect_err("entry 99 does not exist");
    assert!(error.contains("ONNX Runtime") && error.contains("Gather"), "{error}");
    for (index, expected) in [(0, 10.0), (2, 30.0), (3, 20.0)] {
        assert_eq!(responses[index], Ok(Tensor::floats("y", &[1, 1], &[expected])));
    }
    let failed = || server.statistics("lookup", 3)["inference_stats"]["fail"]["count"] == 1;
    assert!(eventually(failed), "three entries were run, one request failed");
}

#[test]
fn output_without_batch_dimension_is_an_error() {
    // Only the first entry of any batch, which ONNX Runtime cannot detect when it loads the model.
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
        .expect_err("one entry for a batch of three");
    assert!(
        error.contains("output 'y' has the shape [1, 2] for batch size 3"),
        "{error}"
    );
    assert!(
        server
            .infer("first", &[Tensor::floats("x", &[1, 2], &[1.0; 2])], &[])
            .is_ok()
    );
}
