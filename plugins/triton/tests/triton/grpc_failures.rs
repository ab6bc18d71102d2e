//! The gRPC client with one server that is missing, stops, hangs, restarts, or is slow.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use crate::common::remote::{
    Silence, ask, bytes_of, connect, echo, of_bytes, open_model, request, respond_with_input, signed, tracked,
    unreachable, wait_until,
};
use crate::common::{PATIENCE, send};
use triton::{Error, FailureKind, Request};
use triton_fake::{BlackHole, Model, Server, Tensor};

/// A short time after which a server without a response is probed.
const SOON: Option<Duration> = Some(Duration::from_millis(20));

#[test]
fn a_missing_server_is_reported_by_the_first_call_and_used_once_it_starts() {
    let mut fake = Server::start([echo("m")]).unwrap();
    fake.stop();
    let url = fake.url();
    let server = connect(&url).expect("opening does not wait for the network");
    assert_eq!(server.available(), Ok(()), "nothing is known yet");
    for error in [server.model("m", None).unwrap_err(), server.ready().unwrap_err()] {
        let reason = unreachable(&error, &url);
        assert!(
            reason.contains("refused") && url.ends_with(reason.split(": ").next().unwrap()),
            "{reason}"
        );
        assert!(
            error.to_string().contains("start it, or correct the address"),
            "{error}"
        );
    }
    fake.restart().unwrap();
    wait_until("the server is found", || server.available().is_ok());
    assert_eq!(server.ready(), Ok(()));
    assert_eq!(ask(&server.model("m", None).unwrap(), b"hello").unwrap(), b"hello");
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
    let error = connect(&url).unwrap().model("m", None).unwrap_err();
    assert!(!unreachable(&error, &url).is_empty());
    http.join().unwrap();
}

#[test]
fn an_unknown_host_is_unreachable() {
    let url = "grpc://nobody.invalid:8001"; // RFC 6761: never resolves
    let reason = unreachable(&connect(url).unwrap().model("m", None).unwrap_err(), url);
    assert!(reason.starts_with("nobody.invalid:8001: "), "{reason}");
}

#[test]
fn a_server_that_is_not_ready_is_used() {
    let fake = Server::start([echo("m")]).unwrap();
    fake.set_ready(false);
    let server = connect(&fake.url()).unwrap();
    let reason = unreachable(&server.ready().unwrap_err(), &fake.url());
    assert!(reason.ends_with("not ready"), "{reason}");
    assert_eq!(server.available(), Ok(()));
    let model = server.model("m", None).unwrap();
    assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
}

#[test]
fn a_stopped_server_is_a_temporary_failure_and_is_used_after_a_restart() {
    let (model, calls) = Model::queued("m");
    let mut fake = Server::start([of_bytes(model)]).unwrap();
    let url = fake.url();
    let model = open_model(&url);
    let waiting = [(); 3].map(|()| send(&model, request(&model, b"?")));
    let _calls = [(); 3].map(|()| calls.recv_timeout(PATIENCE).unwrap());
    fake.stop();
    for response in waiting {
        unreachable(&response.recv_timeout(PATIENCE).unwrap().unwrap_err(), &url);
    }
    wait_until("the reason is that of the present", || {
        let reason = unreachable(&ask(&model, b"?").unwrap_err(), &url);
        reason.contains("refused")
    });
    fake.restart().unwrap();
    wait_until("the server is back", || model.server().available().is_ok());
    let response = send(&model, request(&model, b"?"));
    let call = calls.recv_timeout(PATIENCE).unwrap();
    call.answer(vec![Tensor::new("out", "UINT8", &[2], "ok")]);
    assert_eq!(bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap(), b"ok");
    assert_eq!(fake.counts().connections, 2);
}

type Change = fn(&Server);

/// Ways to hang, and to go on.
const HANGS: [(&str, Change, Change); 2] = [
    ("the process is stopped", Server::freeze, Server::thaw),
    ("HTTP/2 without answers", Server::hold_calls, Server::release_calls),
];

#[test]
fn a_server_that_hangs_is_away_until_it_goes_on() {
    for (name, hang, go_on) in HANGS {
        let silence = Silence::default();
        let fake = Server::start([silence.model("here")]).unwrap();
        let url = fake.url();
        let model = open_model(&url);
        hang(&fake);
        silence.begin();
        let requests = [(); 4].map(|()| {
            tracked(Request {
                probe_after: SOON,
                ..request(&model, b"?")
            })
        });
        let requests = requests.map(|(request, released)| (send(&model, request), released));
        for (response, released) in requests {
            let error = response.recv_timeout(PATIENCE).unwrap().unwrap_err();
            let reason = unreachable(&error, &url);
            assert!(
                reason.contains("no response for") && reason.contains("none to ServerReady within 1.0 s"),
                "{name}: {reason}"
            );
            assert_eq!(error.failure_kind(), FailureKind::ServerAway);
            assert_eq!(released.recv_timeout(PATIENCE), Ok(()), "{name}");
        }
        // Later requests fail at once, with the reason and without the server.
        let inferences = fake.counts().inferences;
        for _ in 0..100 {
            let reason = unreachable(&ask(&model, b"?").unwrap_err(), &url);
            assert!(reason.contains("no response"), "{name}: {reason}");
        }
        unreachable(&model.server().available().unwrap_err(), &url);
        unreachable(&model.server().describe("m").unwrap_err(), &url);
        assert_eq!(fake.counts().inferences, inferences, "{name}");
        silence.end();
        go_on(&fake);
        wait_until(name, || model.server().available().is_ok());
        assert_eq!(ask(&model, b"?").unwrap(), b"here", "{name}");
    }
}

#[test]
fn a_black_hole_is_away() {
    let hole = BlackHole::open().unwrap();
    let url = hole.url();
    let server = connect(&url).unwrap();
    let reason = unreachable(&server.model("m", None).unwrap_err(), &url);
    assert!(reason.contains("no response"), "{reason}");
    unreachable(&server.available().unwrap_err(), &url);
}

#[test]
fn a_slow_server_is_waited_for() {
    let (model, calls) = Model::queued("m");
    let fake = Server::start([of_bytes(model)]).unwrap();
    let model = open_model(&fake.url());
    let slow = Request {
        probe_after: SOON,
        ..request(&model, b"slow")
    };
    let response = send(&model, slow);
    let call = calls.recv_timeout(PATIENCE).unwrap();
    assert!(
        fake.wait(PATIENCE, |counts| counts.ready == 3),
        "it is asked again and again"
    );
    assert_eq!(model.server().available(), Ok(()));
    assert!(response.try_recv().is_err());
    respond_with_input(call);
    assert_eq!(bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap(), b"slow");
}

/// A server whose ServerReady gets no response, while others do: it is not hung.
#[test]
fn a_response_to_another_request_is_a_sign_of_life() {
    let (model, calls) = Model::queued("m");
    let fake = Server::start([of_bytes(model)]).unwrap();
    let model = open_model(&fake.url());
    let hold = fake.hold_ready();
    let slow = Request {
        probe_after: SOON,
        ..request(&model, b"slow")
    };
    let slow = send(&model, slow);
    let call = calls.recv_timeout(PATIENCE).unwrap();
    assert!(hold.wait(PATIENCE));
    // Until the second probe has begun, which is after the first one has ended without a response.
    while !hold.wait_for(2, Duration::from_millis(1)) {
        let other = send(&model, request(&model, b"other"));
        respond_with_input(calls.recv_timeout(PATIENCE).unwrap());
        assert!(other.recv_timeout(PATIENCE).unwrap().is_ok());
    }
    hold.release();
    respond_with_input(call);
    assert_eq!(bytes_of(slow.recv_timeout(PATIENCE).unwrap()).unwrap(), b"slow");
}

#[test]
fn a_server_that_is_stopping_answers_what_it_has_and_gets_no_more() {
    let (model, calls) = Model::queued("m");
    let fake = Server::start([of_bytes(model)]).unwrap();
    let model = open_model(&fake.url());
    let accepted = send(&model, request(&model, b"accepted"));
    let call = calls.recv_timeout(PATIENCE).unwrap();
    fake.set_stopping(true);
    let error = ask(&model, b"?").unwrap_err();
    assert!(
        matches!(&error, Error::Infer { message, .. } if message.contains("stopping")),
        "{error}"
    );
    assert_eq!(error.failure_kind(), FailureKind::ServerAway);
    let inferences = fake.counts().inferences;
    for _ in 0..100 {
        unreachable(&ask(&model, b"?").unwrap_err(), &fake.url());
    }
    assert_eq!(fake.counts().inferences, inferences, "it is not asked by each request");
    respond_with_input(call);
    assert_eq!(bytes_of(accepted.recv_timeout(PATIENCE).unwrap()).unwrap(), b"accepted");
    fake.set_stopping(false);
    wait_until("it is back", || model.server().available().is_ok());
}

#[test]
fn a_model_that_is_away_does_not_make_its_server_away() {
    let fake = Server::start([signed("here"), echo("other")]).unwrap();
    let model = open_model(&fake.url());
    fake.unload("m");
    for _ in 0..3 {
        assert_eq!(ask(&model, b"?").unwrap_err().failure_kind(), FailureKind::ModelAway);
    }
    assert_eq!(model.server().available(), Ok(()));
    assert_eq!(
        ask(&model.server().model("other", None).unwrap(), b"hi").unwrap(),
        b"hi"
    );
    fake.load(signed("again"));
    assert_eq!(ask(&model, b"?").unwrap(), b"again", "the next request finds it");
}

#[test]
fn requests_that_the_server_drops_are_late() {
    let (model, calls) = Model::queued("m");
    let fake = Server::start([of_bytes(model)]).unwrap();
    let model = open_model(&fake.url());
    for message in ["Request timeout expired", "[request id: 7] Exceeds maximum queue size"] {
        let response = send(&model, request(&model, b"?"));
        let call = calls.recv_timeout(PATIENCE).unwrap();
        call.fail(triton_fake::Code::Unavailable, message);
        let error = response.recv_timeout(PATIENCE).unwrap().unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
        assert_eq!(error.failure_kind(), FailureKind::Late);
        assert_eq!(model.server().available(), Ok(()));
    }
}
