//! A transport without a server, for tests: a closure decides when and with what to respond.

use std::sync::Arc;

use crate::memory::{BufferPool, Lease, MemoryUse};
use crate::transport::{SharedMemory, Transport};
use crate::{Error, LiveTransport, ModelDescription, Request, ResponseCallback, ServerMetadata, Statistics};

type Respond = Box<dyn Fn(Request, ResponseCallback) + Send + Sync>;

/// A server with one model whose requests are passed to a closure.
pub struct Scripted {
    description: ModelDescription,
    respond: Respond,
    available: Box<dyn Fn() -> Result<(), Error> + Send + Sync>,
    memory: Arc<BufferPool>,
}

impl Scripted {
    /// `respond` is called with every request and its callback, which it has to invoke exactly once: at once or later, from
    /// any thread. The request's memory is free when the request is dropped.
    pub fn new(
        description: ModelDescription,
        respond: impl Fn(Request, ResponseCallback) + Send + Sync + 'static,
    ) -> Self {
        Self {
            description,
            respond: Box::new(respond),
            available: Box::new(|| Ok(())),
            memory: Arc::default(),
        }
    }

    /// The same server, which says whether it is available.
    #[must_use]
    pub fn available_if(mut self, available: impl Fn() -> Result<(), Error> + Send + Sync + 'static) -> Self {
        self.available = Box::new(available);
        self
    }

    fn known(&self, model: &str) -> Result<&ModelDescription, Error> {
        let known = Some(&self.description).filter(|description| description.model == model);
        known.ok_or_else(|| Error::ModelNotFound {
            model: model.to_owned(),
            available: vec![self.description.model.clone()],
        })
    }
}

impl Transport for Scripted {
    fn load(&self, model: &str) -> Result<(), Error> {
        self.known(model).map(drop)
    }

    fn available(&self) -> Result<(), Error> {
        (self.available)()
    }

    fn describe(&self, model: &str) -> Result<ModelDescription, Error> {
        self.known(model).cloned()
    }

    fn metadata(&self) -> Result<ServerMetadata, Error> {
        Ok(ServerMetadata {
            name: "scripted".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        })
    }

    fn lease(&self, len: usize) -> Lease {
        self.memory.lease(len)
    }

    fn live_transport(&self) -> LiveTransport {
        LiveTransport::InProcess
    }

    fn memory_use(&self) -> MemoryUse {
        self.memory.memory_use()
    }

    fn infer(&self, _model: &Arc<str>, _version: Option<u64>, request: Request, callback: ResponseCallback) {
        (self.respond)(request, callback);
    }

    fn statistics(&self, _model: &str) -> Result<Vec<Statistics>, Error> {
        Ok(Vec::new())
    }

    fn shared_memory(&self) -> Option<&dyn SharedMemory> {
        None
    }

    fn close(self: Box<Self>) {}
}
