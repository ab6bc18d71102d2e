//! The gRPC client at servers that are not there, go away, come back, or have a second one beside them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::common::remote::{ask, bytes_of, connect, echo, of_bytes, request};
use crate::common::{PATIENCE, send};
use triton::{Code, Error};
use triton_fake::{Model, Tensor};

/// The reason why nobody answers, after checking that the error may pass by itself.
fn unreachable(error: &Error, url: &str) -> String {
    assert!(!error.is_fatal(), "{error:?}");
    match error {
        Error::Unreachable { endpoint, reason } if endpoint == url => reason.clone(),
        _ => panic!("{error:?}"),
    }
}

#[test]
fn a_server_that_is_not_there_is_named_and_may_come() {
    let mut fake = triton_fake::Server::start([echo("m")]).unwrap();
    fake.stop();
    let url = fake.url();
    let error = connect(&url).unwrap_err();
    let reason = unreachable(&error, &url);
    assert!(
        reason.contains("refused") && url.ends_with(reason.split(": ").next().unwrap()),
        "{reason}"
    );
    assert!(
        error.to_string().contains("start it, or correct the address"),
        "{error}"
    );
    fake.restart().unwrap();
    let model = connect(&url).unwrap().model("m", None).unwrap();
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
}

#[test]
fn a_port_that_speaks_something_else_is_no_triton() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("grpc://{}", listener.local_addr().unwrap());
    let http = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let reason = unreachable(&connect(&url).unwrap_err(), &url);
    assert!(!reason.is_empty());
    http.join().unwrap();
}

#[test]
fn a_name_that_leads_nowhere_is_unreachable() {
    let url = "grpc://nobody.invalid:8001"; // RFC 6761: never resolves
    let reason = unreachable(&connect(url).unwrap_err(), url);
    assert!(reason.starts_with("nobody.invalid:8001: "), "{reason}");
}

#[test]
fn a_server_that_is_not_ready_may_serve_all_the_same() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    fake.set_ready(false);
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
}

#[test]
fn a_server_that_stops_is_no_breach_and_one_that_comes_back_is_used() {
    let (model, calls) = Model::queued("m");
    let mut fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let url = fake.url();
    let model = connect(&url).unwrap().model("m", None).unwrap();
    let waiting = [(); 3].map(|()| send(&model, request(&model, b"?")));
    let _calls = [(); 3].map(|()| calls.recv_timeout(PATIENCE).unwrap());
    fake.stop();
    for answer in waiting {
        unreachable(&answer.recv_timeout(PATIENCE).unwrap().unwrap_err(), &url);
    }
    let reason = unreachable(&ask(&model, b"?").unwrap_err(), &url);
    assert!(reason.contains("refused"), "{reason}");
    fake.restart().unwrap();
    let answer = send(&model, request(&model, b"?"));
    let call = calls.recv_timeout(PATIENCE).unwrap();
    call.answer(vec![Tensor::new("out", "UINT8", &[2], "ok")]);
    assert_eq!(bytes_of(answer.recv_timeout(PATIENCE).unwrap()).unwrap(), b"ok");
    assert_eq!(fake.counts().connections, 2);
}

/// Answers with its server's name.
fn signed(server: &'static str) -> Model {
    of_bytes(Model::new("m", move |call| {
        let shape = [server.len() as i64];
        call.answer(vec![Tensor::new("out", "UINT8", &shape, server)]);
    }))
}

#[test]
fn the_next_server_answers_for_one_that_is_away() {
    let mut first = triton_fake::Server::start([signed("first")]).unwrap();
    let mut second = triton_fake::Server::start([signed("second")]).unwrap();
    let url = format!("{},{}", first.url(), second.url());
    let model = connect(&url).unwrap().model("m", None).unwrap();
    assert_eq!(ask(&model, b"?").unwrap(), b"first");
    assert_eq!(
        second.counts().connections,
        0,
        "nobody connects to a server that is not needed"
    );
    first.stop();
    assert_eq!(ask(&model, b"?").unwrap(), b"second");
    first.restart().unwrap();
    assert_eq!(
        ask(&model, b"?").unwrap(),
        b"second",
        "the one that answered last is asked again"
    );
    second.stop();
    assert_eq!(ask(&model, b"?").unwrap(), b"first");
    first.stop();
    let reason = unreachable(&ask(&model, b"?").unwrap_err(), &url);
    for server in [&first, &second] {
        let address = server.url().replace("grpc://", "");
        assert!(reason.contains(&format!("{address}: ")), "{reason}");
    }
}

#[test]
fn a_request_in_flight_moves_to_the_next_server() {
    let (model, calls) = Model::queued("m");
    let mut first = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let second = triton_fake::Server::start([signed("second")]).unwrap();
    let url = format!("{},{}", first.url(), second.url());
    let model = connect(&url).unwrap().model("m", None).unwrap();
    let answer = send(&model, request(&model, b"?"));
    let _call = calls.recv_timeout(PATIENCE).unwrap();
    first.stop();
    assert_eq!(bytes_of(answer.recv_timeout(PATIENCE).unwrap()).unwrap(), b"second");
}

#[test]
fn a_server_that_refuses_for_now_is_passed_over() {
    let stopping = |call: triton_fake::Call| call.fail(triton_fake::Code::Unavailable, "Server is stopping");
    let first = triton_fake::Server::start([of_bytes(Model::new("m", stopping))]).unwrap();
    let mut second = triton_fake::Server::start([signed("second")]).unwrap();
    let model = connect(&format!("{},{}", first.url(), second.url())).unwrap();
    let model = model.model("m", None).unwrap();
    assert_eq!(ask(&model, b"?").unwrap(), b"second");
    assert_eq!(first.counts().inferences, 1);
    second.stop();
    // Of two that are not available, the one that says why is heard.
    let error = ask(&model, b"?").unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Infer {
                code: Code::Unavailable,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn at_the_start_the_first_ready_server_is_chosen() {
    let mut first = triton_fake::Server::start([signed("first")]).unwrap();
    let second = triton_fake::Server::start([signed("second")]).unwrap();
    let url = format!("{},{}", first.url(), second.url());
    let chosen = || ask(&connect(&url).unwrap().model("m", None).unwrap(), b"?").unwrap();
    first.set_ready(false);
    assert_eq!(chosen(), b"second");
    second.set_ready(false);
    assert_eq!(chosen(), b"first");
    first.stop();
    assert_eq!(chosen(), b"second");
}
