//! The gRPC client with servers that are missing, stop, restart, or have a second server as a fallback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::common::remote::{ask, bytes_of, connect, echo, of_bytes, request};
use crate::common::{PATIENCE, send};
use triton::{Code, Error};
use triton_fake::{Model, Tensor};

/// The reason in an [`Error::Unreachable`], after checking that the error is temporary.
fn unreachable(error: &Error, url: &str) -> String {
    assert!(!error.is_fatal(), "{error:?}");
    match error {
        Error::Unreachable { endpoint, reason } if endpoint == url => reason.clone(),
        _ => panic!("{error:?}"),
    }
}

#[test]
fn a_missing_server_is_reported_and_used_once_it_starts() {
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
fn a_port_with_another_protocol_is_unreachable() {
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
fn an_unknown_host_is_unreachable() {
    let url = "grpc://nobody.invalid:8001"; // RFC 6761: never resolves
    let reason = unreachable(&connect(url).unwrap_err(), url);
    assert!(reason.starts_with("nobody.invalid:8001: "), "{reason}");
}

#[test]
fn a_server_that_is_not_ready_is_used() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    fake.set_ready(false);
    let model = connect(&fake.url()).unwrap().model("m", None).unwrap();
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
}

#[test]
fn a_stopped_server_is_a_temporary_failure_and_is_used_after_a_restart() {
    let (model, calls) = Model::queued("m");
    let mut fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let url = fake.url();
    let model = connect(&url).unwrap().model("m", None).unwrap();
    let waiting = [(); 3].map(|()| send(&model, request(&model, b"?")));
    let _calls = [(); 3].map(|()| calls.recv_timeout(PATIENCE).unwrap());
    fake.stop();
    for response in waiting {
        unreachable(&response.recv_timeout(PATIENCE).unwrap().unwrap_err(), &url);
    }
    let reason = unreachable(&ask(&model, b"?").unwrap_err(), &url);
    assert!(reason.contains("refused"), "{reason}");
    fake.restart().unwrap();
    let response = send(&model, request(&model, b"?"));
    let call = calls.recv_timeout(PATIENCE).unwrap();
    call.answer(vec![Tensor::new("out", "UINT8", &[2], "ok")]);
    assert_eq!(bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap(), b"ok");
    assert_eq!(fake.counts().connections, 2);
}

/// A model that responds with its server's name.
fn signed(server: &'static str) -> Model {
    of_bytes(Model::new("m", move |call| {
        let shape = [server.len() as i64];
        call.answer(vec![Tensor::new("out", "UINT8", &shape, server)]);
    }))
}

#[test]
fn requests_go_to_the_next_server_while_one_is_unavailable() {
    let mut first = triton_fake::Server::start([signed("first")]).unwrap();
    let mut second = triton_fake::Server::start([signed("second")]).unwrap();
    let url = format!("{},{}", first.url(), second.url());
    let model = connect(&url).unwrap().model("m", None).unwrap();
    assert_eq!(ask(&model, b"?").unwrap(), b"first");
    assert_eq!(
        second.counts().connections,
        0,
        "no connection to a server that is not needed"
    );
    first.stop();
    assert_eq!(ask(&model, b"?").unwrap(), b"second");
    first.restart().unwrap();
    assert_eq!(
        ask(&model, b"?").unwrap(),
        b"second",
        "the server that responded last is used again"
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
    let response = send(&model, request(&model, b"?"));
    let _call = calls.recv_timeout(PATIENCE).unwrap();
    first.stop();
    assert_eq!(bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap(), b"second");
}

#[test]
fn a_server_that_reports_unavailable_is_skipped() {
    let stopping = |call: triton_fake::Call| call.fail(triton_fake::Code::Unavailable, "Server is stopping");
    let first = triton_fake::Server::start([of_bytes(Model::new("m", stopping))]).unwrap();
    let mut second = triton_fake::Server::start([signed("second")]).unwrap();
    let model = connect(&format!("{},{}", first.url(), second.url())).unwrap();
    let model = model.model("m", None).unwrap();
    assert_eq!(ask(&model, b"?").unwrap(), b"second");
    assert_eq!(first.counts().inferences, 1);
    second.stop();
    // If no server is available, a server's own message is preferred.
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
fn the_first_ready_server_is_chosen_when_connecting() {
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
