//! The interface of all transports: in process, gRPC, and scripted. One of another crate takes the memory of its leases from
//! [`crate::memory::HostMemory`], and is used by [`crate::Server::over`].

use std::sync::Arc;

use crate::memory::{CudaRegion, Lease, MemoryUse};
use crate::{
    Error, LiveTransport, ModelDescription, Request, ResponseCallback, ServerMetadata, Statistics,
    SystemSharedMemoryRegion,
};

/// A connection to a Triton server, usable from any thread.
pub trait Transport: Send + Sync {
    /// Loads all versions of a model that its version policy selects, unless it is loaded. Does nothing for a remote
    /// server, which manages its models itself. May be called for several models concurrently.
    fn load(&self, model: &str) -> Result<(), Error>;

    /// Whether a request can be sent now, without asking the server.
    ///
    /// # Errors
    /// The error that a request would fail with at once, because no server of the endpoint responds at present.
    fn available(&self) -> Result<(), Error>;

    /// Waits until the server says that it is ready, or does not respond in time.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if no server of the endpoint is ready.
    fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Asks the server for its name and version.
    fn metadata(&self) -> Result<ServerMetadata, Error>;

    /// Metadata and configuration of a loaded model; the same for all its versions.
    fn describe(&self, model: &str) -> Result<ModelDescription, Error>;

    /// Memory for an input of `len` bytes, of the kind that the transport sends from.
    fn lease(&self, len: usize) -> Lease;

    /// Use of the memory of [`Self::lease`].
    fn memory_use(&self) -> MemoryUse;

    /// How the tensors of requests are passed at present.
    fn live_transport(&self) -> LiveTransport;

    /// Bytes of tensors that were copied into or out of messages since the connection was opened.
    fn bytes_copied(&self) -> u64 {
        0
    }

    /// Why tensors are not passed as they were asked to be, and what to do about it.
    fn fallback(&self) -> Option<String> {
        None
    }

    /// Sends a request and returns; `callback` is invoked exactly once, on any thread. `version`: `None` lets the server
    /// choose.
    ///
    /// The request's leases and its `on_release` are dropped when the server has released them, however early `callback` is
    /// invoked.
    fn infer(&self, model: &Arc<str>, version: Option<u64>, request: Request, callback: ResponseCallback);

    /// Statistics of a model, one entry for each available version.
    fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error>;

    /// The shared memory extension, if the transport supports it.
    fn shared_memory(&self) -> Option<&dyn SharedMemory>;

    /// Closes the connection, without waiting for a remote server. On return, the callbacks of all requests have been
    /// invoked. Must not be called in a callback.
    fn close(self: Box<Self>);
}

/// KServe's extensions for POSIX and CUDA shared memory.
pub trait SharedMemory {
    /// Registers a region, which the server maps.
    fn register(&self, region: &SystemSharedMemoryRegion) -> Result<(), Error>;

    /// Unregisters a region; an unknown name is not an error.
    fn unregister(&self, region: &str) -> Result<(), Error>;

    /// Registers a region of CUDA memory, which the server opens by its handle.
    fn register_cuda(&self, region: &CudaRegion) -> Result<(), Error>;

    /// Unregisters a region of CUDA memory; an unknown name is not an error.
    fn unregister_cuda(&self, region: &str) -> Result<(), Error>;

    /// All regions registered with the server, sorted by name, including those of other clients.
    fn regions(&self) -> Result<Vec<SystemSharedMemoryRegion>, Error>;
}
