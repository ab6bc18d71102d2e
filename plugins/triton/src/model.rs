//! A loaded model: its contract, memory for its tensors, and inference.

use std::sync::Arc;

use crate::buffer::{Buffer, Pool};
use crate::{Contract, Done, Error, Reply, Request, Server, done};

/// An open model.
pub struct Model {
    source: Source,
    contract: Contract,
    inputs: Arc<Pool>,
    outputs: Arc<Pool>,
}

/// Who answers.
enum Source {
    Server { server: Arc<Server>, name: Arc<str> },
    Script(Box<dyn Fn(Request, Done) + Send + Sync>),
}

impl Model {
    pub(crate) fn new(server: Arc<Server>, contract: Contract) -> Self {
        let name = contract.model.as_str().into();
        Self::of(Source::Server { server, name }, contract)
    }

    /// A model that no server has: `answer` gets every request, and whenever it likes calls what comes with it, once.
    /// For the tests of those who use models: answers in any order, late, or wrong, without waiting.
    pub fn scripted(contract: Contract, answer: impl Fn(Request, Done) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::of(Source::Script(Box::new(answer)), contract))
    }

    fn of(source: Source, contract: Contract) -> Self {
        Self {
            source,
            contract,
            inputs: Arc::default(),
            outputs: Arc::default(),
        }
    }

    /// What the model wants and gives.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Memory for an input of `len` bytes, 64-byte aligned; its contents are unspecified (zeros or an earlier input).
    ///
    /// It is memory that was used before where there is some. In process, what is written here is what the model reads;
    /// elsewhere, it is what is written to the wire.
    pub fn buffer(&self, len: usize) -> Buffer {
        self.inputs.take(len)
    }

    /// Sends a request and returns. `done` gets the answer: exactly once, on a thread of the server's, or on this one
    /// when the request fails at once.
    ///
    /// The inputs' memory is used again only after Triton has let go of it, however early `done` is called. A `done`
    /// must not wait for other requests of the server: it would keep one of the model's instances from its work.
    pub fn infer(&self, request: Request, done: impl FnOnce(Result<Reply, Error>) + Send + 'static) {
        let done: Done = Box::new(done);
        match &self.source {
            Source::Script(answer) => answer(request, done),
            Source::Server { server, name } => match server.transport() {
                Some(transport) => transport.infer(name, self.contract.version, &self.outputs, request, done),
                None => done::call(done, Err(Error::ServerStopped)),
            },
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if let Source::Server { server, .. } = &self.source {
            server.forget_dropped_models();
        }
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Contract { model, version, .. } = &self.contract;
        match &self.source {
            Source::Server { server, .. } => write!(f, "Model({model} version {version} of {})", server.endpoint()),
            Source::Script(_) => write!(f, "Model({model} version {version} of a script)"),
        }
    }
}
