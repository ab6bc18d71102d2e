//! The gRPC client with two servers: the second is used while the first has a fault, and the first again afterwards.

use std::time::Duration;

use crate::common::remote::{
    Silence, ask, bytes_of, connect, of_bytes, open_model, request, signed, tracked, unreachable, wait_until,
};
use crate::common::{PATIENCE, send};
use triton::{Error, FailureKind, Model, Request};
use triton_fake::{BlackHole, Server};

/// A fault of the first server, and how it ends.
struct Fault {
    name: &'static str,
    begin: fn(&mut Server, &Silence),
    end: fn(&mut Server, &Silence),
    /// Whether a request may fail before the fault is noticed: one that may have reached the first server is not sent to the
    /// second.
    costs_requests: bool,
}

const FAULTS: [Fault; 9] = [
    Fault {
        name: "stopped: connections are refused",
        begin: |first, _| first.stop(),
        end: |first, _| first.restart().expect("a thread"),
        costs_requests: true,
    },
    Fault {
        name: "hung: the process is stopped",
        begin: |first, _| first.freeze(),
        end: |first, _| first.thaw(),
        costs_requests: true,
    },
    Fault {
        name: "hung: no call is answered",
        begin: |first, silence| {
            first.hold_calls();
            silence.begin();
        },
        end: |first, silence| {
            first.release_calls();
            silence.end();
        },
        costs_requests: true,
    },
    Fault {
        name: "switched off: connections are swallowed",
        begin: |first, _| first.become_black_hole().expect("the address"),
        end: |first, _| first.restart().expect("a thread"),
        costs_requests: true,
    },
    Fault {
        name: "ServerReady is answered, and requests are not",
        begin: |_, silence| silence.begin(),
        end: |_, silence| silence.end(),
        costs_requests: true,
    },
    Fault {
        name: "stopping",
        begin: |first, _| first.set_stopping(true),
        end: |first, _| first.set_stopping(false),
        costs_requests: false,
    },
    Fault {
        name: "the model is unloaded",
        begin: |first, _| first.unload("m"),
        end: |first, silence| first.load(silence.model("first")),
        costs_requests: false,
    },
    Fault {
        name: "restarted without the model",
        begin: |first, _| {
            first.unload("m");
            first.restart().expect("a thread");
        },
        end: |first, silence| first.load(silence.model("first")),
        costs_requests: true,
    },
    Fault {
        name: "killed while it hangs",
        begin: |first, _| {
            first.freeze();
            first.stop();
        },
        end: |first, _| first.restart().expect("a thread"),
        costs_requests: true,
    },
];

/// A request as of a live element, and its response.
fn ask_live(model: &Model) -> Result<Vec<u8>, Error> {
    let timeout = Some(Duration::from_millis(100));
    let (live, _released) = tracked(Request {
        timeout,
        ..request(model, b"?")
    });
    bytes_of(send(model, live).recv_timeout(PATIENCE).expect("a response"))
}

#[test]
fn the_second_server_is_used_during_each_fault_of_the_first() {
    for Fault {
        name,
        begin,
        end,
        costs_requests,
    } in FAULTS
    {
        let silence = Silence::default();
        let mut first = Server::start([silence.model("first")]).unwrap();
        let second = Server::start([signed("second")]).unwrap();
        let model = open_model(&format!("{},{}", first.url(), second.url()));
        assert_eq!(ask(&model, b"?").unwrap(), b"first", "{name}");
        assert_eq!(second.counts().connections, 0, "{name}: it is not needed yet");
        begin(&mut first, &silence);
        let mut failed = 0;
        while let Err(error) = ask_live(&model) {
            assert!(
                matches!(error.failure_kind(), FailureKind::Late | FailureKind::ServerAway),
                "{name}: {error}"
            );
            failed += 1;
        }
        assert!(failed == 0 || costs_requests, "{name}: {failed} requests failed");
        assert!(second.counts().inferences > 0, "{name}");
        assert_eq!(model.server().available(), Ok(()), "{name}");
        end(&mut first, &silence);
        wait_until(name, || ask_live(&model).is_ok_and(|server| server == b"first"));
    }
}

/// Requests that wait for a hung server do not wait for ever, and none is sent twice.
#[test]
fn a_request_in_flight_is_not_sent_again() {
    type Begin = fn(&mut Server);
    let faults: [(&str, Begin); 2] = [("dies", Server::stop), ("hangs", |first| first.freeze())];
    for (name, begin) in faults {
        let (model, calls) = triton_fake::Model::queued("m");
        let mut first = Server::start([of_bytes(model)]).unwrap();
        let second = Server::start([signed("second")]).unwrap();
        let url = format!("{},{}", first.url(), second.url());
        let model = open_model(&url);
        let (in_flight, released) = tracked(Request {
            probe_after: Some(Duration::from_millis(20)),
            ..request(&model, b"?")
        });
        let response = send(&model, in_flight);
        let _call = calls.recv_timeout(PATIENCE).unwrap();
        begin(&mut first);
        let error = response.recv_timeout(PATIENCE).unwrap().unwrap_err();
        let reason = unreachable(&error, &url);
        assert!(
            reason.starts_with(first.url().strip_prefix("grpc://").unwrap()),
            "{name}: {reason}"
        );
        assert_eq!(released.recv_timeout(PATIENCE), Ok(()), "{name}");
        assert_eq!(second.counts().inferences, 0, "{name}: the first may have executed it");
        assert_eq!(ask(&model, b"?").unwrap(), b"second", "{name}");
    }
}

#[test]
fn a_black_hole_is_passed_over_when_a_model_is_opened() {
    let hole = BlackHole::open().unwrap();
    let second = Server::start([signed("second")]).unwrap();
    let model = open_model(&format!("{},{}", hole.url(), second.url()));
    for _ in 0..10 {
        assert_eq!(ask_live(&model).unwrap(), b"second");
    }
}

#[test]
fn a_dead_address_is_not_asked_by_every_request() {
    let mut first = Server::start([signed("first")]).unwrap();
    let second = Server::start([signed("second")]).unwrap();
    let model = open_model(&format!("{},{}", first.url(), second.url()));
    first.set_stopping(true);
    let requests = 500;
    for _ in 0..requests {
        assert_eq!(ask(&model, b"?").unwrap(), b"second");
    }
    assert_eq!(first.counts().inferences, 1);
    assert_eq!(second.counts().inferences, requests);
    // Probes are made by time, not by requests.
    let mut probes = first.counts().ready;
    assert!(probes < requests, "{probes} probes");
    // Killed and left, it is probed by new connections, which nobody counts here; restarted, it is taken back.
    first.stop();
    first.set_stopping(false);
    first.restart().unwrap();
    wait_until("the first is back", || ask(&model, b"?").unwrap() == b"first");
    probes = first.counts().ready;
    for _ in 0..requests {
        assert_eq!(ask(&model, b"?").unwrap(), b"first");
    }
    assert_eq!(first.counts().ready, probes, "a server that responds is not probed");
}

#[test]
fn without_any_server_the_error_has_the_reason_of_each() {
    let [mut first, second] = ["first", "second"].map(|name| Server::start([signed(name)]).unwrap());
    let url = format!("{},{}", first.url(), second.url());
    let model = open_model(&url);
    first.stop();
    wait_until("the second is asked", || {
        ask(&model, b"?").is_ok_and(|server| server == b"second")
    });
    second.set_stopping(true);
    let error = ask(&model, b"?").unwrap_err();
    assert!(
        matches!(&error, Error::Infer { message, .. } if message.contains("stopping")),
        "a server's own words say more: {error}"
    );
    wait_until("the reasons are those of the present", || {
        let reason = unreachable(&model.server().available().unwrap_err(), &url);
        let reasons: Vec<_> = reason.split("; ").collect();
        let expected = [(&first, "refused"), (&second, "exiting")];
        reasons.len() == expected.len()
            && reasons.iter().zip(expected).all(|(reason, (server, expected))| {
                let address = server.url().replace("grpc://", "");
                reason.starts_with(&format!("{address}: ")) && reason.contains(expected)
            })
    });
    first.restart().unwrap();
    wait_until("the first is back", || model.server().available().is_ok());
    assert_eq!(ask(&model, b"?").unwrap(), b"first");
}

#[test]
fn a_server_that_is_ready_is_preferred_to_one_that_is_not() {
    let [mut first, second] = ["first", "second"].map(|name| Server::start([signed(name)]).unwrap());
    let url = format!("{},{}", first.url(), second.url());
    first.set_ready(false);
    let server = connect(&url).unwrap();
    assert_eq!(server.ready(), Ok(()));
    let model = server.model("m", None).unwrap();
    assert_eq!(ask(&model, b"?").unwrap(), b"second");
    second.set_ready(false);
    // Nobody is ready, and ServerReady of the second has not been asked; it is when it does not respond.
    first.set_ready(true);
    wait_until("the first is ready", || ask(&model, b"?").unwrap() == b"first");
    first.stop();
    let second_responds = || ask(&model, b"?").is_ok_and(|server| server == b"second");
    wait_until("not ready is better than stopped", second_responds);
}

#[test]
fn other_calls_go_to_the_next_server() {
    let silence = Silence::default();
    let first = Server::start([silence.model("first")]).unwrap();
    let second = Server::start([signed("second").versions(&["2"])]).unwrap();
    let server = connect(&format!("{},{}", first.url(), second.url())).unwrap();
    assert_eq!(server.describe("m").unwrap().versions, ["1"]);
    first.freeze();
    assert_eq!(server.describe("m").unwrap().versions, ["2"]);
    assert_eq!(server.statistics("m").unwrap()[0].version, "2");
    assert_eq!(server.shared_memory_regions().unwrap(), []);
    first.thaw();
    wait_until("the first is back", || server.describe("m").unwrap().versions == ["1"]);
    first.unload("m");
    assert_eq!(
        server.describe("m").unwrap().versions,
        ["2"],
        "the first does not have it"
    );
}
