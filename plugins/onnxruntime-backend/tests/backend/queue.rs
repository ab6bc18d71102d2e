//! The queue policy of movenet_multipose in a separate server: requests whose timeout ends in the queue are not run.

use std::thread;

use crate::common::wire::Tensor;
use crate::common::{Repository, Server, eventually};

const POSE: &str = "movenet_multipose";

/// A black image that takes an instance some tenths of a second.
fn image() -> Tensor {
    Tensor::floats("images", &[1, 3, 960, 1280], &vec![0.0; 3 * 960 * 1280])
}

#[test]
fn requests_whose_timeout_ends_in_the_queue_are_rejected() {
    /// More than there are instances, so that some are queued.
    const RUN: usize = 4;
    const LATE: usize = 6;
    let repository = Repository::new();
    repository.add_shipped(POSE);
    let server = Server::start(repository);
    server.load(POSE).expect("load");
    let small = Tensor::floats("images", &[1, 3, 32, 32], &[0.0; 3 * 32 * 32]);
    thread::scope(|scope| {
        let run: Vec<_> = (0..RUN)
            .map(|_| scope.spawn(|| server.infer(POSE, &[image()], &[])))
            .collect();
        // A microsecond is over before the batcher looks, busy or idle.
        let late = || server.infer_within(POSE, std::slice::from_ref(&small), &[], 1);
        let late: Vec<_> = (0..LATE).map(|_| scope.spawn(late)).collect();
        for late in late {
            assert_eq!(
                late.join().expect("no panic"),
                Err("Request timeout expired".to_owned())
            );
        }
        for run in run {
            assert!(run.join().expect("no panic").is_ok());
        }
    });
    // A timeout that does not end in the queue is no limit for the execution.
    server.infer_within(POSE, &[image()], &[], 60_000_000).expect("infer");
    let mut counted = [0; 2];
    let complete = eventually(|| {
        let statistics = server.all_statistics(POSE);
        let count = |outcome: &str| statistics["inference_stats"][outcome]["count"].as_u64().unwrap_or(0);
        counted = [count("success"), count("fail")];
        counted == [RUN as u64 + 1, LATE as u64]
    });
    assert!(complete, "executed, rejected: {counted:?}");
}
