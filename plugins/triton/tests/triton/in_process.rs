//! The in-process transport against the real Triton.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::*;
use triton::{Code, DataType, Error, Input, Model, Request, Response, Server};

#[test]
fn movenet_finds_the_people_that_onnxruntime_finds() {
    let model = open(&repository()).model("movenet_multipose", None).unwrap();
    let response = infer(&model, pose_input(&model)).unwrap();
    let output = response.output("output").unwrap();
    assert_eq!((output.datatype, &output.shape[..]), (DataType::Fp32, &[1, 6, 57][..]));
    assert_eq!(output.data.as_ptr() as usize % 64, 0, "aligned");
    assert_close(&floats(output)[..57], &PERSON, 2e-3);
}

#[test]
fn resnet_classifies_vests_as_onnxruntime_does() {
    let model = open(&repository()).model("vest_resnet18", Some(1)).unwrap();
    let response = infer(&model, vest_input(&model)).unwrap();
    let output = response.output("logits").unwrap();
    assert_eq!(output.shape, [2, 8]);
    assert_close(&floats(output), &LOGITS, 1e-4);
}

#[test]
fn a_dynamic_batcher_without_a_preferred_size_is_described_as_one() {
    let model = open(&repository()).model("vest_resnet18", Some(1)).unwrap();
    let description = model.description();
    assert_eq!(
        (
            description.max_batch_size,
            description.instances,
            description.preferred_batch
        ),
        (32, 1, 1)
    );
}

#[test]
fn each_of_a_hundred_concurrent_requests_gets_one_response() {
    let model = open(&repository()).model("vest_resnet18", None).unwrap();
    let responses: Arc<Vec<AtomicUsize>> = Arc::new((0..100).map(|_| AtomicUsize::new(0)).collect());
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for first in 0..4 {
            let (model, responses, sender) = (&model, &responses, &sender);
            scope.spawn(move || {
                for request in (first..100).step_by(4) {
                    let (responses, sender) = (Arc::clone(responses), sender.clone());
                    model.infer(Request::new(vec![vest_input(model)]), move |response| {
                        responses[request].fetch_add(1, Ordering::SeqCst);
                        let _ = sender.send(response.map(|response| floats(&response.outputs[0])));
                    });
                }
            });
        }
    });
    for _ in 0..100 {
        let logits = receiver.recv_timeout(PATIENCE).expect("a response").unwrap();
        assert_close(&logits, &LOGITS, 1e-4);
    }
    drop(model);
    assert!(responses.iter().all(|count| count.load(Ordering::SeqCst) == 1));
}

#[test]
fn equal_endpoints_share_a_server_and_its_models() {
    let own = own_repository();
    let first = open(own.path());
    let second = open(&own.path().join("../").join(own.path().file_name().unwrap()));
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(first.metadata().unwrap().name, "triton");
    let model = first.model("vest_resnet18", None).unwrap();
    assert!(Arc::ptr_eq(&model, &second.model("vest_resnet18", None).unwrap()));
    let pinned = second.model("vest_resnet18", Some(1)).unwrap();
    drop(model);
    infer(&pinned, vest_input(&pinned)).expect("still loaded");
}

#[test]
fn a_server_closes_with_its_last_user_and_opens_again() {
    let own = own_repository();
    for _ in 0..3 {
        let model = open(own.path()).model("vest_resnet18", None).unwrap();
        infer(&model, vest_input(&model)).unwrap();
    }
}

#[test]
fn a_model_may_be_dropped_and_opened_again() {
    let own = own_repository();
    let server = open(own.path());
    for _ in 0..3 {
        let model = server.model("vest_resnet18", None).unwrap();
        infer(&model, vest_input(&model)).unwrap();
    }
}

#[test]
fn outputs_outlive_their_model_and_server() {
    let own = own_repository();
    let model = open(own.path()).model("vest_resnet18", None).unwrap();
    let response = infer(&model, vest_input(&model)).unwrap();
    drop(model);
    assert_close(&floats(&response.outputs[0]), &LOGITS, 1e-4);
}

#[test]
fn closing_a_busy_server_completes_every_request() {
    let own = own_repository();
    let model = open(own.path()).model("vest_resnet18", None).unwrap();
    let responses: Vec<_> = (0..40)
        .map(|_| send(&model, Request::new(vec![vest_input(&model)])))
        .collect();
    drop(model); // waits for requests being executed
    for response in responses {
        match response.try_recv().expect("a response before the server is closed") {
            Ok(response) => assert_close(&floats(&response.outputs[0]), &LOGITS, 1e-4),
            Err(error) => assert_eq!(error, Error::ServerStopped),
        }
    }
}

#[test]
fn the_last_handle_may_be_dropped_in_a_callback() {
    let own = own_repository();
    let model = open(own.path()).model("vest_resnet18", None).unwrap();
    let (sender, receiver) = mpsc::channel();
    let last = Arc::clone(&model);
    let input = vest_input(&model);
    let (go, gone) = mpsc::channel();
    model.infer(Request::new(vec![input]), move |response| {
        gone.recv_timeout(PATIENCE).expect("the other handle is dropped first");
        drop(last);
        let _ = sender.send(response.is_ok());
    });
    drop(model);
    go.send(()).unwrap();
    assert!(receiver.recv_timeout(PATIENCE).expect("no deadlock"));
    let again = open(own.path()).model("vest_resnet18", None).unwrap(); // waits for the end of the first
    infer(&again, vest_input(&again)).unwrap();
}

#[test]
fn a_panic_in_a_callback_does_not_affect_other_requests() {
    let model = open(&repository()).model("vest_resnet18", None).unwrap();
    model.infer(Request::new(vec![vest_input(&model)]), |_| {
        panic!("this panic is part of a test")
    });
    infer(&model, vest_input(&model)).unwrap();
}

/// Sends four large images, which keep both instances of movenet_multipose busy for a while.
fn keep_busy(model: &Model) -> Vec<mpsc::Receiver<Result<Response, Error>>> {
    let requests = [(); 4].map(|()| Request::new(vec![black_image(model)]));
    requests.into_iter().map(|request| send(model, request)).collect()
}

/// Whether none has a response yet, so that later requests are still queued.
fn still_busy(responses: &[mpsc::Receiver<Result<Response, Error>>]) -> bool {
    responses.iter().all(|response| response.try_recv().is_err())
}

#[test]
fn a_request_fails_at_its_deadline_and_its_memory_is_quarantined() {
    let own = own_repository();
    let model = open(own.path()).model("movenet_multipose", None).unwrap();
    let input = pose_input(&model);
    let busy = keep_busy(&model);
    let (address, len) = (input.data.as_ptr(), input.data.len());
    let timeout = Some(Duration::from_micros(1));
    let late = send(
        &model,
        Request {
            timeout,
            ..Request::new(vec![input])
        },
    );
    let error = late.recv_timeout(PATIENCE).expect("a response").unwrap_err();
    assert_eq!(error, Error::DeadlineExceeded);
    let next = model.lease(len);
    if still_busy(&busy) {
        assert_ne!(next.as_ptr(), address, "the memory of a queued request is not reused");
        assert_eq!(model.memory_use().quarantined, len);
    }
    drop(next);
    for response in busy {
        response.recv_timeout(PATIENCE).expect("a response").unwrap();
    }
    let end = Instant::now() + PATIENCE;
    while model.memory_use().quarantined > 0 {
        assert!(Instant::now() < end, "Triton does not release the late request");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn inputs_are_read_in_place() {
    let own = own_repository();
    let model = open(own.path()).model("movenet_multipose", None).unwrap();
    // The image is written after the request was sent, so only a model that reads our memory gets it.
    let found = (0..5).find_map(|_| {
        let image = pose_input(&model);
        let mut input = pose_input(&model);
        input.data.fill(0);
        let busy = keep_busy(&model);
        let address = input.data.as_mut_ptr();
        let pending = send(&model, Request::new(vec![input]));
        // SAFETY: the request keeps its memory, and is not executed yet, which is checked next.
        unsafe { address.copy_from_nonoverlapping(image.data.as_ptr(), image.data.len()) };
        let conclusive = still_busy(&busy);
        let response = pending.recv_timeout(PATIENCE).expect("a response").unwrap();
        conclusive.then_some(response)
    });
    let response = found.expect("one of 5 tries is in time");
    assert_close(&floats(&response.outputs[0])[..57], &PERSON, 2e-3);
}

#[test]
fn a_request_within_its_timeout_succeeds() {
    let model = open(&repository()).model("vest_resnet18", None).unwrap();
    for timeout in [PATIENCE, Duration::MAX] {
        let request = Request {
            timeout: Some(timeout),
            priority: 1,
            ..Request::new(vec![vest_input(&model)])
        };
        send(&model, request)
            .recv_timeout(PATIENCE)
            .expect("a response")
            .unwrap();
    }
}

#[test]
fn input_memory_is_reused() {
    let own = own_repository();
    let model = open(own.path()).model("vest_resnet18", None).unwrap();
    let mut addresses = HashSet::new();
    for _ in 0..20 {
        let input = vest_input(&model);
        addresses.insert(input.data.as_ptr() as usize);
        infer(&model, input).unwrap();
    }
    // More than one, since Triton may respond shortly before it releases the request.
    assert!(addresses.len() <= 3, "20 requests used {} blocks", addresses.len());
}

#[test]
fn invalid_requests_fail_with_tritons_message() {
    let model = open(&repository()).model("vest_resnet18", None).unwrap();
    let check = |change: fn(&mut Input), expected: &str| {
        let mut input = vest_input(&model);
        change(&mut input);
        let error = infer(&model, input).unwrap_err();
        let Error::Infer {
            code: Code::InvalidArg,
            ref message,
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert!(message.contains(expected), "{message}");
        assert!(error.is_fatal());
    };
    check(
        |input| input.shape[3] = 63,
        "unexpected shape for input 'input' for model 'vest_resnet18'",
    );
    check(|input| input.datatype = DataType::Uint8, "data-type is 'UINT8'");
    check(|input| input.name = "x".into(), "unexpected inference input 'x'");
    check(|input| input.shape[0] = 1, "input byte size mismatch");
    check(|input| input.shape[0] = 33, "batch-size must be <= 32");
    check(|input| input.name = "a\0b".into(), "contains a NUL character");
}

#[test]
fn symbols_of_tritons_libraries_are_not_visible_to_the_process() {
    let _server = open(&repository());
    let host = libloading::os::unix::Library::this();
    for symbol in [
        "TRITONSERVER_ApiVersion",
        "gnutls_global_init",
        "SSL_new",
        "curl_easy_init",
        "OrtGetApiBase",
    ] {
        // SAFETY: the symbol is only looked up.
        let found = unsafe { host.get::<*const ()>(symbol.as_bytes()) };
        assert!(found.is_err(), "{symbol} is visible to the whole process");
    }
}

#[test]
fn unknown_models_and_versions_are_reported_with_the_available_ones() {
    let server = open(&repository());
    let error = server.model("nope", None).unwrap_err();
    let Error::ModelNotFound { model, available } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(model, "nope");
    assert!(
        available.iter().any(|name| name == "movenet_multipose"),
        "{available:?}"
    );
    let error = server.model("vest_resnet18", Some(7)).unwrap_err();
    let available = vec!["1".to_owned()];
    assert_eq!(
        error,
        Error::VersionNotFound {
            model: "vest_resnet18".into(),
            version: 7,
            available
        }
    );
}

#[test]
fn a_model_that_does_not_load_is_reported_with_the_cause() {
    let config = "name: \"odd\"\nbackend: \"nosuch\"\nmax_batch_size: 0\n\
        input [ { name: \"input\" data_type: TYPE_FP32 dims: [ 1 ] } ]\n\
        output [ { name: \"logits\" data_type: TYPE_FP32 dims: [ 1 ] } ]";
    let own = repository_with("odd", config, "vest_resnet18");
    let error = open(own.path()).model("odd", None).unwrap_err();
    let Error::ModelLoad { model, reason } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(model, "odd");
    assert!(reason.contains("nosuch"), "{reason}");
}

#[test]
fn a_configuration_of_one_line_is_completed_from_the_model() {
    let own = repository_with("bare", "backend: \"onnxruntime\"", "vest_resnet18");
    let model = open(own.path()).model("bare", None).unwrap();
    let description = model.description();
    let tensors = |specs: &[triton::TensorSpec]| specs.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(tensors(&description.inputs), ["FP32 [-1, 3, 64, 64]"]);
    assert_eq!(tensors(&description.outputs), ["FP32 [-1, 8]"]);
    assert_eq!(description.max_batch_size, 4, "Triton's default");
    let response = infer(&model, vest_input(&model)).unwrap();
    assert_close(&floats(&response.outputs[0]), &LOGITS, 1e-4);
}

#[test]
fn missing_directories_are_reported_with_their_paths() {
    let nowhere = tempfile::TempDir::new().unwrap();
    let error = Server::open(&endpoint(nowhere.path())).unwrap_err();
    let repository = nowhere.path().canonicalize().unwrap();
    assert_eq!(error, Error::RepositoryEmpty { repository });
    let gone = nowhere.path().join("gone");
    let error = Server::open(&endpoint(&gone)).unwrap_err();
    assert!(
        matches!(&error, Error::RepositoryMissing { repository, .. } if *repository == gone),
        "{error:?}"
    );
    let endpoint = triton::InProcess {
        repository: crate::common::repository(),
        install_dir: gone.clone(),
    };
    let error = Server::open(&triton::Endpoint::InProcess(endpoint)).unwrap_err();
    assert!(matches!(&error, Error::LibraryNotFound { tried, .. } if *tried == gone.join("lib/libtritonserver.so")));
    assert!(error.to_string().contains("SHOPFLOOR_TRITON"), "{error}");
}

#[test]
fn a_file_that_is_not_triton_is_refused() {
    let install_dir = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(install_dir.path().join("lib")).unwrap();
    let library = install_dir.path().join("lib/libtritonserver.so");
    let open = || {
        let endpoint = triton::InProcess {
            repository: repository(),
            install_dir: install_dir.path().into(),
        };
        Server::open(&triton::Endpoint::InProcess(endpoint)).unwrap_err()
    };
    std::fs::write(&library, "not a library").unwrap();
    let error = open();
    assert!(matches!(error, Error::LibraryNotFound { .. }), "{error:?}");
    std::fs::remove_file(&library).unwrap();
    let other = crate::common::install_dir()
        .join("lib/libonnxruntime.so")
        .canonicalize()
        .unwrap();
    std::os::unix::fs::symlink(other, &library).unwrap();
    let error = open();
    let Error::LibraryTooOld { found, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(found, "without TRITONSERVER_ApiVersion");
}
