//! Shared by the tests of the gRPC client: endpoints, small models of fake servers, and requests for them.

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

/// Adds an input and an output of type UINT8.
pub fn of_bytes(model: triton_fake::Model) -> triton_fake::Model {
    model.input("in", "UINT8", &[-1]).output("out", "UINT8", &[-1])
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

/// Sends bytes and waits for those of the response.
pub fn ask(model: &Model, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let response = send(model, request(model, bytes));
    bytes_of(response.recv_timeout(PATIENCE).expect("a response"))
}

pub fn bytes_of(response: Result<Response, Error>) -> Result<Vec<u8>, Error> {
    response.map(|response| response.output("out").expect("the output").data.to_vec())
}
