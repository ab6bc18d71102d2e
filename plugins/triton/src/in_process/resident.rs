//! The Triton servers of this process: one for each model repository and installation, from its first use until the
//! process ends. Loaded models stay loaded as long.
//!
//! # Why nothing is unloaded
//! Unloading a model is not safe in Triton 2.51 (branch `r24.10` of `triton-inference-server/core`), nor in its main
//! branch of June 2026 (commit `73aad7c`), and cannot be made safe from outside Triton:
//!
//! * **A freed counter is written to.** `MetricModelReporter::Create` (`metric_model_reporter.cc`) hands out one reporter
//!   per model name and version through a `weak_ptr`, with metrics disabled, too. While the last owner's destructor runs on
//!   the detached thread of `ModelDeleter` (`model_lifecycle.cc`), the `weak_ptr` has expired: a load of the same model
//!   makes a second reporter, whose `prometheus::Family::Add` returns the gauges that the destructor then removes. The next
//!   request writes its pending count into freed memory. This was the `malloc(): unaligned fastbin chunk detected` of our
//!   test suite; valgrind names both stacks.
//! * **The last element of an empty list is read.** A model's thread takes its instance out of a list for each piece of
//!   work, reports the work as done, and then puts it back. `TritonBackendThread::StopBackendThread`
//!   (`backend_model_instance.cc`), which unloading calls, reads the list's last element without a lock. From outside,
//!   the report is visible and the return to the list is not.
//! * **A map is changed while it is read.** With more than one instance, `RateLimiter::UnregisterModelInstance`
//!   (`rate_limiter.cc`) erases from `specific_queues_` under one mutex while the threads of the other instances read it
//!   under another, or under none.
//! * **A server is used after its deletion.** The thread that deletes a model reports the model as unloaded and then locks a
//!   mutex of the server; `TRITONSERVER_ServerDelete` may have freed that by then.
//!
//! Watching Triton's threads does not help: a sleeping thread may be waiting for a lock in the middle of its work, and
//! listings of `/proc/self/task` omit running threads while older ones exit (in 60 to 400 of 600,000 listings).

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, TryLockError};
use std::thread;
use std::time::Instant;

use serde::Deserialize;

use super::exit;
use super::ffi::Failure;
use super::library;
use super::outputs::Allocator;
use super::server::{Options, RawServer};
use crate::{Code, Error, InProcess, Log, lock};

/// The running servers. Only locked for short operations on the map.
static SERVERS: Mutex<Option<HashMap<InProcess, &'static ResidentServer>>> = Mutex::new(None);

/// Locked while a server starts: Triton initialises state shared by all servers without a lock.
static STARTING: Mutex<()> = Mutex::new(());

/// A Triton server that runs until the process ends.
pub(super) struct ResidentServer {
    pub(super) raw: RawServer,
    pub(super) allocator: Allocator,
    repository: PathBuf,
    /// Locked while a model loads: an ensemble's steps are loaded with it, and a second load of a step would be a
    /// reload, which unloads.
    loading: Mutex<()>,
    /// The loaded models and the memory of each in bytes. Only locked for short operations on the map.
    models: Mutex<BTreeMap<String, u64>>,
}

impl ResidentServer {
    /// The server of `endpoint`; starts it unless it runs. `log` applies to all servers of the process from now on.
    ///
    /// # Errors
    /// [`Error::RepositoryMissing`], [`Error::RepositoryEmpty`], [`Error::LibraryNotFound`], [`Error::LibraryTooOld`]
    /// or [`Error::ServerStart`].
    pub(super) fn open(endpoint: &InProcess, log: Log) -> Result<&'static Self, Error> {
        if models(&endpoint.repository)?.is_empty() {
            return Err(Error::RepositoryEmpty {
                repository: endpoint.repository.clone(),
            });
        }
        let _starting = lock(&STARTING);
        let running = lock(&SERVERS).get_or_insert_default().get(endpoint).copied();
        if let Some(server) = running {
            let options = Options::new(server.raw.api, log); // Triton applies log settings when they are set
            return options.map(|_| server).map_err(start_error);
        }
        let number = lock(&SERVERS).get_or_insert_default().len() + 1;
        let server: &'static Self = Box::leak(Box::new(Self::start(endpoint, log, number)?));
        lock(&SERVERS).get_or_insert_default().insert(endpoint.clone(), server);
        Ok(server)
    }

    fn start(endpoint: &InProcess, log: Log, number: usize) -> Result<Self, Error> {
        let api = library::load(&endpoint.install_dir)?;
        let start = || {
            let options = Options::new(api, log)?;
            options.model_repository(&path(&endpoint.repository)?)?;
            options.backend_directory(&path(&endpoint.install_dir.join("backends"))?)?;
            // Our onnxruntime backend needs it; other backends, such as NVIDIA's, have their own copy.
            if let Ok(library) = fs::canonicalize(endpoint.install_dir.join("lib/libonnxruntime.so")) {
                options.backend_config(c"onnxruntime", c"library", &path(&library)?)?;
            }
            let allocator = Allocator::new(api)?;
            Ok((RawServer::new(&options)?, allocator))
        };
        // Threads inherit the name of the thread that starts them, so `top -H` shows all of a server's as `triton-N`.
        let (raw, allocator) = run_on_thread(format!("triton-{number}"), start)
            .map_err(|error| Error::ServerStart {
                reason: error.to_string(),
            })?
            .map_err(start_error)?;
        exit::register(freeze);
        Ok(Self {
            raw,
            allocator,
            repository: endpoint.repository.clone(),
            loading: Mutex::default(),
            models: Mutex::default(),
        })
    }

    /// Loads all versions of a model that its version policy selects; does nothing if it is loaded, even if its files
    /// have changed.
    ///
    /// # Errors
    /// [`Error::RepositoryMissing`], [`Error::ModelNotFound`] or [`Error::ModelLoad`].
    pub(super) fn load(&self, model: &str) -> Result<(), Error> {
        let available = models(&self.repository)?;
        if !available.iter().any(|name| name == model) {
            return Err(Error::ModelNotFound {
                model: model.to_owned(),
                available,
            });
        }
        let _loading = lock(&self.loading);
        if lock(&self.models).contains_key(model) {
            return Ok(());
        }
        let before = resident_memory();
        self.raw.load(model).map_err(|failure| load_error(model, failure))?;
        let memory = resident_memory().saturating_sub(before);
        exit::register(freeze);
        let steps = self.steps(model);
        let mut models = lock(&self.models);
        models.insert(model.to_owned(), memory);
        for step in steps {
            models.entry(step).or_insert(0); // counted with the ensemble
        }
        Ok(())
    }

    /// The models that Triton loads with this one: the steps of an ensemble, recursively.
    fn steps(&self, model: &str) -> Vec<String> {
        let config = self.raw.config(model, -1).unwrap_or_default(); // reported when the model is described
        let mut all = Vec::new();
        for step in steps(&config) {
            all.extend(self.steps(&step));
            all.push(step);
        }
        all
    }
}

/// A model loaded in this process. It stays loaded until the process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedModel {
    /// The model repository that it was loaded from.
    pub repository: PathBuf,
    /// The model's name.
    pub model: String,
    /// Growth of the process's resident memory in bytes while the model was loaded, including allocations of other
    /// threads. 0 for a step that was loaded with its ensemble, and on systems without `/proc`.
    pub memory: u64,
}

/// The models loaded in this process, sorted by repository and name. Does not wait for models being loaded.
#[must_use]
pub fn loaded_models() -> Vec<LoadedModel> {
    let mut loaded = Vec::new();
    for server in servers() {
        let models = lock(&server.models);
        loaded.extend(models.iter().map(|(model, &memory)| LoadedModel {
            repository: server.repository.clone(),
            model: model.clone(),
            memory,
        }));
    }
    loaded.sort_by(|a, b| (&a.repository, &a.model).cmp(&(&b.repository, &b.model)));
    loaded
}

fn servers() -> Vec<&'static ResidentServer> {
    lock(&SERVERS).iter().flat_map(HashMap::values).copied().collect()
}

/// For process exit: prevents further servers from starting and models from loading, permanently. Waits for those in
/// progress until `limit`; false if they have not finished.
fn freeze(limit: Instant) -> bool {
    hold(&STARTING, limit) && servers().into_iter().all(|server| hold(&server.loading, limit))
}

/// Locks `mutex` permanently; false if that is not possible until `limit`.
fn hold(mutex: &'static Mutex<()>, limit: Instant) -> bool {
    loop {
        match mutex.try_lock() {
            Ok(guard) => mem::forget(guard),
            Err(TryLockError::Poisoned(guard)) => mem::forget(guard.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < limit => {
                thread::sleep(exit::POLL_INTERVAL);
                continue;
            }
            Err(TryLockError::WouldBlock) => return false,
        }
        return true;
    }
}

/// Runs `work` on a new thread with this name.
fn run_on_thread<T: Send>(name: String, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name).spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// The names of the repository's models: its directories with a `config.pbtxt`.
fn models(repository: &Path) -> Result<Vec<String>, Error> {
    let missing = |error: io::Error| Error::RepositoryMissing {
        repository: repository.into(),
        reason: error.to_string(),
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(repository).map_err(missing)? {
        let entry = entry.map_err(missing)?;
        if entry.path().join("config.pbtxt").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The steps in a configuration in Triton's JSON; empty unless it is an ensemble's.
fn steps(config: &str) -> Vec<String> {
    #[derive(Deserialize, Default)]
    struct Config {
        #[serde(default)]
        ensemble_scheduling: Scheduling,
    }
    #[derive(Deserialize, Default)]
    struct Scheduling {
        #[serde(default)]
        step: Vec<Step>,
    }
    #[derive(Deserialize)]
    struct Step {
        model_name: String,
    }
    let config: Config = serde_json::from_str(config).unwrap_or_default();
    let steps = config.ensemble_scheduling.step.into_iter();
    steps.map(|step| step.model_name).collect()
}

/// The process's resident memory in bytes; 0 on systems without `/proc`.
fn resident_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    resident_bytes(&status).unwrap_or(0)
}

/// `VmRSS` in the text of `/proc/PID/status`, converted from KiB to bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn start_error(failure: Failure) -> Error {
    Error::ServerStart {
        reason: failure.message,
    }
}

/// The error for a model that Triton cannot load or describe.
pub(super) fn load_error(model: &str, failure: Failure) -> Error {
    Error::ModelLoad {
        model: model.to_owned(),
        reason: failure.message.trim().trim_end_matches(';').to_owned(),
    }
}

fn path(path: &Path) -> Result<CString, Failure> {
    CString::new(OsStr::as_bytes(path.as_os_str())).map_err(|_| Failure {
        code: Code::InvalidArg,
        message: format!("{} contains a NUL character", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ensembles_have_steps() {
        let ensemble = r#"{"ensemble_scheduling":{"step":[{"model_name":"a","model_version":-1},{"model_name":"b"}]}}"#;
        assert_eq!(steps(ensemble), ["a", "b"]);
        assert!(steps(r#"{"name":"a","dynamic_batching":{}}"#).is_empty());
        assert!(steps("nonsense").is_empty());
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(
            resident_bytes("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t    1234 kB\n"),
            Some(1234 * 1024)
        );
        assert_eq!(resident_bytes("VmRSS:\tlots\n"), None);
        assert_eq!(resident_bytes(""), None);
    }
}
