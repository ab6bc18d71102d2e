//! The two ends of a request by gRPC: the response or the deadline for its caller, and its release by the server.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use crate::common::remote::{ask, of_bytes, open_model, request, respond_with_input, tracked, wait_until};
use crate::common::{PATIENCE, send};
use triton::{Error, Model, Request, Response};
use triton_fake::Call;

/// A request that has arrived at a fake server.
struct Sent {
    fake: triton_fake::Server,
    model: Arc<Model>,
    response: Receiver<Result<Response, Error>>,
    released: Receiver<()>,
    calls: Receiver<Call>,
}

impl Sent {
    fn new(timeout: Option<Duration>) -> (Self, Call) {
        let (model, calls) = triton_fake::Model::queued("m");
        let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
        let model = open_model(&fake.url());
        let (request, released) = tracked(Request {
            timeout,
            ..request(&model, b"hello")
        });
        let response = send(&model, request);
        let call = calls.recv_timeout(PATIENCE).unwrap();
        let sent = Self {
            fake,
            model,
            response,
            released,
            calls,
        };
        (sent, call)
    }

    /// A request whose deadline has passed.
    fn late() -> (Self, Call) {
        let (sent, call) = Self::new(Some(Duration::from_millis(20)));
        assert_eq!(sent.outcome(), Err(Error::DeadlineExceeded));
        assert!(sent.is_the_servers());
        assert_eq!(sent.model.memory_use().quarantined, 5);
        (sent, call)
    }

    fn outcome(&self) -> Result<usize, Error> {
        let response = self.response.recv_timeout(PATIENCE).expect("a response");
        response.map(|response| response.outputs.len())
    }

    fn is_the_servers(&self) -> bool {
        self.released.try_recv() == Err(TryRecvError::Empty)
    }

    /// Waits for the release, which comes once and after that of the memory.
    fn wait_for_release(&self) {
        assert_eq!(self.released.recv_timeout(PATIENCE), Ok(()));
        assert_eq!(
            self.released.recv_timeout(PATIENCE),
            Err(RecvTimeoutError::Disconnected)
        );
        let used = self.model.memory_use();
        assert_eq!(
            (used.filled, used.in_flight, used.answered, used.quarantined),
            (0, 0, 0, 0)
        );
        assert_eq!(
            self.response.try_recv().err(),
            Some(TryRecvError::Disconnected),
            "the caller hears once"
        );
    }
}

#[test]
fn a_response_releases_the_request() {
    let (sent, call) = Sent::new(None);
    assert_eq!(sent.model.memory_use().in_flight, 5);
    assert!(sent.is_the_servers());
    respond_with_input(call);
    assert_eq!(sent.outcome(), Ok(1));
    sent.wait_for_release();
}

#[test]
fn an_error_releases_the_request() {
    let (sent, call) = Sent::new(None);
    call.fail(triton_fake::Code::Internal, "no");
    assert!(matches!(sent.outcome(), Err(Error::Infer { .. })));
    sent.wait_for_release();
}

#[test]
fn a_late_response_releases_the_request() {
    let (sent, call) = Sent::late();
    assert!(!call.is_cancelled(), "the server would not tell when it has dropped it");
    respond_with_input(call);
    sent.wait_for_release();
    // Others are not affected.
    let next = send(&sent.model, request(&sent.model, b"next"));
    respond_with_input(sent.calls.recv_timeout(PATIENCE).unwrap());
    assert!(next.recv_timeout(PATIENCE).unwrap().is_ok());
    let counts = sent.fake.counts();
    assert_eq!((counts.connections, counts.cancelled), (1, 0));
}

#[test]
fn a_late_error_releases_the_request() {
    let (sent, call) = Sent::late();
    call.fail(triton_fake::Code::Unavailable, "Request timeout expired");
    sent.wait_for_release();
}

#[test]
fn the_end_of_the_connection_releases_a_late_request() {
    let (mut sent, _call) = Sent::late();
    sent.fake.stop();
    sent.wait_for_release();
}

#[test]
fn a_server_that_hangs_releases_its_late_requests() {
    let (sent, _call) = Sent::late();
    sent.fake.freeze();
    // The next request finds out, in time for both.
    let hanging = Request {
        timeout: Some(Duration::from_millis(20)),
        ..request(&sent.model, b"?")
    };
    let (hanging, released) = tracked(hanging);
    let response = send(&sent.model, hanging).recv_timeout(PATIENCE).unwrap();
    assert_eq!(response.unwrap_err(), Error::DeadlineExceeded);
    assert_eq!(released.recv_timeout(PATIENCE), Ok(()));
    sent.wait_for_release();
}

/// The server never answers, so that the end of `drop` shows that it does not wait for it.
#[test]
fn closing_ends_all_requests_at_once() {
    let (sent, call) = Sent::late();
    sent.fake.freeze();
    let (waiting, waiting_released) = tracked(request(&sent.model, b"?"));
    let waiting = send(&sent.model, waiting);
    let Sent {
        fake, model, released, ..
    } = sent;
    drop(model);
    assert_eq!(released.try_recv(), Ok(()));
    assert_eq!(waiting_released.try_recv(), Ok(()));
    assert_eq!(waiting.try_recv().unwrap().unwrap_err(), Error::ServerStopped);
    fake.thaw();
    wait_until("the server hears that nobody waits", || call.is_cancelled());
    assert!(fake.wait(PATIENCE, |counts| counts.open == 0), "{:?}", fake.counts());
}

#[test]
fn a_request_that_cannot_be_sent_is_released() {
    let (mut sent, call) = Sent::new(None);
    respond_with_input(call);
    assert_eq!(sent.outcome(), Ok(1));
    sent.fake.stop();
    assert!(matches!(ask(&sent.model, b"?"), Err(Error::Unreachable { .. })));
    let (unsent, released) = tracked(request(&sent.model, b"?"));
    let response = send(&sent.model, unsent).recv_timeout(PATIENCE).unwrap();
    assert!(matches!(response, Err(Error::Unreachable { .. })), "{response:?}");
    assert_eq!(released.recv_timeout(PATIENCE), Ok(()));
    sent.wait_for_release();
}
