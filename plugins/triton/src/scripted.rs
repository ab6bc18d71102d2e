//! A transport without a server, for tests: a closure responds, in any order, late, or wrong, without waiting.

use std::sync::Arc;

use crate::memory::{BufferPool, Lease, MemoryUse};
use crate::transport::{SharedMemory, Transport};
use crate::{Error, ModelDescription, Request, ResponseCallback, Statistics};

type Answer = Box<dyn Fn(Request, ResponseCallback) + Send + Sync>;

/// A server of one model whose requests all go to a closure.
pub struct Scripted {
    description: ModelDescription,
    answer: Answer,
    memory: Arc<BufferPool>,
}

impl Scripted {
    /// `answer` gets every request and has to call the callback that comes with it, once, whenever it likes. The request's
    /// memory is free when `answer` drops the request.
    pub fn new(
        description: ModelDescription,
        answer: impl Fn(Request, ResponseCallback) + Send + Sync + 'static,
    ) -> Self {
        Self {
            description,
            answer: Box::new(answer),
            memory: Arc::default(),
        }
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

    fn describe(&self, model: &str) -> Result<ModelDescription, Error> {
        self.known(model).cloned()
    }

    fn lease(&self, len: usize) -> Lease {
        self.memory.lease(len)
    }

    fn memory_use(&self) -> MemoryUse {
        self.memory.memory_use()
    }

    fn infer(&self, _model: &Arc<str>, _version: u64, request: Request, callback: ResponseCallback) {
        (self.answer)(request, callback);
    }

    fn statistics(&self, _model: &str) -> Result<Vec<Statistics>, Error> {
        Ok(Vec::new())
    }

    fn shared_memory(&self) -> Option<&dyn SharedMemory> {
        None
    }

    fn close(self: Box<Self>) {}
}
