//! A model that is let go the moment it is loaded or has answered, and its server with it, on a machine that has no
//! time for its threads: they end in any order that they may.

mod common;

use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{infer, open, repository_with};
use triton::{DataType, Input};

/// Its thread yields to all others.
const MODEL: &str = r#"
    name: "small" backend: "onnxruntime" max_batch_size: 0
    instance_group [ { count: 1 kind: KIND_CPU } ]
    optimization { priority: PRIORITY_MIN }
    input [ { name: "logits" data_type: TYPE_FP32 dims: [ -1, -1 ] } ]
    output [ { name: "vests" data_type: TYPE_FP32 dims: [ -1, -1 ] } ]
    parameters { key: "intra_op_thread_count" value { string_value: "1" } }"#;

/// Where Triton's threads are not waited for, the process dies each time, by a signal.
const SERVERS: usize = 10;
const LOADS: usize = 40;

#[test]
fn a_model_may_be_let_go_at_any_moment() {
    let own = repository_with("small", MODEL, "worker_softmax");
    while_the_machine_is_busy(|| {
        for _ in 0..SERVERS {
            let server = open(own.path());
            for load in 0..LOADS {
                let model = server.model("small", None).unwrap();
                if load % 2 == 1 {
                    let mut data = model.buffer(2 * 4);
                    data.fill(0);
                    let input = Input {
                        name: "logits".into(),
                        datatype: DataType::Fp32,
                        shape: vec![1, 2],
                        data,
                    };
                    infer(&model, input).unwrap();
                }
            }
        }
    });
}

/// Does `work` beside twice as many busy threads as there are processors.
fn while_the_machine_is_busy(work: impl FnOnce() + Send) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 * thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let worked = scope.spawn(work).join();
        done.store(true, Ordering::Relaxed);
        worked.expect("work that succeeds");
    });
}
