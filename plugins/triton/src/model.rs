//! A loaded model: its contract, memory for its tensors, and inference.

use std::sync::Arc;

use crate::buffer::{Buffer, Pool};
use crate::{Contract, Error, Reply, Request, Server, done};

/// A model that is loaded as long as anyone holds it.
pub struct Model {
    server: Arc<Server>,
    name: Arc<str>,
    contract: Contract,
    inputs: Arc<Pool>,
    outputs: Arc<Pool>,
}

impl Model {
    pub(crate) fn new(server: Arc<Server>, contract: Contract) -> Self {
        let name = contract.model.as_str().into();
        Self {
            server,
            name,
            contract,
            inputs: Arc::default(),
            outputs: Arc::default(),
        }
    }

    /// What the model wants and gives.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The server that has it.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Memory for an input of `len` bytes, 64-byte aligned; its contents are unspecified (zeros or an earlier input).
    ///
    /// It is memory that was used before where there is some. What is written here is what the model reads: no copy.
    pub fn buffer(&self, len: usize) -> Buffer {
        self.inputs.take(len)
    }

    /// Sends a request and returns. `done` gets the answer: exactly once, on a thread of the server's, or on this one
    /// when the request fails at once.
    ///
    /// The inputs' memory is used again only after Triton has let go of it, however early `done` is called. A `done`
    /// must not wait for other requests of the server: it would keep one of the model's instances from its work.
    pub fn infer(&self, request: Request, done: impl FnOnce(Result<Reply, Error>) + Send + 'static) {
        match self.server.host() {
            Some(host) => host.infer(
                &self.name,
                self.contract.version,
                &self.outputs,
                request,
                Box::new(done),
            ),
            None => done::call(Box::new(done), Err(Error::ServerStopped)),
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let (server, name) = (Arc::clone(&self.server), Arc::clone(&self.name));
        done::outside(move || server.release(&name));
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Model({} version {} of {})",
            self.name,
            self.contract.version,
            self.server.endpoint()
        )
    }
}
