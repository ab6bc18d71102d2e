//! A server and its models, shared by all who use them: one slot a model, and no lock held while the server works.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use crate::in_process::InProcessServer;
use crate::scripted::Scripted;
use crate::transport::{SharedMemory, Transport};
use crate::{Endpoint, Error, Log, Model, ServerPool, Statistics, SystemSharedMemoryRegion, callback, grpc, lock};

/// A Triton server: one for each endpoint in a [`ServerPool`], as long as anyone holds it.
///
/// Dropping the last handle (models hold one) closes the way to it: queued requests are dropped, those that an in-process
/// Triton executes are finished first (10 s at most), connections are closed, every request has its response. An in-process
/// Triton itself runs until the process ends. Dropped in a request's callback, it closes on a thread of its own.
pub struct Server {
    endpoint: Endpoint,
    pool: ServerPool,
    /// Taken only by `drop`.
    transport: Option<Box<dyn Transport>>,
    slots: Mutex<HashMap<Key, Slot>>,
    /// A model is open, or could not be opened.
    changed: Condvar,
}

/// A model by its name and the version that was asked for.
type Key = (String, Option<u64>);

/// A model that somebody uses, or that somebody opens.
enum Slot {
    /// One thread opens it, without the lock; others who ask for the same model wait.
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

    /// A server that a test plays.
    pub fn scripted(script: Scripted) -> Arc<Self> {
        Arc::new(Self::of(&Endpoint::Scripted, &ServerPool::default(), Box::new(script)))
    }

    fn of(endpoint: &Endpoint, pool: &ServerPool, transport: Box<dyn Transport>) -> Self {
        Self {
            endpoint: endpoint.clone(),
            pool: pool.clone(),
            transport: Some(transport),
            slots: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Where it is, with real paths.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A model, shared by all callers that ask for the same version. In process, the first call loads it, and it stays
    /// loaded until the process ends, as its files were then; elsewhere the server has it loaded. Waits for the server, and
    /// for no caller that opens another model. Not to be called in a request's callback.
    ///
    /// `version`: the one to use; without it, the highest that the model's version policy serves.
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
        let version = description.served_version(version)?;
        Ok(opening.finish(Model::new(Arc::clone(self), description, version)))
    }

    fn wait<'a, T>(&self, slots: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.changed.wait(slots).unwrap_or_else(PoisonError::into_inner)
    }

    /// What the server has counted of a model since it was loaded, an entry for each version that is served.
    pub fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        self.transport().statistics(model)
    }

    /// Registers a region of POSIX shared memory, by which requests can then name their tensors. The server maps it, so it
    /// has to be on the same machine; of several servers of an endpoint only the one that responded last gets it. It knows
    /// the region until it ends or [`Self::unregister_shared_memory`] is called.
    ///
    /// # Errors
    /// [`Error::SharedMemory`] with the server's message, such as that for a name that is taken; always for a server in
    /// this process, which sees all memory anyway.
    pub fn register_shared_memory(&self, region: &SystemSharedMemoryRegion) -> Result<(), Error> {
        self.shared_memory(&region.name)?.register(region)
    }

    /// Unregisters a region; one that the server does not know is no error.
    ///
    /// # Errors
    /// As [`Self::register_shared_memory`].
    pub fn unregister_shared_memory(&self, region: &str) -> Result<(), Error> {
        self.shared_memory(region)?.unregister(region)
    }

    /// The regions that the server knows, by their names: everybody's, not only this process's.
    ///
    /// # Errors
    /// As [`Self::register_shared_memory`].
    pub fn shared_memory_regions(&self) -> Result<Vec<SystemSharedMemoryRegion>, Error> {
        self.shared_memory("all")?.regions()
    }

    fn shared_memory(&self, region: &str) -> Result<&dyn SharedMemory, Error> {
        self.transport().shared_memory().ok_or_else(|| Error::SharedMemory {
            region: region.to_owned(),
            endpoint: self.endpoint.to_string(),
            reason: "a server in this process sees its memory anyway; use the tensors themselves".into(),
        })
    }

    /// There while anyone can ask.
    pub(crate) fn transport(&self) -> &dyn Transport {
        self.transport.as_deref().expect("only `drop` takes the transport")
    }
}

/// A slot that is [`Slot::Opening`]; free again when dropped before the model is open.
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
