//! The gRPC transport: requests and calls run on the client's thread; calls are waited for.

use std::sync::Arc;

use super::access::Access;
use super::calls::{self, Conversation, InFlight, Setback};
use super::inference::{
    ModelStatisticsRequest, SystemSharedMemoryRegisterRequest, SystemSharedMemoryStatusRequest,
    SystemSharedMemoryUnregisterRequest,
};
use super::runtime::Runtime;
use super::servers::Servers;
use super::{describe, message};
use crate::memory::{BufferPool, Lease, MemoryUse};
use crate::transport::{SharedMemory, Transport};
use crate::{Error, Grpc, ModelDescription, Request, ResponseCallback, Statistics, SystemSharedMemoryRegion};

/// The connections to an endpoint. Dropping it closes them; requests in flight are cancelled and fail.
pub(crate) struct Client {
    servers: Arc<Servers>,
    runtime: Runtime,
    /// Inputs, until the server has released their request.
    memory: Arc<BufferPool>,
}

impl Client {
    /// A client of the servers at `endpoint`. Does not wait for the network: the first call connects.
    ///
    /// # Errors
    /// [`Error::InvalidSecurity`] or [`Error::SecurityFile`]; [`Error::Unreachable`] if an address cannot be used, or no
    /// thread can be started.
    pub(crate) fn connect(endpoint: &Grpc) -> Result<Self, Error> {
        let access = Access::read(endpoint)?;
        let runtime = Runtime::start().map_err(|error| Error::Unreachable {
            endpoint: endpoint.to_string(),
            reason: error.to_string(),
        })?;
        let requested = endpoint.clone();
        let servers = runtime.wait(async move { Servers::new(&requested, access) })?;
        Ok(Self {
            servers: servers?,
            runtime,
            memory: Arc::default(),
        })
    }

    /// Runs `work` on the client's thread and waits for it.
    fn wait<T, F>(&self, work: impl FnOnce(Arc<Servers>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.runtime.wait(work(Arc::clone(&self.servers)))?
    }

    /// Makes a call about shared memory and waits for the response.
    fn about_shared_memory<T, F>(
        &self,
        region: &str,
        call: impl Fn(Conversation) -> F + Send + Sync + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Setback>> + Send,
    {
        let region = region.to_owned();
        self.wait(|servers| async move {
            let response = calls::call(&servers, &region, call).await;
            response.map_err(|error| match error {
                Error::Infer { code, message, .. } => Error::SharedMemory {
                    region,
                    endpoint: servers.endpoint.to_string(),
                    reason: format!("{code}: {message}"),
                },
                error => error,
            })
        })
    }
}

impl Transport for Client {
    fn load(&self, _model: &str) -> Result<(), Error> {
        Ok(())
    }

    fn available(&self) -> Result<(), Error> {
        self.servers.available()
    }

    fn ready(&self) -> Result<(), Error> {
        self.wait(|servers| async move { servers.ready().await })
    }

    fn describe(&self, model: &str) -> Result<ModelDescription, Error> {
        let model = model.to_owned();
        self.wait(|servers| async move { describe::describe(&servers, &model).await })
    }

    fn lease(&self, len: usize) -> Lease {
        self.memory.lease(len)
    }

    fn memory_use(&self) -> MemoryUse {
        self.memory.memory_use()
    }

    fn infer(&self, model: &Arc<str>, version: Option<u64>, request: Request, callback: ResponseCallback) {
        let Request {
            inputs,
            timeout,
            queue_timeout,
            probe_after,
            priority,
            on_release,
        } = request;
        let parameters = message::parameters(priority, queue_timeout.or(timeout));
        let message = message::request(model, version, inputs, parameters);
        let call = InFlight::new(Arc::clone(model), message, timeout, probe_after, on_release, callback);
        let servers = Arc::clone(&self.servers);
        self.runtime
            .spawn(async move { call.run(&servers, message::response).await });
    }

    fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        let model = model.to_owned();
        let response = self.wait(|servers| async move {
            calls::call(&servers, &model, |server| {
                let (name, version) = (model.clone(), String::new());
                let request = ModelStatisticsRequest { name, version };
                async move { server.ask(server.client().model_statistics(request)).await }
            })
            .await
        })?;
        Ok(response.model_stats.into_iter().map(Into::into).collect())
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
        let call = move |server: Conversation| {
            let message = message.clone();
            async move { server.ask(server.client().system_shared_memory_register(message)).await }
        };
        self.about_shared_memory(&region.name, call).map(drop)
    }

    fn unregister(&self, region: &str) -> Result<(), Error> {
        let name = region.to_owned();
        let call = move |server: Conversation| {
            let message = SystemSharedMemoryUnregisterRequest { name: name.clone() };
            async move {
                server
                    .ask(server.client().system_shared_memory_unregister(message))
                    .await
            }
        };
        self.about_shared_memory(region, call).map(drop)
    }

    fn regions(&self) -> Result<Vec<SystemSharedMemoryRegion>, Error> {
        let call = |server: Conversation| async move {
            let all = SystemSharedMemoryStatusRequest::default();
            server.ask(server.client().system_shared_memory_status(all)).await
        };
        let response = self.about_shared_memory("all", call)?;
        let mut regions: Vec<SystemSharedMemoryRegion> = response.regions.into_values().map(Into::into).collect();
        regions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(regions)
    }
}
