//! Triton inside this process: `libtritonserver` behind safe functions.

mod callbacks;
mod ffi;
mod flight;
mod holds;
mod library;
mod outputs;
mod server;
mod threads;

use std::collections::HashSet;
use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::buffer::Pool;
use crate::done::Done;
use crate::{Code, Error, InProcess, Log, Request, Statistics, lock};
use callbacks::Handle;
use ffi::Failure;
use flight::{Flights, Watch};
use holds::Holds;
use outputs::Allocator;
use server::{Options, RawServer};
use threads::{Threads, Tid};

/// How long an end may take: what executes is finished first.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a model that is let go may keep us waiting for its last requests.
const UNLOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How many servers have been started. Held while one starts: Triton sets up what they share without a lock of its own.
static STARTED: Mutex<u64> = Mutex::new(0);

/// A running in-process server.
pub(crate) struct Host {
    server: RawServer,
    allocator: Allocator,
    threads: Threads,
    flights: Arc<Flights>,
    watch: Watch,
    endpoint: InProcess,
    holds: Mutex<Holds>,
    /// Threads that take models down.
    ending: Mutex<HashSet<Tid>>,
}

/// What Triton says about a model, in JSON.
pub(crate) struct Description {
    pub(crate) metadata: String,
    pub(crate) config: String,
}

impl Host {
    /// Starts a server; no model is loaded yet.
    pub(crate) fn start(endpoint: &InProcess, log: Log) -> Result<Self, Error> {
        if models(&endpoint.repository)?.is_empty() {
            return Err(Error::RepositoryEmpty {
                repository: endpoint.repository.clone(),
            });
        }
        let mut started = lock(&STARTED);
        let api = library::load(&endpoint.home)?;
        let failed = |failure: Failure| Error::ServerStart {
            reason: failure.message,
        };
        let start = || {
            let options = Options::new(api, log, EXIT_TIMEOUT.as_secs() as u32)?;
            options.model_repository(&path(&endpoint.repository)?)?;
            options.backend_directory(&path(&endpoint.home.join("backends"))?)?;
            // Our onnxruntime backend asks for it; other backends, such as NVIDIA's, bring their own.
            if let Ok(library) = fs::canonicalize(endpoint.home.join("lib/libonnxruntime.so")) {
                options.backend_config(c"onnxruntime", c"library", &path(&library)?)?;
            }
            Ok((RawServer::new(&options)?, Allocator::new(api)?))
        };
        let no_thread = |error: io::Error| Error::ServerStart {
            reason: error.to_string(),
        };
        *started += 1;
        let threads = Threads::new(format!("triton-{started}"));
        let (server, allocator) = threads.run(start).map_err(no_thread)?.map_err(failed)?;
        let flights = Arc::new(Flights::default());
        let watch = Watch::new(&flights).map_err(no_thread)?;
        Ok(Self {
            server,
            allocator,
            threads,
            flights,
            watch,
            endpoint: endpoint.clone(),
            holds: Mutex::default(),
            ending: Mutex::default(),
        })
    }

    /// Loads a model, all the versions that its policy says.
    pub(crate) fn load(&self, model: &str) -> Result<(), Error> {
        let available = models(&self.endpoint.repository)?;
        if !available.iter().any(|name| name == model) {
            return Err(Error::ModelNotFound {
                model: model.to_owned(),
                available,
            });
        }
        let before = self.threads.alive();
        self.server.load(model).map_err(|failure| load_error(model, failure))?;
        let came = &self.threads.alive() - &before;
        lock(&self.holds).hold(model, self.steps(model), &came);
        Ok(())
    }

    /// The models that come and go with this one: an ensemble's steps, and theirs.
    fn steps(&self, model: &str) -> Vec<String> {
        let config = self.server.config(model, -1).unwrap_or_default(); // who asks for the contract hears why
        let mut all = Vec::new();
        for step in holds::steps(&config) {
            all.extend(self.steps(&step));
            all.push(step);
        }
        all
    }

    /// Lets a model go, once its last request has gone and its threads sleep; one that is a step of a loaded ensemble
    /// goes with that.
    ///
    /// Not to be called from a request's `done`, which it would wait for.
    pub(crate) fn unload(&self, model: &str) {
        let released = lock(&self.holds).release(model);
        let limit = Instant::now() + UNLOAD_TIMEOUT;
        for model in &released.models {
            self.flights.wait_for_model(model, limit);
        }
        self.threads.wait_for_rest(released.threads, limit);
        self.take_down(|| {
            for model in &released.models {
                let _ = self.server.unload(model); // fails only for what is not loaded
            }
        });
    }

    /// Does `work`, with which models go: each on a thread that Triton starts for it and tells nobody about.
    fn take_down<T: Send>(&self, work: impl Fn() -> T + Sync) -> T {
        let before = self.threads.alive();
        let done = self.threads.run(&work).unwrap_or_else(|_no_thread| work());
        let alive = self.threads.alive();
        let mut ending = lock(&self.ending);
        ending.retain(|thread| alive.contains(thread));
        ending.extend(&alive - &before);
        done
    }

    /// Describes a loaded model; the words do not differ between its versions.
    pub(crate) fn describe(&self, model: &str) -> Result<Description, Error> {
        let failed = |failure| load_error(model, failure);
        let metadata = self.server.metadata(model, -1).map_err(failed)?;
        Ok(Description {
            metadata,
            config: self.server.config(model, -1).map_err(failed)?,
        })
    }

    /// What has been counted of a loaded model, all versions.
    pub(crate) fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        let json = self
            .server
            .statistics(model)
            .map_err(|Failure { code, message }| Error::Infer {
                model: model.to_owned(),
                code,
                message,
            })?;
        Statistics::parse(model, &json)
    }

    /// Sends a request; `done` is called exactly once.
    pub(crate) fn infer(&self, model: &Arc<str>, version: u64, outputs: &Arc<Pool>, request: Request, done: Done) {
        let handle = Handle::new(self.server.api);
        let flight = self
            .flights
            .start(Arc::clone(model), Arc::clone(outputs), handle, request.timeout, done);
        let version = i64::try_from(version).unwrap_or(-1);
        if let Err(failure) = callbacks::submit(&self.server, &self.allocator, version, request, &flight) {
            let Failure { code, message } = failure;
            flight.complete(Err(Error::Infer {
                model: model.to_string(),
                code,
                message,
            }));
        }
    }

    /// Ends the server: what is queued is dropped, what executes is finished, every request is answered.
    ///
    /// Not to be called from a request's `done`, which it would wait for.
    pub(crate) fn close(self) {
        self.flights.cancel();
        let limit = Instant::now() + EXIT_TIMEOUT;
        let landed = self.flights.wait(limit);
        if landed && self.stop(limit) {
            drop(self.watch);
            drop(self.server);
            drop(self.allocator);
        } else {
            // A backend hangs. Triton may still write to what it has: that is left alone for good.
            self.flights.abandon();
            mem::forget((self.server, self.allocator));
        }
    }

    /// Stops the server and waits for the models to be gone; whether they are.
    fn stop(&self, limit: Instant) -> bool {
        let gone = || {
            let ending = lock(&self.ending).clone();
            self.threads.wait_for_end(&ending, limit)
        };
        gone(); // Triton waits, too, but looks only once a second
        let stopped = self.take_down(|| self.server.stop()).is_ok();
        stopped && gone() // a thread says that its model is gone just before its last step, which needs the server
    }
}

/// The names of the repository's models: its directories with a configuration.
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

fn load_error(model: &str, failure: Failure) -> Error {
    Error::ModelLoad {
        model: model.to_owned(),
        reason: failure.message.trim().trim_end_matches(';').to_owned(),
    }
}

fn path(path: &Path) -> Result<CString, Failure> {
    CString::new(OsStr::as_bytes(path.as_os_str())).map_err(|_| Failure {
        code: Code::InvalidArg,
        message: format!("{} has a NUL in it", path.display()),
    })
}
