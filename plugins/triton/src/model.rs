//! A loaded model: its description, memory for its tensors, and inference.

use std::sync::Arc;

use crate::memory::{Lease, MemoryUse};
use crate::{Error, ModelDescription, Request, Response, ResponseCallback, Server};

/// An open model.
pub struct Model {
    server: Arc<Server>,
    description: ModelDescription,
    name: Arc<str>,
    version: Option<u64>,
}

impl Model {
    pub(crate) fn new(server: Arc<Server>, description: ModelDescription, version: Option<u64>) -> Self {
        Self {
            name: description.model.as_str().into(),
            server,
            description,
            version,
        }
    }

    /// The model's metadata and configuration.
    pub fn description(&self) -> &ModelDescription {
        &self.description
    }

    /// The version that requests are sent to; `None`: the server chooses, at each request.
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// The model's server.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Memory for an input of `len` bytes, 64-byte aligned; its contents are unspecified (zeros or an earlier input).
    ///
    /// Free memory of earlier requests is reused. An in-process model reads the input in place; for a remote server it
    /// is copied to the connection.
    pub fn lease(&self, len: usize) -> Lease {
        self.server.transport().lease(len)
    }

    /// Use of the server's input memory, by all models together.
    pub fn memory_use(&self) -> MemoryUse {
        self.server.transport().memory_use()
    }

    /// Sends a request and returns. `callback` is invoked with the response exactly once: on a thread of the server, or
    /// on this thread if the request cannot be sent.
    ///
    /// The inputs' memory is reused only after the server has released it, however early `callback` is invoked. A
    /// callback must not wait for other requests of the server: it would block one of the model's instances.
    pub fn infer(&self, request: Request, callback: impl FnOnce(Result<Response, Error>) + Send + 'static) {
        let callback: ResponseCallback = Box::new(callback);
        self.server
            .transport()
            .infer(&self.name, self.version, request, callback);
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, version, .. } = self;
        write!(f, "Model({name} version {version:?} of {})", self.server.endpoint())
    }
}
