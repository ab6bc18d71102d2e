//! The gRPC transport: requests and calls run on the client's thread; calls are waited for.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tonic::{Response as GrpcResponse, Status};

use super::access::Access;
use super::channel::ServerClient;
use super::inference::{
    ModelStatisticsRequest, SystemSharedMemoryRegisterRequest, SystemSharedMemoryStatusRequest,
    SystemSharedMemoryUnregisterRequest,
};
use super::runtime::Runtime;
use super::servers::Servers;
use super::status::Failure;
use super::{describe, message};
use crate::memory::{BufferPool, Lease, MemoryUse};
use crate::transport::{SharedMemory, Transport};
use crate::{
    Error, Grpc, ModelDescription, Request, Response, ResponseCallback, Statistics, SystemSharedMemoryRegion, callback,
};

/// The connections to an endpoint. Dropping it closes them; requests in flight are cancelled and fail.
pub(crate) struct Client {
    servers: Arc<Servers>,
    runtime: Runtime,
    /// Inputs, until their message has been sent or dropped.
    memory: Arc<BufferPool>,
}

impl Client {
    /// Connects to the first server that is ready, else to the first that responds.
    pub(crate) fn connect(endpoint: &Grpc) -> Result<Self, Error> {
        let access = Access::read(endpoint)?;
        let runtime = Runtime::start().map_err(|error| Error::Unreachable {
            endpoint: endpoint.to_string(),
            reason: error.to_string(),
        })?;
        let requested = endpoint.clone();
        let servers = runtime.wait(async move {
            let servers = Servers::new(&requested, access)?;
            servers.choose().await.map(|()| servers)
        });
        Ok(Self {
            servers: Arc::new(servers??),
            runtime,
            memory: Arc::default(),
        })
    }

    /// Makes a call other than inference and waits for the response.
    fn call<T, F>(&self, call: impl Fn(ServerClient) -> F + Send + Sync + 'static) -> Result<Result<T, Failure>, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<GrpcResponse<T>, Status>> + Send,
    {
        let servers = Arc::clone(&self.servers);
        self.runtime.wait(async move { servers.call(call).await })
    }

    /// The error for a refused call about shared memory.
    fn refused(&self, region: &str, failure: Failure) -> Error {
        match failure.into_error(&self.servers.endpoint, region) {
            Error::Infer { code, message, .. } => Error::SharedMemory {
                region: region.to_owned(),
                endpoint: self.servers.endpoint.to_string(),
                reason: format!("{code}: {message}"),
            },
            error => error,
        }
    }
}

impl Transport for Client {
    fn load(&self, _model: &str) -> Result<(), Error> {
        Ok(())
    }

    fn available(&self) -> Result<(), Error> {
        Ok(())
    }

    fn describe(&self, model: &str) -> Result<ModelDescription, Error> {
        let (servers, name) = (Arc::clone(&self.servers), model.to_owned());
        self.runtime
            .wait(async move { describe::describe(&servers, name).await })?
    }

    fn lease(&self, len: usize) -> Lease {
        self.memory.lease(len)
    }

    fn memory_use(&self) -> MemoryUse {
        self.memory.memory_use()
    }

    fn infer(&self, model: &Arc<str>, version: Option<u64>, request: Request, callback: ResponseCallback) {
        let deadline = request.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let (servers, model) = (Arc::clone(&self.servers), Arc::clone(model));
        let callback = CallbackGuard(Some(callback));
        self.runtime.spawn(async move {
            let message = message::request(&model, version, request);
            let response = servers.infer(message, deadline).await;
            let failed = |failure: Failure| failure.into_error(&servers.endpoint, &model);
            callback.invoke(response.and_then(message::response).map_err(failed));
        });
    }

    fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        let name = model.to_owned();
        let response = self.call(move |mut server| {
            let (name, version) = (name.clone(), String::new());
            async move { server.model_statistics(ModelStatisticsRequest { name, version }).await }
        })?;
        let failed = |failure: Failure| failure.into_error(&self.servers.endpoint, model);
        let entries = response.map_err(failed)?.model_stats;
        Ok(entries.into_iter().map(Into::into).collect())
    }

    fn shared_memory(&self) -> Option<&dyn SharedMemory> {
        Some(self)
    }

    fn close(self: Box<Self>) {}
}

impl SharedMemory for Client {
    fn register(&self, region: &SystemSharedMemoryRegion) -> Result<(), Error> {
        let message = SystemSharedMemoryRegisterRequest {
            name: region.name.clone(),
            key: region.key.clone(),
            offset: region.offset,
            byte_size: region.byte_size,
        };
        let response = self.call(move |mut server| {
            let message = message.clone();
            async move { server.system_shared_memory_register(message).await }
        })?;
        response
            .map(drop)
            .map_err(|failure| self.refused(&region.name, failure))
    }

    fn unregister(&self, region: &str) -> Result<(), Error> {
        let message = SystemSharedMemoryUnregisterRequest {
            name: region.to_owned(),
        };
        let response = self.call(move |mut server| {
            let message = message.clone();
            async move { server.system_shared_memory_unregister(message).await }
        })?;
        response.map(drop).map_err(|failure| self.refused(region, failure))
    }

    fn regions(&self) -> Result<Vec<SystemSharedMemoryRegion>, Error> {
        let response = self.call(|mut server| async move {
            let all = SystemSharedMemoryStatusRequest::default();
            server.system_shared_memory_status(all).await
        })?;
        let response = response.map_err(|failure| self.refused("all", failure))?;
        let mut regions: Vec<SystemSharedMemoryRegion> = response.regions.into_values().map(Into::into).collect();
        regions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(regions)
    }
}

/// A callback that is invoked even if the task that awaits its response is dropped.
struct CallbackGuard(Option<ResponseCallback>);

impl CallbackGuard {
    fn invoke(mut self, result: Result<Response, Error>) {
        if let Some(callback) = self.0.take() {
            callback::invoke(callback, result);
        }
    }
}

impl Drop for CallbackGuard {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            callback::invoke(callback, Err(Error::ServerStopped));
        }
    }
}
