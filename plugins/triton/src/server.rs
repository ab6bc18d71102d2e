//! A server and its models, shared by all who use them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use crate::transport::Transport;
use crate::{Endpoint, Error, Model, Pool, SharedRegion, Statistics, done, lock};

/// What an in-process Triton writes to standard error. Its log is the process's: the latest server to start decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// Nothing: what fails is in the errors that we return.
    #[default]
    Off,
    /// Errors and warnings.
    Warnings,
    /// What happens to server and models, too.
    Info,
    /// What happens to each request, too.
    Verbose,
}

/// A Triton server: one for each endpoint in a [`Pool`], as long as anyone holds it.
///
/// Dropping the last handle (models hold one) closes it: queued requests are dropped, those that an in-process Triton
/// executes are finished first (10 s at most), the connection is closed, every request in flight is answered. An
/// in-process Triton itself runs until the process ends. Dropped in a request's `done`, it closes on a thread of its own.
pub struct Server {
    endpoint: Endpoint,
    pool: Pool,
    /// Taken only by `drop`.
    transport: Option<Transport>,
    models: Mutex<Models>,
}

/// Open models by name and requested version.
type Models = HashMap<(String, Option<u64>), Weak<Model>>;

impl Server {
    /// The server at `endpoint` in the process's pool: [`Pool::open`].
    pub fn open(endpoint: &Endpoint) -> Result<Arc<Self>, Error> {
        Pool::process().open(endpoint)
    }

    pub(crate) fn start(endpoint: &Endpoint, log: Log, pool: &Pool) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            pool: pool.clone(),
            endpoint: endpoint.clone(),
            transport: Some(Transport::open(endpoint, log)?),
            models: Mutex::default(),
        }))
    }

    /// Where it is, with real paths.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A model, shared by all callers that request the same version. In process, the first call loads it, and it stays
    /// loaded until the process ends, as its files were then; elsewhere the server has it loaded. Not to be called in a
    /// request's `done`.
    ///
    /// `version`: the one to use; without it, the highest that the model's version policy serves.
    pub fn model(self: &Arc<Self>, name: &str, version: Option<u64>) -> Result<Arc<Model>, Error> {
        let transport = self.transport().ok_or(Error::ServerStopped)?;
        let mut models = lock(&self.models);
        let key = (name.to_owned(), version);
        if let Some(model) = models.get(&key).and_then(Weak::upgrade) {
            return Ok(model);
        }
        transport.load(name)?;
        let contract = transport.contract(name, version)?;
        let model = Arc::new(Model::new(Arc::clone(self), contract));
        models.insert(key, Arc::downgrade(&model));
        Ok(model)
    }

    /// What the server has counted of a model since it was loaded, an entry for each version that is served.
    pub fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        self.transport().ok_or(Error::ServerStopped)?.statistics(model)
    }

    /// Tells the server of a region of POSIX shared memory, by which requests can then name their tensors. The server
    /// maps it, so it is to be on the same machine; of several servers of an endpoint only the one that answered last is
    /// told. It knows the region until it ends or [`Self::unregister`] is called.
    ///
    /// # Errors
    /// [`Error::SharedMemory`] with the server's words, such as those for a name that is taken; always for a server in
    /// this process, which sees all memory anyway.
    pub fn register(&self, region: &SharedRegion) -> Result<(), Error> {
        self.transport().ok_or(Error::ServerStopped)?.register(region)
    }

    /// Has the server let go of a region; of one that it does not know, too.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub fn unregister(&self, region: &str) -> Result<(), Error> {
        self.transport().ok_or(Error::ServerStopped)?.unregister(region)
    }

    /// The regions that the server knows, by their names: everybody's, not only this process's.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub fn regions(&self) -> Result<Vec<SharedRegion>, Error> {
        self.transport().ok_or(Error::ServerStopped)?.regions()
    }

    /// There while anyone can ask.
    pub(crate) fn transport(&self) -> Option<&Transport> {
        self.transport.as_ref()
    }

    /// Removes the entries of models that no user holds any more.
    pub(crate) fn forget_dropped_models(&self) {
        lock(&self.models).retain(|_, model| model.strong_count() > 0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let (transport, endpoint, pool) = (self.transport.take(), self.endpoint.clone(), self.pool.clone());
        done::outside(move || {
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
