//! Triton inside this process: `libtritonserver` behind safe functions.
//!
//! Triton's servers and the models that they have loaded stay until the process ends: [`resident`] has the reason.

mod callbacks;
mod cancel;
mod exit;
mod ffi;
mod in_flight;
mod library;
mod outputs;
mod resident;
mod server;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::buffer::Pool;
use crate::done::{self, Done};
use crate::{Error, InProcess, Log, Request, Statistics};
use cancel::CancelHandle;
use ffi::Failure;
use in_flight::{DeadlineThread, InFlightRequests};
use resident::{ResidentServer, load_error};

pub use resident::{LoadedModel, loaded_models};

/// How long [`InProcessServer::close`] waits for requests that are being executed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// One user's access to the Triton server of an endpoint, with the requests of that user. Users of equal endpoints share
/// Triton's server and its models.
pub(crate) struct InProcessServer {
    server: &'static ResidentServer,
    requests: Arc<InFlightRequests>,
    deadlines: DeadlineThread,
}

/// Triton's description of a model, in JSON.
pub(crate) struct Description {
    pub(crate) metadata: String,
    pub(crate) config: String,
}

impl InProcessServer {
    /// Opens the server of `endpoint`; starts it for the first user in this process. `log` applies to all servers of the
    /// process from now on.
    ///
    /// # Errors
    /// [`Error::RepositoryMissing`], [`Error::RepositoryEmpty`], [`Error::LibraryNotFound`], [`Error::LibraryTooOld`] or
    /// [`Error::ServerStart`].
    pub(crate) fn open(endpoint: &InProcess, log: Log) -> Result<Self, Error> {
        let server = ResidentServer::open(endpoint, log)?;
        let requests = InFlightRequests::new();
        let no_thread = |error: io::Error| Error::ServerStart {
            reason: error.to_string(),
        };
        let deadlines = DeadlineThread::start(&requests).map_err(no_thread)?;
        Ok(Self {
            server,
            requests,
            deadlines,
        })
    }

    /// Loads all versions of a model that its version policy selects, until the process ends; does nothing if it is loaded,
    /// even if its files have changed since. May be called from several threads at once.
    ///
    /// # Errors
    /// [`Error::RepositoryMissing`], [`Error::ModelNotFound`] or [`Error::ModelLoad`].
    pub(crate) fn load(&self, model: &str) -> Result<(), Error> {
        self.server.load(model)
    }

    /// Describes a loaded model. All versions have the same description.
    ///
    /// # Errors
    /// [`Error::ModelLoad`].
    pub(crate) fn describe(&self, model: &str) -> Result<Description, Error> {
        let failed = |failure| load_error(model, failure);
        let metadata = self.server.raw.metadata(model, -1).map_err(failed)?;
        Ok(Description {
            metadata,
            config: self.server.raw.config(model, -1).map_err(failed)?,
        })
    }

    /// Triton's counts for a loaded model, all versions, since it was loaded.
    ///
    /// # Errors
    /// [`Error::Infer`] with Triton's code and message.
    pub(crate) fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        let json = self
            .server
            .raw
            .statistics(model)
            .map_err(|failure| infer_error(model, failure))?;
        Statistics::parse(model, &json)
    }

    /// Sends a request; `done` is called exactly once.
    pub(crate) fn infer(&self, model: &Arc<str>, version: u64, outputs: &Arc<Pool>, request: Request, done: Done) {
        let ResidentServer { raw, allocator, .. } = self.server;
        let (handle, model) = (CancelHandle::new(raw.api), Arc::clone(model));
        let started = self
            .requests
            .start(model, Arc::clone(outputs), handle, request.timeout, done);
        let in_flight = match started {
            Ok(in_flight) => in_flight,
            Err(done) => return done::call(done, Err(Error::ServerStopped)),
        };
        let version = i64::try_from(version).unwrap_or(-1);
        if let Err(failure) = callbacks::submit(raw, allocator, version, request, &in_flight) {
            in_flight.complete(Err(infer_error(&in_flight.model, failure)));
        }
    }

    /// Ends this user's access: cancels queued requests, waits for those that are being executed, [`CLOSE_TIMEOUT`] at
    /// most, and answers every request. Triton and its models stay.
    ///
    /// Not to be called from a request's `done`, which it would wait for.
    pub(crate) fn close(self) {
        self.requests.cancel();
        self.requests.wait(Instant::now() + CLOSE_TIMEOUT);
        self.requests.abandon();
        drop(self.deadlines);
    }
}

fn infer_error(model: &str, Failure { code, message }: Failure) -> Error {
    Error::Infer {
        model: model.to_owned(),
        code,
        message,
    }
}
