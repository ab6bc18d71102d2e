//! A server and its models, shared by all users: one slot per model, and no lock is held while the server loads or
//! responds.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use crate::in_process::InProcessServer;
use crate::memory::CudaRegion;
use crate::scripted::Scripted;
use crate::transport::{SharedMemory, Transport};
use crate::{
    Endpoint, Error, LiveTransport, Log, Model, ModelDescription, ServerMetadata, ServerPool, Statistics,
    SystemSharedMemoryRegion, callback, grpc, lock,
};

/// A Triton server, shared by all users of its endpoint in a [`ServerPool`].
///
/// Dropping the last handle (models hold one) closes it: requests are cancelled and fail, connections are closed. Requests
/// that an in-process Triton is executing are not waited for; they keep their memory until it releases them. An
/// in-process Triton itself runs until the process ends. If dropped in a callback, it is closed on another thread.
pub struct Server {
    endpoint: Endpoint,
    pool: ServerPool,
    /// Taken only by `drop`.
    transport: Option<Box<dyn Transport>>,
    slots: Mutex<HashMap<Key, Slot>>,
    /// The last of [`Self::transport_notice`].
    noticed: Mutex<Option<String>>,
    /// What its users share beside the connection.
    attachment: OnceLock<Arc<dyn Any + Send + Sync>>,
    /// Notified when a model has been opened or could not be opened.
    changed: Condvar,
}

/// A model's name and requested version.
type Key = (String, Option<u64>);

/// A model that is open or being opened.
enum Slot {
    /// One thread opens the model, without the lock; other users of the same model wait.
    Opening,
    Open(Weak<Model>),
}

impl Server {
    /// The server at `endpoint` in the process's pool: [`ServerPool::open`].
    pub fn open(endpoint: &Endpoint) -> Result<Arc<Self>, Error> {
        ServerPool::process().open(endpoint)
    }

    pub(crate) fn start(endpoint: &Endpoint, log: Log, pool: &ServerPool) -> Result<Arc<Self>, Error> {
        let transport: Box<dyn Transport> = match endpoint {
            Endpoint::InProcess(endpoint) => Box::new(InProcessServer::open(endpoint, log)?),
            Endpoint::Grpc(endpoint) => Box::new(grpc::Client::connect(endpoint)?),
            Endpoint::Scripted => {
                let server = endpoint.to_string();
                return Err(Error::UnsupportedEndpoint { server });
            }
        };
        Ok(Arc::new(Self::of(endpoint, pool, transport)))
    }

    /// A scripted server for tests.
    pub fn scripted(script: Scripted) -> Arc<Self> {
        Self::over(script)
    }

    /// A server reached by a transport of the application's own, in no pool; give it to elements with [`ServerPool::of`].
    pub fn over(transport: impl Transport + 'static) -> Arc<Self> {
        Arc::new(Self::of(
            &Endpoint::Scripted,
            &ServerPool::default(),
            Box::new(transport),
        ))
    }

    fn of(endpoint: &Endpoint, pool: &ServerPool, transport: Box<dyn Transport>) -> Self {
        Self {
            endpoint: endpoint.clone(),
            pool: pool.clone(),
            transport: Some(transport),
            slots: Mutex::default(),
            noticed: Mutex::default(),
            attachment: OnceLock::new(),
            changed: Condvar::new(),
        }
    }

    /// Its endpoint, with canonical paths.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A model, shared by all callers with the same version. An in-process server loads it at the first call and keeps
    /// it loaded until the process ends, even if its files change; a remote server must have loaded it. Waits for the
    /// server, but not for callers that open other models. Must not be called in a callback.
    ///
    /// `version`: the version to use; `None`: the server chooses at each request, so that a newer version takes over.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`], [`Error::VersionNotFound`], [`Error::ModelLoad`], [`Error::Description`], or an error
    /// of the connection.
    pub fn model(self: &Arc<Self>, name: &str, version: Option<u64>) -> Result<Arc<Model>, Error> {
        let key = (name.to_owned(), version);
        let mut slots = lock(&self.slots);
        loop {
            match slots.get(&key) {
                Some(Slot::Opening) => slots = self.wait(slots),
                Some(Slot::Open(model)) if let Some(model) = model.upgrade() => return Ok(model),
                _ => break,
            }
        }
        slots.retain(|_, slot| !matches!(slot, Slot::Open(model) if model.strong_count() == 0));
        slots.insert(key.clone(), Slot::Opening);
        drop(slots);
        let opening = Opening { server: self, key };
        let transport = self.transport();
        transport.load(name)?;
        let description = transport.describe(name)?;
        description.served_version(version)?;
        Ok(opening.finish(Model::new(Arc::clone(self), description, version)))
    }

    /// As [`Self::model`], but asks the server again what the model is. Handles of the same model that are open keep their
    /// old description.
    ///
    /// # Errors
    /// As [`Self::model`].
    pub fn reopen(self: &Arc<Self>, name: &str, version: Option<u64>) -> Result<Arc<Model>, Error> {
        let description = self.transport().describe(name)?;
        description.served_version(version)?;
        let model = Arc::new(Model::new(Arc::clone(self), description, version));
        let slot = Slot::Open(Arc::downgrade(&model));
        lock(&self.slots).insert((name.to_owned(), version), slot);
        Ok(model)
    }

    /// Metadata and configuration of a model as the server has them now, which may differ from those of an open
    /// [`Model`]. Waits for the server.
    ///
    /// # Errors
    /// As [`Self::model`].
    pub fn describe(&self, model: &str) -> Result<ModelDescription, Error> {
        self.transport().describe(model)
    }

    /// Whether a request can be sent now, without asking the server.
    ///
    /// # Errors
    /// The error that a request would fail with at once, because no server of the endpoint responds at present.
    pub fn available(&self) -> Result<(), Error> {
        self.transport().available()
    }

    /// How the tensors of requests are passed at present. Shared memory is used once the server has accepted it.
    pub fn live_transport(&self) -> LiveTransport {
        self.transport().live_transport()
    }

    /// Bytes of tensors that were copied into or out of messages since the server was opened; 0 as long as all are read and
    /// written in place.
    pub fn bytes_copied(&self) -> u64 {
        self.transport().bytes_copied()
    }

    /// Why tensors are sent in messages although shared memory was asked for, and what to do about it. `None` if they are
    /// not, or if the server was not asked yet.
    pub fn transport_fallback(&self) -> Option<String> {
        self.transport().fallback()
    }

    /// [`Self::transport_fallback`] as a message for the user: each is returned once, to one of the users of the server.
    pub fn transport_notice(&self) -> Option<String> {
        let fallback = self.transport_fallback()?;
        let last = lock(&self.noticed).replace(fallback.clone());
        (last.as_ref() != Some(&fallback)).then_some(fallback)
    }

    /// Asks the server whether it is ready, and waits for the response: a few seconds for each address at most. Models of a
    /// server that is not ready may be usable: Triton is ready only once all of its models are.
    ///
    /// # Errors
    /// [`Error::Unreachable`] with the reason of each address.
    pub fn ready(&self) -> Result<(), Error> {
        self.transport().ready()
    }

    /// The server's own name and version. Waits for the response.
    ///
    /// # Errors
    /// As [`Self::ready`], or [`Error::Infer`] if the server does not know the call.
    pub fn metadata(&self) -> Result<ServerMetadata, Error> {
        self.transport().metadata()
    }

    /// A value that all users of the server share, such as a scheduler of their requests; made by `init` at the first call.
    ///
    /// # Panics
    /// If an earlier call had another type.
    pub fn attachment<T: Any + Send + Sync>(&self, init: impl FnOnce() -> T) -> Arc<T> {
        let shared = self.attachment.get_or_init(|| Arc::new(init()));
        Arc::clone(shared).downcast().expect("a server has one attachment")
    }

    fn wait<'a, T>(&self, slots: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.changed.wait(slots).unwrap_or_else(PoisonError::into_inner)
    }

    /// Statistics of a model since it was loaded, one entry for each available version.
    pub fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        self.transport().statistics(model)
    }

    /// Registers a region of POSIX shared memory, which requests can then refer to. The server must be on the same
    /// machine, since it maps the region; if the endpoint has several servers, only the first one that is available
    /// registers it. The region stays registered until [`Self::unregister_shared_memory`] is called or the server
    /// exits.
    ///
    /// # Errors
    /// [`Error::SharedMemory`] with the server's message, for example if the name is in use; always for an in-process
    /// server, which shares the memory of this process.
    pub fn register_shared_memory(&self, region: &SystemSharedMemoryRegion) -> Result<(), Error> {
        self.shared_memory(&region.name)?.register(region)
    }

    /// Unregisters a region; an unknown name is not an error.
    ///
    /// # Errors
    /// As [`Self::register_shared_memory`].
    pub fn unregister_shared_memory(&self, region: &str) -> Result<(), Error> {
        self.shared_memory(region)?.unregister(region)
    }

    /// All regions registered with the server, sorted by name, including those of other clients.
    ///
    /// # Errors
    /// As [`Self::register_shared_memory`].
    pub fn shared_memory_regions(&self) -> Result<Vec<SystemSharedMemoryRegion>, Error> {
        self.shared_memory("all")?.regions()
    }

    /// Registers a region of CUDA memory, which requests can then refer to with its leases. The server must be on the same machine
    /// and have the same GPU; if the endpoint has several servers, only the first one that is available registers it. A server
    /// that was started again has forgotten it: requests then fail with NOT_FOUND until it is registered anew.
    ///
    /// # Errors
    /// [`Error::SharedMemory`] with the server's message, for example if it has no GPU; always for an in-process server, which
    /// reads the memory of this process. [`Error::Cuda`] if there is no handle for the memory.
    pub fn register_cuda(&self, region: &CudaRegion) -> Result<(), Error> {
        self.shared_memory(region.name())?.register_cuda(region)
    }

    /// Unregisters a region of CUDA memory. Wait for the end of its requests before.
    ///
    /// # Errors
    /// As [`Self::register_cuda`].
    pub fn unregister_cuda(&self, region: &CudaRegion) -> Result<(), Error> {
        self.shared_memory(region.name())?.unregister_cuda(region.name())
    }

    fn shared_memory(&self, region: &str) -> Result<&dyn SharedMemory, Error> {
        self.transport().shared_memory().ok_or_else(|| Error::SharedMemory {
            region: region.to_owned(),
            endpoint: self.endpoint.to_string(),
            reason: "an in-process server shares the memory of this process; pass the tensors themselves".into(),
        })
    }

    /// The transport, which exists until the server is dropped.
    pub(crate) fn transport(&self) -> &dyn Transport {
        self.transport.as_deref().expect("only `drop` takes the transport")
    }
}

/// A slot that is [`Slot::Opening`]; removed if dropped before the model is open.
struct Opening<'a> {
    server: &'a Server,
    key: Key,
}

impl Opening<'_> {
    fn finish(self, model: Model) -> Arc<Model> {
        let model = Arc::new(model);
        let slot = Slot::Open(Arc::downgrade(&model));
        lock(&self.server.slots).insert(self.key.clone(), slot);
        model
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        let mut slots = lock(&self.server.slots);
        if let Some(Slot::Opening) = slots.get(&self.key) {
            slots.remove(&self.key);
        }
        drop(slots);
        self.server.changed.notify_all();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let (transport, endpoint, pool) = (self.transport.take(), self.endpoint.clone(), self.pool.clone());
        callback::run_outside_callback(move || {
            if let Some(transport) = transport {
                transport.close();
            }
            pool.forget(&endpoint);
        });
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.endpoint)
    }
}
