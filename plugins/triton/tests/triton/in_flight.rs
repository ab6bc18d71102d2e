//! The two ends of a request in process, on the real Triton: its response, deadline or failure; and its release, when
//! Triton neither works on it nor uses its memory. Instances are held by slow requests, so that others are queued.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::*;
use triton::{Error, Input, Model, OnRelease, Request, Response, Server};

/// Shorter than any execution, so that queued requests are late while the instances are held.
const SHORT: Option<Duration> = Some(Duration::from_millis(1));

/// Number of requests that are queued behind the slow ones.
const QUEUED: usize = 8;

/// Which end of a request was reached.
#[derive(Debug, PartialEq)]
enum End {
    Answered(Result<(), Error>),
    Released,
}

/// Sends a request; the channel receives both of its ends.
fn send_watched(model: &Model, request: Request) -> mpsc::Receiver<End> {
    let (sender, ends) = mpsc::channel();
    let answered = sender.clone();
    let on_release = OnRelease::new(move || drop(sender.send(End::Released)));
    let request = Request {
        on_release: Some(on_release),
        ..request
    };
    model.infer(request, move |response: Result<Response, Error>| {
        let _ = answered.send(End::Answered(response.map(drop)));
    });
    ends
}

fn next(ends: &mpsc::Receiver<End>) -> End {
    ends.recv_timeout(PATIENCE).expect("an end of the request")
}

/// A black image of 1280x960 pixels, which takes several times as long as those of pipelines.
fn large_image(model: &Model) -> Input {
    let mut data = model.lease(3 * 960 * 1280 * 4);
    data.fill(0);
    Input {
        shape: vec![1, 3, 960, 1280],
        data,
        ..black_image(model)
    }
}

/// Holds both instances of movenet_multipose by a request each.
fn hold(model: &Model) -> [mpsc::Receiver<End>; 2] {
    [(); 2].map(|()| send_watched(model, Request::new(vec![large_image(model)])))
}

fn late(input: Input) -> Request {
    Request {
        timeout: SHORT,
        ..Request::new(vec![input])
    }
}

/// The numbers of requests that a model has executed, and that failed, once Triton has counted `requests` in all.
fn outcomes(server: &Server, model: &str, requests: u64) -> [u64; 2] {
    let end = Instant::now() + PATIENCE;
    loop {
        let statistics = server.statistics(model).unwrap().remove(0);
        let outcomes = [statistics.success.count, statistics.fail.count];
        if outcomes.iter().sum::<u64>() >= requests {
            return outcomes;
        }
        assert!(Instant::now() < end, "{statistics:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Queues late requests behind slow ones: they fail at their deadlines, are released by Triton later, and never run.
#[track_caller]
fn late_requests_are_never_executed(repository: &Path) {
    let server = open(repository);
    let model = server.model("movenet_multipose", None).unwrap();
    let held = hold(&model);
    let queued: Vec<_> = (0..QUEUED)
        .map(|_| send_watched(&model, late(black_image(&model))))
        .collect();
    for ends in &queued {
        assert_eq!(next(ends), End::Answered(Err(Error::DeadlineExceeded)));
    }
    for ends in held.iter() {
        let both = [next(ends), next(ends)];
        assert!(
            both.contains(&End::Answered(Ok(()))) && both.contains(&End::Released),
            "{both:?}"
        );
    }
    for ends in &queued {
        assert_eq!(next(ends), End::Released);
    }
    let queued = QUEUED as u64;
    assert_eq!(outcomes(&server, "movenet_multipose", 2 + queued), [2, queued]);
    assert_eq!(model.memory_use().quarantined, 0);
}

/// The committed configuration: the queue's policy rejects them.
#[test]
fn late_requests_are_rejected_by_the_queue_policy() {
    let own = own_repository();
    late_requests_are_never_executed(own.path());
}

/// Without a queue policy they reach the backend, which does not run cancelled requests.
#[test]
fn late_requests_are_cancelled_in_the_backend() {
    let shipped = std::fs::read_to_string(repository().join("movenet_multipose/config.pbtxt")).unwrap();
    let begin = shipped.find("dynamic_batching").unwrap();
    let end = begin + shipped[begin..].find("} }").unwrap() + 3;
    let config = format!("{}{}", &shipped[..begin], &shipped[end..]);
    let own = repository_with("movenet_multipose", &config, "movenet_multipose");
    late_requests_are_never_executed(own.path());
}

#[test]
fn a_request_is_released_when_triton_releases_it_and_not_at_its_deadline() {
    let own = own_repository();
    let model = open(own.path()).model("movenet_multipose", None).unwrap();
    // Executed already when its deadline passes, so it keeps its memory until the execution ends.
    let (address, len) = {
        let input = large_image(&model);
        let (address, len) = (input.data.as_ptr() as usize, input.data.len());
        let ends = send_watched(
            &model,
            Request {
                timeout: Some(Duration::from_millis(50)),
                ..Request::new(vec![input])
            },
        );
        assert_eq!(next(&ends), End::Answered(Err(Error::DeadlineExceeded)));
        if ends.try_recv().is_err() {
            assert_eq!(model.memory_use().quarantined, len);
        }
        assert_eq!(next(&ends), End::Released);
        (address, len)
    };
    assert_eq!(model.memory_use().quarantined, 0, "the memory is free at the release");
    assert_eq!(model.lease(len).as_ptr() as usize, address, "and used again");
}

#[test]
fn a_request_that_triton_refuses_is_released() {
    let model = open(&repository()).model("vest_resnet18", None).unwrap();
    let mut input = vest_input(&model);
    input.shape[3] = 63;
    let ends = send_watched(&model, Request::new(vec![input]));
    assert!(matches!(next(&ends), End::Answered(Err(Error::Infer { .. }))));
    assert_eq!(next(&ends), End::Released);
}

/// Close does not wait: at its end the slow requests are still executed, and keep their memory.
#[test]
fn closing_fails_all_requests_at_once_and_triton_releases_them_later() {
    let own = own_repository();
    let model = open(own.path()).model("movenet_multipose", None).unwrap();
    let mut requests = Vec::from(hold(&model));
    requests.extend((0..64).map(|_| send_watched(&model, Request::new(vec![black_image(&model)]))));
    drop(model);
    let mut executing = 0;
    for ends in &requests {
        let end = ends.try_recv().expect("an answer before the server is closed");
        // A queued request is perhaps released already; the first two are executed for much longer than a close.
        if end == End::Answered(Err(Error::ServerStopped)) {
            executing += usize::from(ends.try_recv().is_err());
        }
    }
    assert!(executing > 0, "close waited for every execution");
    // The same models, by a new handle, while the old requests are executed.
    let model = open(own.path()).model("movenet_multipose", None).unwrap();
    infer(&model, black_image(&model)).unwrap();
    for ends in requests {
        while ends.recv_timeout(PATIENCE).is_ok_and(|end| end != End::Released) {}
        assert!(ends.recv().is_err(), "nothing follows the release");
    }
}

/// Servers that are closed while requests are executed, and opened again, many times; the callbacks of Triton find the
/// memory of requests of servers long closed.
#[test]
fn a_server_may_be_closed_and_opened_again_while_requests_are_executed() {
    let own = own_repository();
    let (sender, released) = mpsc::channel();
    const ROUNDS: usize = 60;
    for round in 0..ROUNDS {
        let model = open(own.path()).model("movenet_multipose", None).unwrap();
        for _ in 0..3 {
            let sender = sender.clone();
            let request = Request {
                on_release: Some(OnRelease::new(move || sender.send(round).unwrap_or_default())),
                ..Request::new(vec![pose_input(&model)])
            };
            model.infer(request, |_| {});
        }
        if round % 3 == 0 {
            infer(&model, pose_input(&model)).unwrap();
        }
    }
    drop(sender);
    let mut count = 0;
    while released.recv_timeout(PATIENCE).is_ok() {
        count += 1;
    }
    assert_eq!(count, 3 * ROUNDS);
    let model = open(own.path()).model("movenet_multipose", None).unwrap();
    let response = infer(&model, pose_input(&model)).unwrap();
    assert_close(&floats(&response.outputs[0])[..57], &PERSON, 2e-3);
}

/// The callback of another thread is waited for: at the end of a close, no callback runs any more.
#[test]
fn closing_waits_for_callbacks_that_are_being_invoked() {
    let own = own_repository();
    let model = open(own.path()).model("vest_resnet18", None).unwrap();
    let (started, running) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let finished = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&finished);
    model.infer(Request::new(vec![vest_input(&model)]), move |_| {
        started.send(()).unwrap();
        gone.recv_timeout(PATIENCE).unwrap();
        flag.store(true, Ordering::SeqCst);
    });
    running.recv_timeout(PATIENCE).unwrap();
    let closer = thread::spawn(move || drop(model));
    go.send(()).unwrap();
    closer.join().unwrap();
    assert!(finished.load(Ordering::SeqCst));
}

/// Steps of an ensemble have the timeout of its request, each from the time when it is queued.
#[test]
fn late_requests_of_an_ensemble_are_dropped_at_the_next_step() {
    let own = whole_repository();
    let server = open(own.path());
    let ensemble = server.model("worker_ensemble_movenet", None).unwrap();
    let pose = server.model("movenet_multipose", None).unwrap();
    let frame = || {
        let input = &ensemble.description().inputs[0];
        let mut data = ensemble.lease(480 * 640 * 3);
        data.fill(0);
        Input {
            name: input.name.clone(),
            datatype: input.datatype,
            shape: vec![1, 480, 640, 3],
            data,
        }
    };
    let held = hold(&pose);
    let late = Request {
        timeout: Some(Duration::from_millis(20)),
        ..Request::new(vec![frame()])
    };
    let ends = send_watched(&ensemble, late);
    assert_eq!(next(&ends), End::Answered(Err(Error::DeadlineExceeded)));
    assert_eq!(next(&ends), End::Released);
    for ends in &held {
        while next(ends) != End::Released {}
    }
    infer(&pose, black_image(&pose)).unwrap(); // behind the step of the late frame, which may not even be queued
    let failed = outcomes(&server, "movenet_multipose", 3)[1];
    assert_eq!(outcomes(&server, "movenet_multipose", 3 + failed), [3, failed]);
}

/// A separate repository, and so a separate server, with all of the project's models.
fn whole_repository() -> TempDir {
    let own = TempDir::new().expect("a temporary directory");
    for entry in std::fs::read_dir(repository()).expect("a repository").flatten() {
        let model = entry.path().canonicalize().expect("a path");
        std::os::unix::fs::symlink(model, own.path().join(entry.file_name())).expect("a link");
    }
    own
}
