//! Triton inside this process: `libtritonserver` behind safe functions.

mod callbacks;
mod ffi;
mod flight;
mod holds;
mod library;
mod outputs;
mod server;

use std::ffi::{CString, OsStr};
use std::fs;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::buffer::Pool;
use crate::done::Done;
use crate::{Code, Error, InProcess, Log, Request, Statistics, lock};
use callbacks::Handle;
use ffi::Failure;
use flight::{Flights, Watch};
use holds::Holds;
use outputs::Allocator;
use server::{Options, RawServer};

/// How long an end may take: what executes is finished first.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Held while a server starts: Triton sets up what its servers share without a lock of its own.
static STARTING: Mutex<()> = Mutex::new(());

/// A running in-process server.
pub(crate) struct Host {
    server: RawServer,
    allocator: Allocator,
    flights: Arc<Flights>,
    watch: Watch,
    endpoint: InProcess,
    holds: Mutex<Holds>,
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
        let _starting = lock(&STARTING);
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
        let (server, allocator) = start().map_err(failed)?;
        let flights = Arc::new(Flights::default());
        let watch = Watch::new(&flights).map_err(|error| Error::ServerStart {
            reason: error.to_string(),
        })?;
        Ok(Self {
            server,
            allocator,
            flights,
            watch,
            endpoint: endpoint.clone(),
            holds: Mutex::default(),
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
        self.server.load(model).map_err(|failure| load_error(model, failure))?;
        lock(&self.holds).hold(model, self.steps(model));
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

    /// Lets a model go once its last request has; one that is a step of a loaded ensemble goes with that.
    pub(crate) fn unload(&self, model: &str) {
        for model in lock(&self.holds).release(model) {
            let _ = self.server.unload(&model); // fails only for what is not loaded
        }
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
        if self.flights.wait(EXIT_TIMEOUT) {
            drop(self.watch);
            self.server.wait_for_unloads(limit);
            drop(self.server);
            drop(self.allocator);
        } else {
            // A backend hangs. Triton may still write to what it has: that is left alone for good.
            self.flights.abandon();
            mem::forget((self.server, self.allocator));
        }
    }
}

impl RawServer {
    /// Waits for models to be gone. Stopping the server waits for them, too, but looks only once a second.
    fn wait_for_unloads(&self, limit: Instant) {
        while self.unloading() && Instant::now() < limit {
            thread::sleep(Duration::from_millis(1)); // Triton has no way to tell
        }
        // The thread that unloaded the last model says so just before its last step, which still needs the server.
        thread::sleep(Duration::from_millis(5));
    }

    fn unloading(&self) -> bool {
        #[derive(Deserialize)]
        struct Entry {
            #[serde(default)]
            state: String,
        }
        let index = self
            .index()
            .ok()
            .and_then(|json| serde_json::from_str::<Vec<Entry>>(&json).ok());
        index.is_some_and(|entries| entries.iter().any(|entry| entry.state == "UNLOADING"))
    }
}

/// The names of the repository's models: its directories with a configuration.
fn models(repository: &Path) -> Result<Vec<String>, Error> {
    let missing = |error: std::io::Error| Error::RepositoryMissing {
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
