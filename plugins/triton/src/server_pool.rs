//! Sharing of servers: equal endpoints in the same pool share one.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, Weak};

use once_cell::sync::OnceCell;

use crate::{Endpoint, Error, InProcess, Log, Server, lock};

/// An endpoint's server. The first user opens it; other users of the same endpoint wait, users of other endpoints do
/// not. Empty after a failure, so that the next user tries again.
type Slot = OnceCell<Weak<Server>>;

/// Servers by their endpoints, each open as long as it has users. A clone is the same pool.
///
/// [`ServerPool::process`] is the default pool; a pool of one's own keeps its servers separate, for example in tests.
#[derive(Clone, Default)]
pub struct ServerPool(Arc<Servers>);

#[derive(Default)]
struct Servers {
    /// The server of all endpoints, if set.
    only: Option<Arc<Server>>,
    slots: Mutex<HashMap<Endpoint, Arc<Slot>>>,
    /// Notified when a server has been closed.
    closed: Condvar,
}

static PROCESS: LazyLock<ServerPool> = LazyLock::new(ServerPool::default);

impl ServerPool {
    /// The default pool of this process.
    pub fn process() -> &'static Self {
        &PROCESS
    }

    /// A pool with `server` for every endpoint, such as a scripted server of a test.
    pub fn of(server: Arc<Server>) -> Self {
        Self(Arc::new(Servers {
            only: Some(server),
            ..Servers::default()
        }))
    }

    /// The server at `endpoint`; starts it if it is an in-process server that is not open, without its log. A remote server is
    /// not waited for: the first call connects.
    ///
    /// Waits while an earlier server of the same endpoint is being closed, so it must not be called in a callback.
    ///
    /// # Errors
    /// For an in-process server, [`Error::RepositoryMissing`], [`Error::RepositoryEmpty`], [`Error::LibraryNotFound`],
    /// [`Error::LibraryTooOld`] or [`Error::ServerStart`]. For a remote one, [`Error::Unreachable`] if the system has no
    /// thread for it.
    pub fn open(&self, endpoint: &Endpoint) -> Result<Arc<Server>, Error> {
        self.open_logging(endpoint, Log::OFF)
    }

    /// As [`Self::open`]; an in-process server logs as `log` says.
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
            self.wait_until_closed(&endpoint, &slot);
        }
    }

    /// Number of open servers.
    pub fn len(&self) -> usize {
        let open = |slot: &Arc<Slot>| slot.get().is_some_and(|server| server.strong_count() > 0);
        lock(&self.0.slots).values().filter(|slot| open(slot)).count()
    }

    /// Whether no server is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes the server at `endpoint`, which has been closed.
    pub(crate) fn forget(&self, endpoint: &Endpoint) {
        lock(&self.0.slots).remove(endpoint);
        self.0.closed.notify_all();
    }

    /// Waits until the server of `slot` has been closed.
    fn wait_until_closed(&self, endpoint: &Endpoint, slot: &Arc<Slot>) {
        let mut slots = lock(&self.0.slots);
        while slots.get(endpoint).is_some_and(|known| Arc::ptr_eq(known, slot)) {
            slots = self.0.closed.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Pools are equal if they are the same pool.
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

/// The endpoint with canonical paths, so that different paths of one directory share a server.
fn canonical(endpoint: &Endpoint) -> Result<Endpoint, Error> {
    let Endpoint::InProcess(InProcess {
        repository,
        install_dir,
    }) = endpoint
    else {
        return Ok(endpoint.clone());
    };
    let repository: PathBuf = fs::canonicalize(repository).map_err(|error| Error::RepositoryMissing {
        repository: repository.clone(),
        reason: error.to_string(),
    })?;
    // A missing directory is reported when the library is loaded.
    let install_dir = fs::canonicalize(install_dir).unwrap_or_else(|_| install_dir.clone());
    Ok(Endpoint::InProcess(InProcess {
        repository,
        install_dir,
    }))
}
