//! The gRPC client with a fake server: descriptions, responses, errors, and the shared connection.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::common::remote::{ask, bytes_of, connect, echo, endpoint, of_bytes, request, respond_with_input, signed};
use crate::common::{PATIENCE, send};
use expect_test::expect;
use triton::{
    Code, Error, FailureKind, ModelDescription, Request, Server, ServerPool, SystemSharedMemoryRegion, TensorFormat,
};
use triton_fake::{Model, Tensor};

#[test]
fn descriptions_come_from_metadata_and_configuration() {
    let vest = Model::new("vest", drop)
        .versions(&["1", "3"])
        .max_batch_size(8)
        .input("in", "FP32", &[-1, 3, 64, 32])
        .output("out", "FP32", &[-1, 2])
        .parameter("shopfloor.labels", "red,blue")
        .parameter("other", "kept");
    let wide = Model::new("wide", drop).nhwc_input("in", "UINT8", &[1, 3, 640, 3]);
    let fake = triton_fake::Server::start([vest, wide, echo("stream").decoupled()]).unwrap();
    let server = connect(&fake.url()).unwrap();
    let metadata = r#"{"name": "vest", "versions": ["1", "3"],
        "inputs": [{"name": "in", "datatype": "FP32", "shape": [-1, 3, 64, 32]}],
        "outputs": [{"name": "out", "datatype": "FP32", "shape": [-1, 2]}]}"#;
    let config = r#"{"max_batch_size": 8, "input": [{"name": "in", "format": "FORMAT_NONE"}], "parameters":
        {"shopfloor.labels": {"string_value": "red,blue"}, "other": {"string_value": "kept"}}}"#;
    let expected = ModelDescription::from_json(metadata, config).unwrap();
    for version in [None, Some(1)] {
        let model = server.model("vest", version).unwrap();
        assert_eq!(*model.description(), expected);
        assert_eq!(model.version(), version);
    }
    let wide = server.model("wide", None).unwrap();
    assert_eq!(wide.description().inputs[0].format, TensorFormat::Nhwc);
    assert!(server.model("stream", None).unwrap().description().decoupled);
}

#[test]
fn opening_a_slow_model_does_not_delay_users_of_others() {
    let (slow, hold) = echo("slow").held();
    let fake = triton_fake::Server::start([slow, echo("a"), echo("b")]).unwrap();
    let server = connect(&fake.url()).unwrap();
    let a = server.model("a", None).unwrap();
    thread::scope(|scope| {
        let [first, second] = [(), ()].map(|()| scope.spawn(|| server.model("slow", None).unwrap()));
        assert!(hold.wait(PATIENCE));
        // Meanwhile, other models can be opened, used and dropped.
        let b = server.model("b", None).unwrap();
        assert_eq!(ask(&b, b"b"), Ok(b"b".to_vec()));
        drop((a, b));
        assert!(!first.is_finished() && !second.is_finished());
        hold.release();
        assert!(Arc::ptr_eq(&first.join().unwrap(), &second.join().unwrap()));
    });
}

#[test]
fn unknown_models_and_versions_are_reported_with_the_available_ones() {
    let fake = triton_fake::Server::start([echo("a").versions(&["1", "2"]), echo("b")]).unwrap();
    let server = connect(&fake.url()).unwrap();
    let error = server.model("nope", None).unwrap_err();
    assert_eq!(error.to_string(), "no model 'nope'; the server has a, b");
    assert!(error.is_fatal());
    let error = server.model("a", Some(7)).unwrap_err();
    let expected = Error::VersionNotFound {
        model: "a".into(),
        version: 7,
        available: vec!["1".into(), "2".into()],
    };
    assert_eq!(error, expected);
}

#[test]
fn requests_and_responses_are_transmitted_completely() {
    let (model, calls) = Model::queued("m");
    let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    let hour = Duration::from_secs(3600);
    let urgent = Request {
        priority: 2,
        timeout: Some(hour),
        ..request(&model, b"there")
    };
    let response = send(&model, urgent);
    let call = calls.recv_timeout(PATIENCE).unwrap();
    assert_eq!((call.version.as_str(), call.priority), ("", Some(2)));
    assert_eq!((call.timeout, call.deadline), (Some(3_600_000_000), None));
    assert_eq!(call.inputs, [Tensor::new("in", "UINT8", &[5], "there")]);
    let outputs = vec![
        Tensor::new("z", "FP32", &[1, 2], vec![1; 8]),
        Tensor::new("out", "UINT8", &[4], "back"),
    ];
    call.answer(outputs);
    let response = response.recv_timeout(PATIENCE).unwrap().unwrap();
    let names: Vec<_> = response.outputs.iter().map(|output| &*output.name).collect();
    assert_eq!(names, ["z", "out"]);
    assert_eq!(
        (response.outputs[0].shape.as_slice(), &response.outputs[0].data[..]),
        (&[1_i64, 2][..], &[1; 8][..])
    );
    assert_eq!(&response.output("out").unwrap().data[..], b"back");
}

#[test]
fn without_a_version_a_newer_one_takes_over() {
    let version = |name: &'static str| signed(name).versions(&[name]);
    let fake = triton_fake::Server::start([version("1")]).unwrap();
    let server = connect(&fake.url()).unwrap();
    let (any, pinned) = (server.model("m", None).unwrap(), server.model("m", Some(1)).unwrap());
    for model in [&any, &pinned] {
        assert_eq!(ask(model, b"?").unwrap(), b"1");
    }
    fake.load(version("2"));
    assert_eq!(ask(&any, b"?").unwrap(), b"2");
    let error = ask(&pinned, b"?").unwrap_err();
    assert!(error.to_string().contains("version 1 is not at ready state"), "{error}");
    assert_eq!(error.failure_kind(), FailureKind::ModelAway);
    assert_eq!(server.describe("m").unwrap().versions, ["2"]);
    fake.unload("m");
    let error = ask(&any, b"?").unwrap_err();
    assert!(error.to_string().contains("has no available versions"), "{error}");
    assert_eq!(error.failure_kind(), FailureKind::ModelAway);
    let error = server.describe("m").unwrap_err();
    assert_eq!(error.failure_kind(), FailureKind::ModelAway, "{error}");
    fake.load(signed("3").input("more", "UINT8", &[2]));
    assert_eq!(server.describe("m").unwrap().inputs.len(), 2);
    assert_eq!(ask(&any, b"?").unwrap(), b"3");
}

#[test]
fn responses_may_arrive_in_any_order() {
    let (model, calls) = Model::queued("m");
    let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    let texts = ["first", "second", "third"];
    let responses = texts.map(|text| send(&model, request(&model, text.as_bytes())));
    let mut calls: Vec<_> = texts.iter().map(|_| calls.recv_timeout(PATIENCE).unwrap()).collect();
    for (response, text) in responses.iter().zip(texts).rev() {
        let call = calls.iter().position(|call| call.inputs[0].data == text).unwrap();
        respond_with_input(calls.swap_remove(call));
        let received = bytes_of(response.recv_timeout(PATIENCE).unwrap());
        assert_eq!(received.unwrap(), text.as_bytes());
    }
}

#[test]
fn large_tensors_are_sent_and_received() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    let large: Vec<u8> = (0..20 << 20).map(|index: u32| (index % 251) as u8).collect();
    assert!(ask(&model, &large).unwrap() == large);
}

#[test]
fn errors_keep_their_codes_and_messages() {
    let (model, calls) = Model::queued("m");
    let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    let check = |code: triton_fake::Code, expected: Code, fatal: bool| {
        let response = send(&model, request(&model, b"?"));
        calls.recv_timeout(PATIENCE).unwrap().fail(code, "Triton's message");
        let error = response.recv_timeout(PATIENCE).unwrap().unwrap_err();
        let Error::Infer { model, code, message } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((model.as_str(), *code), ("m", expected));
        assert!(message.contains("Triton's message"), "{message}");
        assert_eq!(error.is_fatal(), fatal, "{error}");
    };
    check(triton_fake::Code::NotFound, Code::NotFound, true);
    check(triton_fake::Code::InvalidArgument, Code::InvalidArg, true);
    check(triton_fake::Code::Internal, Code::Internal, false);
    check(triton_fake::Code::Unavailable, Code::Unavailable, false);
    check(triton_fake::Code::ResourceExhausted, Code::Unknown, false);
    let response = send(&model, request(&model, b"?"));
    let call = calls.recv_timeout(PATIENCE).unwrap();
    call.fail(triton_fake::Code::DeadlineExceeded, "late");
    let error = response.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert_eq!(error, Error::DeadlineExceeded);
}

#[test]
fn a_malformed_response_is_an_error() {
    let odd = Model::new("odd", |call| {
        call.answer(vec![Tensor::new("out", "FP32", &[3], "five!")])
    });
    let fake = triton_fake::Server::start([of_bytes(odd)]).unwrap();
    let model = connect(&fake.url()).unwrap().model("odd", None).unwrap();
    let error = ask(&model, b"?").unwrap_err();
    assert!(
        error.to_string().contains("output 'out', FP32 [3], in 5 bytes"),
        "{error}"
    );
    assert!(!error.is_fatal());
}

#[test]
fn users_share_one_connection_that_closes_with_the_last() {
    let fake = triton_fake::Server::start([echo("a"), echo("b")]).unwrap();
    let url = fake.url();
    let servers: Vec<Arc<Server>> = thread::scope(|scope| {
        let openers = [(); 8].map(|()| scope.spawn(|| connect(&url).unwrap()));
        openers.map(|opener| opener.join().unwrap()).into()
    });
    assert!(servers.iter().all(|server| Arc::ptr_eq(server, &servers[0])));
    let models = ["a", "b"].map(|name| servers[0].model(name, None).unwrap());
    assert!(Arc::ptr_eq(&models[0], &servers[7].model("a", None).unwrap()));
    for model in &models {
        assert_eq!(ask(model, b"hello").unwrap(), b"hello");
    }
    drop(servers);
    assert_eq!((fake.counts().connections, fake.counts().open), (1, 1));
    let [a, b] = models;
    drop(a);
    assert_eq!(ask(&b, b"hello").unwrap(), b"hello");
    drop(b);
    assert!(fake.wait(PATIENCE, |counts| counts.open == 0));
    let again = connect(&url).unwrap().model("a", None).unwrap();
    assert_eq!(ask(&again, b"hello").unwrap(), b"hello");
    assert_eq!(fake.counts().connections, 2);
}

#[test]
fn dropping_the_last_user_completes_its_requests() {
    let (model, calls) = Model::queued("m");
    let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    let response = send(&model, request(&model, b"busy"));
    let _call = calls.recv_timeout(PATIENCE).unwrap();
    drop(model);
    // The response arrived before `drop` returned.
    assert_eq!(response.try_recv().unwrap().unwrap_err(), Error::ServerStopped);
    assert!(fake.wait(PATIENCE, |counts| (counts.cancelled, counts.open) == (1, 0)));
}

#[test]
fn the_last_user_may_be_dropped_in_a_callback() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    let (sender, receiver) = mpsc::channel();
    let (go, gone) = mpsc::channel();
    let last = Arc::clone(&model);
    model.infer(request(&model, b"bye"), move |response| {
        gone.recv_timeout(PATIENCE).expect("the other handle is dropped first");
        drop(last);
        let _ = sender.send(bytes_of(response));
    });
    drop(model);
    go.send(()).unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).expect("no deadlock").unwrap(), b"bye");
    assert!(fake.wait(PATIENCE, |counts| counts.open == 0));
}

#[test]
fn a_panic_in_a_callback_does_not_affect_other_requests() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    model.infer(request(&model, b"?"), |_| panic!("this panic is part of a test"));
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
}

#[test]
fn the_client_works_inside_another_runtime() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
        assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
    });
    assert!(fake.wait(PATIENCE, |counts| counts.open == 0));
}

#[test]
fn statistics_are_read() {
    let fake = triton_fake::Server::start([echo("m").versions(&["2"]), echo("idle")]).unwrap();
    let server = connect(&fake.url()).unwrap();
    let model = server.model("m", None).unwrap();
    ask(&model, b"one").unwrap();
    ask(&model, b"two").unwrap();
    let counted = |model: &str| server.statistics(model).unwrap().remove(0);
    assert_eq!((counted("m").inferences, counted("m").executions), (2, 2));
    assert_eq!((counted("m").model.as_str(), counted("m").version.as_str()), ("m", "2"));
    assert_eq!(counted("idle").inferences, 0);
}

#[test]
fn shared_memory_is_registered_listed_and_unregistered() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let server = connect(&fake.url()).unwrap();
    let memory = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    memory.as_file().set_len(4096).unwrap();
    let key = format!("/{}", memory.path().file_name().unwrap().to_str().unwrap());
    let region = |name: &str| SystemSharedMemoryRegion {
        name: name.into(),
        key: key.clone(),
        offset: 64,
        byte_size: 1024,
    };
    server.register_shared_memory(&region("b")).unwrap();
    server.register_shared_memory(&region("a")).unwrap();
    assert_eq!(server.shared_memory_regions().unwrap(), [region("a"), region("b")]);
    let error = server.register_shared_memory(&region("a")).unwrap_err();
    expect![[r#"shared memory 'a' of URL: ALREADY_EXISTS: shared memory region 'a' already in manager"#]]
        .assert_eq(&error.to_string().replace(&fake.url(), "URL"));
    server.unregister_shared_memory("a").unwrap();
    server.unregister_shared_memory("unknown").unwrap();
    assert_eq!(server.shared_memory_regions().unwrap(), [region("b")]);
    fake.allow_client_shared_memory(false);
    for refused in [
        server.register_shared_memory(&region("c")),
        server.unregister_shared_memory("b"),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("'--allow-client-shm=true'"), "{error}");
    }
    assert_eq!(server.shared_memory_regions().unwrap(), [region("b")]);
}

#[test]
fn pools_do_not_share_servers() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let (one, other) = (ServerPool::default(), ServerPool::default());
    let endpoint = endpoint(&fake.url());
    let server = one.open(&endpoint).unwrap();
    assert!(Arc::ptr_eq(&server, &one.clone().open(&endpoint).unwrap()));
    assert_eq!(server.ready(), Ok(()));
    assert_eq!(server.metadata().unwrap().name, "fake");
    let separate = other.open(&endpoint).unwrap();
    assert!(!Arc::ptr_eq(&server, &separate));
    assert_eq!(separate.ready(), Ok(()));
    drop(separate);
    assert_eq!((one.len(), other.len()), (1, 0));
    drop(server);
    assert!(one.is_empty());
    let none_left = fake.wait(PATIENCE, |counts| counts.connections == 2 && counts.open == 0);
    assert!(none_left, "{:?}", fake.counts());
}
