//! The in-process transport: `libtritonserver` behind safe functions.
//!
//! Triton's servers and their loaded models exist until the process ends; [`resident`] explains why.

mod callbacks;
mod cancel;
mod exit;
mod ffi;
mod in_flight;
mod library;
mod logging;
mod outputs;
mod resident;
mod server;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::callback::{self, ResponseCallback};
use crate::memory::{BufferPool, Lease, MemoryUse};
use crate::transport::{SharedMemory, Transport};
use crate::{Error, InProcess, LiveTransport, Log, ModelDescription, Request, ServerMetadata, Statistics};
use cancel::CancelHandle;
use ffi::Failure;
use in_flight::{DeadlineThread, InFlightRequests};
use resident::{ResidentServer, load_error};

pub use resident::{LoadedModel, loaded_models};

/// Maximum time that [`InProcessServer::close`] waits for a callback that another thread is invoking.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A handle to the Triton server of an endpoint, with its own requests in flight. Equal endpoints share Triton's server
/// and its models.
pub(crate) struct InProcessServer {
    server: &'static ResidentServer,
    requests: Arc<InFlightRequests>,
    deadlines: DeadlineThread,
    /// Memory of inputs, which Triton reads in place.
    inputs: Arc<BufferPool>,
    /// Memory of outputs.
    outputs: Arc<BufferPool>,
}

impl InProcessServer {
    /// Opens the server of `endpoint`, and starts it if it does not run in this process yet. `log` applies to all
    /// servers of the process from now on.
    ///
    /// # Errors
    /// [`Error::RepositoryMissing`], [`Error::RepositoryEmpty`], [`Error::LibraryNotFound`], [`Error::LibraryTooOld`]
    /// or [`Error::ServerStart`].
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
            inputs: Arc::default(),
            outputs: Arc::default(),
        })
    }
}

impl Transport for InProcessServer {
    /// # Errors
    /// [`Error::RepositoryMissing`], [`Error::ModelNotFound`] or [`Error::ModelLoad`].
    fn load(&self, model: &str) -> Result<(), Error> {
        self.server.load(model)
    }

    fn available(&self) -> Result<(), Error> {
        Ok(())
    }

    fn metadata(&self) -> Result<ServerMetadata, Error> {
        let failed = |Failure { message, .. }| Error::ServerStart { reason: message };
        ServerMetadata::from_json(&self.server.raw.server_metadata().map_err(failed)?)
    }

    /// # Errors
    /// [`Error::ModelLoad`] or [`Error::Description`].
    fn describe(&self, model: &str) -> Result<ModelDescription, Error> {
        let failed = |failure| load_error(model, failure);
        let metadata = self.server.raw.metadata(model, -1).map_err(failed)?;
        let config = self.server.raw.config(model, -1).map_err(failed)?;
        ModelDescription::from_json(&metadata, &config)
    }

    fn lease(&self, len: usize) -> Lease {
        self.inputs.lease(len)
    }

    fn live_transport(&self) -> LiveTransport {
        LiveTransport::InProcess
    }

    fn memory_use(&self) -> MemoryUse {
        self.inputs.memory_use()
    }

    fn infer(&self, model: &Arc<str>, version: Option<u64>, mut request: Request, callback: ResponseCallback) {
        let ResidentServer { raw, allocator, .. } = self.server;
        let (handle, model) = (CancelHandle::new(raw.api), Arc::clone(model));
        let leases = request.inputs.iter().map(|input| input.data.handle()).collect();
        let started = self.requests.start(
            model,
            Arc::clone(&self.outputs),
            leases,
            handle,
            request.timeout,
            request.on_release.take(),
            callback,
        );
        let in_flight = match started {
            Ok(in_flight) => in_flight,
            Err(callback) => return callback::invoke(callback, Err(Error::ServerStopped)),
        };
        let version = version.and_then(|version| i64::try_from(version).ok()).unwrap_or(-1);
        if let Err(failure) = callbacks::submit(raw, allocator, version, request, &in_flight) {
            in_flight.complete(Err(infer_error(&in_flight.model, failure)));
        }
    }

    /// # Errors
    /// [`Error::Infer`] with Triton's code and message.
    fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        let json = self
            .server
            .raw
            .statistics(model)
            .map_err(|failure| infer_error(model, failure))?;
        Statistics::parse(model, &json)
    }

    fn shared_memory(&self) -> Option<&dyn SharedMemory> {
        None
    }

    /// Cancels this handle's requests and fails them with [`Error::ServerStopped`], without waiting for those that Triton
    /// is executing: the model, the allocator and the requests' memory live until Triton has released them. Triton and
    /// its models stay loaded.
    fn close(self: Box<Self>) {
        self.requests.close(CLOSE_TIMEOUT);
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
