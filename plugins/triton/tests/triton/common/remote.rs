//! Shared by the tests of the gRPC client: endpoints, small models of fake servers, and requests for them.

use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use triton::{DataType, Endpoint, Error, Input, Model, OnRelease, Request, Response, Server, ServerPool};
use triton_fake::{Call, Tensor};

use super::{PATIENCE, send};

pub fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url, Path::new(""), Path::new("")).expect("an endpoint")
}

pub fn connect(url: &str) -> Result<Arc<Server>, Error> {
    Server::open(&endpoint(url))
}

/// Adds an input and an output of type UINT8.
pub fn of_bytes(model: triton_fake::Model) -> triton_fake::Model {
    model.input("in", "UINT8", &[-1]).output("out", "UINT8", &[-1])
}

/// A client of the server at `url` without others' connections, and its model `m`.
pub fn open_model(url: &str) -> Arc<Model> {
    let server = ServerPool::default().open(&endpoint(url)).expect("a client");
    server.model("m", None).expect("a model")
}

/// A model `m` that responds with its server's name.
pub fn signed(server: &'static str) -> triton_fake::Model {
    of_bytes(triton_fake::Model::new("m", move |call| sign(call, server)))
}

fn sign(call: Call, server: &str) {
    let shape = [server.len() as i64];
    call.answer(vec![Tensor::new("out", "UINT8", &shape, server.to_owned())]);
}

/// Requests to a model that are answered, or kept while it is silent.
#[derive(Clone, Default)]
pub struct Silence(Arc<Mutex<Option<Vec<Call>>>>);

impl Silence {
    /// A model `m` that responds with its server's name unless it is silent.
    pub fn model(&self, server: &'static str) -> triton_fake::Model {
        let silence = self.clone();
        of_bytes(triton_fake::Model::new("m", move |call| {
            match &mut *silence.0.lock().expect("no test panics here") {
                Some(kept) => kept.push(call),
                None => sign(call, server),
            }
        }))
    }

    /// Keeps later requests without an answer.
    pub fn begin(&self) {
        *self.0.lock().expect("no test panics here") = Some(Vec::new());
    }

    /// Answers later requests, and drops those that were kept.
    pub fn end(&self) {
        *self.0.lock().expect("no test panics here") = None;
    }
}

/// A model that responds with its input.
pub fn echo(name: &str) -> triton_fake::Model {
    of_bytes(triton_fake::Model::new(name, respond_with_input))
}

pub fn respond_with_input(call: Call) {
    let input = call.inputs[0].clone();
    let output = Tensor::new("out", "UINT8", &input.shape, input.data);
    call.answer(vec![output]);
}

pub fn request(model: &Model, bytes: &[u8]) -> Request {
    let mut data = model.lease(bytes.len());
    data.copy_from_slice(bytes);
    Request::new(vec![Input {
        name: "in".into(),
        datatype: DataType::Uint8,
        shape: vec![bytes.len() as i64],
        data,
    }])
}

/// The request with `on_release` sending to a channel.
pub fn tracked(request: Request) -> (Request, mpsc::Receiver<()>) {
    let (sender, released) = mpsc::channel();
    let on_release = OnRelease::new(move || {
        let _ = sender.send(()); // the test may have ended
    });
    let on_release = Some(on_release);
    (Request { on_release, ..request }, released)
}

/// Waits until `condition` holds, and panics with `what` if it does not.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The reason in an [`Error::Unreachable`], after checking that the error is temporary.
pub fn unreachable(error: &Error, url: &str) -> String {
    assert!(!error.is_fatal(), "{error:?}");
    match error {
        Error::Unreachable { endpoint, reason } if endpoint == url => reason.clone(),
        _ => panic!("{error:?}"),
    }
}

/// Sends bytes and waits for those of the response.
pub fn ask(model: &Model, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let response = send(model, request(model, bytes));
    bytes_of(response.recv_timeout(PATIENCE).expect("a response"))
}

pub fn bytes_of(response: Result<Response, Error>) -> Result<Vec<u8>, Error> {
    response.map(|response| response.output("out").expect("the output").data.to_vec())
}
