//! What the tests of the gRPC client share: endpoints, small models of fake servers, requests for them.

use std::path::Path;
use std::sync::Arc;

use triton::{DataType, Endpoint, Error, Input, Model, Request, Response, Server};
use triton_fake::{Call, Tensor};

use super::{PATIENCE, send};

pub fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url, Path::new(""), Path::new("")).expect("an endpoint")
}

pub fn connect(url: &str) -> Result<Arc<Server>, Error> {
    Server::open(&endpoint(url))
}

/// With an input and an output of bytes.
pub fn of_bytes(model: triton_fake::Model) -> triton_fake::Model {
    model.input("in", "UINT8", &[-1]).output("out", "UINT8", &[-1])
}

/// Answers with what it is sent.
pub fn echo(name: &str) -> triton_fake::Model {
    of_bytes(triton_fake::Model::new(name, answer_the_same))
}

pub fn answer_the_same(call: Call) {
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

/// Sends bytes and waits for those that come back.
pub fn ask(model: &Model, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let answer = send(model, request(model, bytes));
    bytes_of(answer.recv_timeout(PATIENCE).expect("an answer"))
}

pub fn bytes_of(answer: Result<Response, Error>) -> Result<Vec<u8>, Error> {
    answer.map(|reply| reply.output("out").expect("the output").data.to_vec())
}
