//! Tensors in memory of a CUDA device, which a server on the same machine opens by a handle instead of receiving them.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cuda::{Device, Memory};

use super::block::Block;
use crate::Error;
use crate::shared_memory::random;

/// Memory of a CUDA device for one input at a time. A server has to be told of it, by [`crate::Server::register_cuda`], before a
/// request refers to it.
///
/// The memory is freed when the region and its leases are dropped: unregister it before, since a server that has opened it
/// must not use it afterwards.
pub struct CudaRegion {
    memory: Memory,
    name: String,
    /// Whether a lease has it.
    is_leased: AtomicBool,
}

impl CudaRegion {
    /// A region of `len` bytes on the device with this number.
    ///
    /// # Errors
    /// [`Error::Cuda`] if there is no driver, no such device, or not enough memory.
    pub fn allocate(device: Arc<dyn Device>, number: i32, len: usize) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            memory: Memory::allocate(device, number, len)?,
            name: format!("shopfloor-cuda-{:016x}", random()),
            is_leased: AtomicBool::new(false),
        }))
    }

    /// Its name at the server, which no other region has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The memory, for code that writes tensors on the device.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The region for a tensor of `len` bytes that is on the device already. `None` if an earlier request has the region, or if it is
    /// too small.
    pub(super) fn take(self: &Arc<Self>, len: usize) -> Option<CudaTensor> {
        let fits = len <= self.memory.len();
        let is_free = fits && !self.is_leased.swap(true, Ordering::AcqRel);
        is_free.then(|| CudaTensor {
            region: Arc::clone(self),
            staging: None,
        })
    }

    /// As [`Self::take`], for a tensor that is written on the host.
    pub(super) fn take_staged(self: &Arc<Self>, len: usize) -> Option<CudaTensor> {
        let mut tensor = self.take(len)?;
        tensor.staging = Some(Block::new(len)?);
        Some(tensor)
    }
}

impl fmt::Debug for CudaRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CudaRegion({}, {:?})", self.name, self.memory)
    }
}

/// A region that a lease has.
pub(super) struct CudaTensor {
    pub(super) region: Arc<CudaRegion>,
    /// The bytes on the host, unless the tensor is written on the device.
    staging: Option<Block>,
}

impl CudaTensor {
    /// The address and the number of its bytes on the host.
    pub(super) fn on_host(&self, len: usize) -> (NonNull<u8>, usize) {
        self.staging
            .as_ref()
            .map_or((NonNull::dangling(), 0), |block| (block.start, len))
    }
}

impl Drop for CudaTensor {
    fn drop(&mut self) {
        self.region.is_leased.store(false, Ordering::Release);
    }
}
