//! The gRPC transport: requests and calls run on the client's thread; calls are waited for.

use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use tokio::sync::mpsc::unbounded_channel;

use super::access::Access;
use super::calls::{self, Conversation, InFlight, Setback};
use super::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryUnregisterRequest, ModelStatisticsRequest, ServerMetadataRequest,
    ServerMetadataResponse, SystemSharedMemoryRegisterRequest, SystemSharedMemoryStatusRequest,
    SystemSharedMemoryUnregisterRequest,
};
use super::link::Link;
use super::message::Outgoing;
use super::runtime::Runtime;
use super::servers::Servers;
use super::shared_memory::unregister_all;
use super::{describe, message, prober};
use crate::memory::{BufferPool, CudaRegion, Lease, MemoryUse};
use crate::transport::{SharedMemory, Transport};
use crate::{
    Error, Grpc, LiveTransport, ModelDescription, Request, ResponseCallback, ServerMetadata, Statistics,
    SystemSharedMemoryRegion, Transfer, shared_memory,
};

/// Maximum time to unregister shared memory after the connection has been closed.
const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(10);

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
        let transfer = endpoint.transfer;
        if transfer != Transfer::Wire {
            shared_memory::clear_leftovers();
        }
        let access = Access::read(endpoint)?;
        let runtime = Runtime::start().map_err(|error| Error::Unreachable {
            endpoint: endpoint.to_string(),
            reason: error.to_string(),
        })?;
        let requested = endpoint.clone();
        let (prober, away) = unbounded_channel();
        let servers = runtime.wait(async move { Servers::new(&requested, access, transfer, prober) })??;
        runtime.spawn(prober::run(Arc::clone(&servers), away));
        Ok(Self {
            servers,
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
        self.wait(|servers| async move { prober::ready(&servers).await })
    }

    fn metadata(&self) -> Result<ServerMetadata, Error> {
        let response = self.wait(|servers| async move {
            calls::call(&servers, "the server", |server| async move {
                server
                    .ask(server.client().server_metadata(ServerMetadataRequest {}))
                    .await
            })
            .await
        })?;
        let ServerMetadataResponse { name, version } = response;
        Ok(ServerMetadata { name, version })
    }

    fn describe(&self, model: &str) -> Result<ModelDescription, Error> {
        let model = model.to_owned();
        self.wait(|servers| async move {
            let description = describe::describe(&servers, &model).await?;
            servers.described(&description).await?;
            Ok(description)
        })
    }

    fn lease(&self, len: usize) -> Lease {
        match self.servers.transfers.lease(len) {
            Some(slot) => self.memory.lease_slot(slot, len),
            None => self.memory.lease(len),
        }
    }

    fn memory_use(&self) -> MemoryUse {
        MemoryUse {
            shared_memory: self.servers.transfers.reserved(),
            ..self.memory.memory_use()
        }
    }

    fn live_transport(&self) -> LiveTransport {
        self.servers.transfers.live()
    }

    fn bytes_copied(&self) -> u64 {
        self.servers.transfers.copied()
    }

    fn fallback(&self) -> Option<String> {
        self.servers.transfers.fallback()
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
        if let Err(error) = inputs.iter().try_for_each(|input| input.data.upload()) {
            drop((inputs, on_release)); // the request has ended before it was sent
            return callback(Err(error));
        }
        let parameters = message::parameters(priority, queue_timeout.or(timeout));
        let outgoing = Outgoing::new(model, version, inputs, parameters);
        let call = InFlight::new(Arc::clone(model), outgoing, timeout, probe_after, on_release, callback);
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

    fn close(self: Box<Self>) {
        let left = self.wait(|servers| async move { Ok(servers.unregister().await) });
        match left {
            Ok(left) if !left.is_empty() => unregister_later(self.servers.endpoint.clone(), left),
            _ => {}
        }
    }
}

/// Unregisters the shared memory that a busy server has not unregistered in time, by a connection and a thread of its own: it
/// would stay the server's until it ends.
fn unregister_later(endpoint: Grpc, left: Vec<(usize, Vec<String>)>) {
    let unregister = move || {
        let runtime = Runtime::start()?;
        // Fails only if the thread has ended.
        let _ = runtime.wait(async move {
            let Ok(access) = Access::read(&endpoint) else {
                return;
            };
            for (index, names) in left {
                if let Ok(link) = Link::new(index, &endpoint.addresses[index], &access) {
                    unregister_all(names, &link.client, UNREGISTER_TIMEOUT).await;
                }
            }
        });
        io::Result::Ok(())
    };
    // Without a thread, the server keeps the memory.
    let _detached = thread::Builder::new().name("triton-close".into()).spawn(unregister);
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

    fn register_cuda(&self, region: &CudaRegion) -> Result<(), Error> {
        let memory = region.memory();
        let message = CudaSharedMemoryRegisterRequest {
            name: region.name().to_owned(),
            raw_handle: memory.handle()?.to_vec().into(),
            device_id: memory.device().into(),
            byte_size: memory.len() as u64,
        };
        let call = move |server: Conversation| {
            let message = message.clone();
            async move { server.ask(server.client().cuda_shared_memory_register(message)).await }
        };
        self.about_shared_memory(region.name(), call).map(drop)
    }

    fn unregister_cuda(&self, region: &str) -> Result<(), Error> {
        let name = region.to_owned();
        let call = move |server: Conversation| {
            let message = CudaSharedMemoryUnregisterRequest { name: name.clone() };
            async move { server.ask(server.client().cuda_shared_memory_unregister(message)).await }
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
