//! What every way to a Triton has to do: inside this process, by gRPC, or by a script of a test.

use std::sync::Arc;

use crate::memory::{Lease, MemoryUse};
use crate::{Error, ModelDescription, Request, ResponseCallback, Statistics, SystemSharedMemoryRegion};

/// An open way to a Triton, used from any thread.
pub trait Transport: Send + Sync {
    /// Loads a model, all versions that its policy serves, unless it is loaded; a server elsewhere decides that itself.
    /// Called for different models at the same time.
    fn load(&self, model: &str) -> Result<(), Error>;

    /// What the server reports about a loaded model; the same for all its versions.
    fn describe(&self, model: &str) -> Result<ModelDescription, Error>;

    /// Memory for an input of `len` bytes, in the place that the transport sends from.
    fn lease(&self, len: usize) -> Lease;

    /// What the memory of [`Self::lease`] is in use for.
    fn memory_use(&self) -> MemoryUse;

    /// Sends a request and returns; `callback` is called exactly once, on any thread.
    ///
    /// The request's leases are dropped when the server has released them, however early `callback` is called.
    fn infer(&self, model: &Arc<str>, version: u64, request: Request, callback: ResponseCallback);

    /// What the server has counted of a model, an entry for each version that is served.
    fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error>;

    /// Shared memory that the server maps, where the transport has a use for it.
    fn shared_memory(&self) -> Option<&dyn SharedMemory>;

    /// Closes it; every request has had its response by then. Not to be called from a request's callback.
    fn close(self: Box<Self>);
}

/// The KServe extension for POSIX shared memory.
pub trait SharedMemory {
    /// Registers a region with the server, which maps it.
    fn register(&self, region: &SystemSharedMemoryRegion) -> Result<(), Error>;

    /// Unregisters a region; one that the server does not know is no error.
    fn unregister(&self, region: &str) -> Result<(), Error>;

    /// The regions that the server knows, by their names: everybody's, not only this process's.
    fn regions(&self) -> Result<Vec<SystemSharedMemoryRegion>, Error>;
}
