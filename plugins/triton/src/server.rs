//! Servers and their models, shared by all who use them in this process.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, Weak};

use crate::in_process::Host;
use crate::{Contract, Endpoint, Error, InProcess, Model, done, lock};

/// What Triton writes to standard error. Its log is the process's: the latest server to start decides.
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

/// A Triton server: one for each endpoint in a process, as long as anyone holds it.
///
/// Dropping the last handle (models hold one) ends it: what is queued is dropped, what executes is finished first, every
/// request in flight is answered. Dropped in a request's `done`, it ends on a thread of its own.
pub struct Server {
    endpoint: Endpoint,
    /// Taken only by `drop`.
    host: Option<Host>,
    models: Mutex<Models>,
}

#[derive(Default)]
struct Models {
    shared: HashMap<(String, Option<u64>), Weak<Model>>,
    /// How many models, versions of it, hold a name loaded.
    loaded: HashMap<String, usize>,
}

/// The servers of this process.
#[derive(Default)]
struct Registry {
    slots: Mutex<HashMap<Endpoint, Weak<Server>>>,
    /// A server has ended.
    ended: Condvar,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

impl Server {
    /// The server at `endpoint`, which is started unless someone has done so; it is silent.
    ///
    /// Waits for an earlier server at the same endpoint that is just ending: not to be called in a request's `done`.
    pub fn open(endpoint: &Endpoint) -> Result<Arc<Self>, Error> {
        Self::open_logging(endpoint, Log::Off)
    }

    /// As [`Self::open`]; a server that is started writes `log` to standard error.
    pub fn open_logging(endpoint: &Endpoint, log: Log) -> Result<Arc<Self>, Error> {
        let endpoint = canonical(endpoint)?;
        let mut slots = lock(&REGISTRY.slots);
        while let Some(slot) = slots.get(&endpoint) {
            if let Some(server) = slot.upgrade() {
                return Ok(server);
            }
            slots = REGISTRY.ended.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
        let Endpoint::InProcess(in_process) = &endpoint;
        let host = Some(Host::start(in_process, log)?);
        let server = Arc::new(Self {
            endpoint: endpoint.clone(),
            host,
            models: Mutex::default(),
        });
        slots.insert(endpoint, Arc::downgrade(&server));
        Ok(server)
    }

    /// Where it is, with real paths.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A model, shared by all who ask for it; it is loaded for the first and let go with the last of them.
    ///
    /// `version`: the one to use; without it, the highest that the model's version policy serves.
    pub fn model(self: &Arc<Self>, name: &str, version: Option<u64>) -> Result<Arc<Model>, Error> {
        let host = self.host().ok_or(Error::ServerStopped)?;
        let mut models = lock(&self.models);
        let key = (name.to_owned(), version);
        if let Some(model) = models.shared.get(&key).and_then(Weak::upgrade) {
            return Ok(model);
        }
        let users = models.loaded.get(name).copied().unwrap_or(0);
        if users == 0 {
            host.load(name)?;
        }
        let description = host.describe(name);
        let contract = description.and_then(|words| Contract::parse(&words.metadata, &words.config, version));
        let contract = match contract {
            Ok(contract) => contract,
            Err(error) => {
                if users == 0 {
                    host.unload(name);
                }
                return Err(error);
            }
        };
        let model = Arc::new(Model::new(Arc::clone(self), contract));
        models.loaded.insert(name.to_owned(), users + 1);
        models.shared.insert(key, Arc::downgrade(&model));
        Ok(model)
    }

    /// There while anyone can ask.
    pub(crate) fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// One model less holds `name` loaded.
    pub(crate) fn release(&self, name: &str) {
        let mut models = lock(&self.models);
        models.shared.retain(|_, model| model.strong_count() > 0);
        let Some(users) = models.loaded.get_mut(name) else {
            return;
        };
        *users -= 1;
        if *users == 0 {
            models.loaded.remove(name);
            if let Some(host) = self.host() {
                host.unload(name);
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let (host, endpoint) = (self.host.take(), self.endpoint.clone());
        done::outside(move || {
            if let Some(host) = host {
                host.close();
            }
            lock(&REGISTRY.slots).remove(&endpoint);
            REGISTRY.ended.notify_all();
        });
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.endpoint)
    }
}

/// The endpoint with real paths, so that two ways to one place are one server.
fn canonical(endpoint: &Endpoint) -> Result<Endpoint, Error> {
    let Endpoint::InProcess(InProcess { repository, home }) = endpoint;
    let repository: PathBuf = fs::canonicalize(repository).map_err(|error| Error::RepositoryMissing {
        repository: repository.clone(),
        reason: error.to_string(),
    })?;
    let home = fs::canonicalize(home).unwrap_or_else(|_| home.clone()); // loading the library says what is missing
    Ok(Endpoint::InProcess(InProcess { repository, home }))
}
