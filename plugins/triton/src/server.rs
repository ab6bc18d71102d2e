//! Servers and their models, shared by all who use them in this process.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, Weak};

use once_cell::sync::OnceCell;

use crate::transport::Transport;
use crate::{Endpoint, Error, InProcess, Model, done, lock};

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

/// A Triton server: one for each endpoint in a process, as long as anyone holds it.
///
/// Dropping the last handle (models hold one) ends it: what is queued is dropped, what executes in process is finished
/// first, the connection is closed, every request in flight is answered. Dropped in a request's `done`, it ends on a
/// thread of its own.
pub struct Server {
    endpoint: Endpoint,
    /// Taken only by `drop`.
    transport: Option<Transport>,
    models: Mutex<Models>,
}

#[derive(Default)]
struct Models {
    shared: HashMap<(String, Option<u64>), Weak<Model>>,
    /// How many models, versions of it, hold a name loaded.
    loaded: HashMap<String, usize>,
}

/// An endpoint's server: opened by the first who asks, while others who ask for the same wait, and for others do not.
/// Empty after a failure, for the next to try.
type Slot = OnceCell<Weak<Server>>;

/// The servers of this process.
#[derive(Default)]
struct Registry {
    slots: Mutex<HashMap<Endpoint, Arc<Slot>>>,
    /// A server has ended.
    ended: Condvar,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

impl Server {
    /// The server at `endpoint`, which is started or connected to unless someone has done so; it is silent.
    ///
    /// A server elsewhere that does not answer is [`Error::Unreachable`], after some seconds at most: try again later.
    /// Waits for an earlier server at the same endpoint that is just ending: not to be called in a request's `done`.
    pub fn open(endpoint: &Endpoint) -> Result<Arc<Self>, Error> {
        Self::open_logging(endpoint, Log::Off)
    }

    /// As [`Self::open`]; an in-process server that is started writes `log` to standard error.
    pub fn open_logging(endpoint: &Endpoint, log: Log) -> Result<Arc<Self>, Error> {
        let endpoint = canonical(endpoint)?;
        loop {
            let slot = Arc::clone(lock(&REGISTRY.slots).entry(endpoint.clone()).or_default());
            let mut opened = None;
            let server = slot.get_or_try_init(|| {
                let server = Self::start(&endpoint, log)?;
                let shared = Arc::downgrade(&server);
                opened = Some(server);
                Ok::<_, Error>(shared)
            })?;
            if let Some(server) = opened.or_else(|| server.upgrade()) {
                return Ok(server);
            }
            REGISTRY.wait_for_end(&endpoint, &slot);
        }
    }

    fn start(endpoint: &Endpoint, log: Log) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            endpoint: endpoint.clone(),
            transport: Some(Transport::open(endpoint, log)?),
            models: Mutex::default(),
        }))
    }

    /// Where it is, with real paths.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A model, shared by all who ask for it; in process it is loaded for the first and let go with the last of them,
    /// elsewhere the server has it loaded. Not to be called in a request's `done`.
    ///
    /// `version`: the one to use; without it, the highest that the model's version policy serves.
    pub fn model(self: &Arc<Self>, name: &str, version: Option<u64>) -> Result<Arc<Model>, Error> {
        let transport = self.transport().ok_or(Error::ServerStopped)?;
        let mut models = lock(&self.models);
        let key = (name.to_owned(), version);
        if let Some(model) = models.shared.get(&key).and_then(Weak::upgrade) {
            return Ok(model);
        }
        let users = models.loaded.get(name).copied().unwrap_or(0);
        if users == 0 {
            transport.load(name)?;
        }
        let contract = match transport.contract(name, version) {
            Ok(contract) => contract,
            Err(error) => {
                if users == 0 {
                    transport.unload(name);
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
    pub(crate) fn transport(&self) -> Option<&Transport> {
        self.transport.as_ref()
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
            if let Some(transport) = self.transport() {
                transport.unload(name);
            }
        }
    }
}

impl Registry {
    /// Waits until the server of `slot` has ended.
    fn wait_for_end(&self, endpoint: &Endpoint, slot: &Arc<Slot>) {
        let mut slots = lock(&self.slots);
        while slots.get(endpoint).is_some_and(|known| Arc::ptr_eq(known, slot)) {
            slots = self.ended.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let (transport, endpoint) = (self.transport.take(), self.endpoint.clone());
        done::outside(move || {
            if let Some(transport) = transport {
                transport.close();
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
    let Endpoint::InProcess(InProcess { repository, home }) = endpoint else {
        return Ok(endpoint.clone());
    };
    let repository: PathBuf = fs::canonicalize(repository).map_err(|error| Error::RepositoryMissing {
        repository: repository.clone(),
        reason: error.to_string(),
    })?;
    let home = fs::canonicalize(home).unwrap_or_else(|_| home.clone()); // loading the library says what is missing
    Ok(Endpoint::InProcess(InProcess { repository, home }))
}
