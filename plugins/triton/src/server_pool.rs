//! Who shares a server: all who open the same endpoint in the same pool.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, Weak};

use once_cell::sync::OnceCell;

use crate::{Endpoint, Error, InProcess, Log, Server, lock};

/// An endpoint's server: opened by the first who asks, while others who ask for the same wait, and for others do not.
/// Empty after a failure, for the next to try.
type Slot = OnceCell<Weak<Server>>;

/// Servers by their endpoints, each open as long as somebody holds it. A clone is the same pool.
///
/// [`ServerPool::process`] is the one that everybody uses who has no reason for another, such as a test that is to share with
/// nobody.
#[derive(Clone, Default)]
pub struct ServerPool(Arc<Servers>);

#[derive(Default)]
struct Servers {
    /// Stands in for all endpoints.
    only: Option<Arc<Server>>,
    slots: Mutex<HashMap<Endpoint, Arc<Slot>>>,
    /// A server has ended.
    ended: Condvar,
}

static PROCESS: LazyLock<ServerPool> = LazyLock::new(ServerPool::default);

impl ServerPool {
    /// The pool of this process.
    pub fn process() -> &'static Self {
        &PROCESS
    }

    /// A pool in which every endpoint is `server`, such as one that a test scripts.
    pub fn of(server: Arc<Server>) -> Self {
        Self(Arc::new(Servers {
            only: Some(server),
            ..Servers::default()
        }))
    }

    /// The server at `endpoint`, which is started or connected to unless someone has done so; it is silent.
    ///
    /// A server elsewhere that does not answer is [`Error::Unreachable`], after some seconds at most: try again later.
    /// Waits for an earlier server at the same endpoint that is just ending: not to be called in a request's `done`.
    pub fn open(&self, endpoint: &Endpoint) -> Result<Arc<Server>, Error> {
        self.open_logging(endpoint, Log::Off)
    }

    /// As [`Self::open`]; an in-process server that is started writes `log` to standard error.
    pub fn open_logging(&self, endpoint: &Endpoint, log: Log) -> Result<Arc<Server>, Error> {
        if let Some(server) = &self.0.only {
            return Ok(Arc::clone(server));
        }
        let endpoint = canonical(endpoint)?;
        loop {
            let slot = Arc::clone(lock(&self.0.slots).entry(endpoint.clone()).or_default());
            let mut opened = None;
            let server = slot.get_or_try_init(|| {
                let server = Server::start(&endpoint, log, self)?;
                let shared = Arc::downgrade(&server);
                opened = Some(server);
                Ok::<_, Error>(shared)
            })?;
            if let Some(server) = opened.or_else(|| server.upgrade()) {
                return Ok(server);
            }
            self.wait_for_end(&endpoint, &slot);
        }
    }

    /// How many servers are open.
    pub fn len(&self) -> usize {
        let open = |slot: &Arc<Slot>| slot.get().is_some_and(|server| server.strong_count() > 0);
        lock(&self.0.slots).values().filter(|slot| open(slot)).count()
    }

    /// Whether no server is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The server at `endpoint` has ended.
    pub(crate) fn forget(&self, endpoint: &Endpoint) {
        lock(&self.0.slots).remove(endpoint);
        self.0.ended.notify_all();
    }

    /// Waits until the server of `slot` has ended.
    fn wait_for_end(&self, endpoint: &Endpoint, slot: &Arc<Slot>) {
        let mut slots = lock(&self.0.slots);
        while slots.get(endpoint).is_some_and(|known| Arc::ptr_eq(known, slot)) {
            slots = self.0.ended.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Two are equal when they are the same pool.
impl PartialEq for ServerPool {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ServerPool {}

impl std::fmt::Debug for ServerPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(lock(&self.0.slots).keys()).finish()
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
