//! Tensor memory: its location, its state, and its reuse.
//!
//! A request's inputs are written into a [`Lease`] from the server's transport. The memory is free again only when the
//! server has released the request, even if the response arrived, or the deadline passed, earlier:
//!
//! ```text
//! Free ──lease──► Filled ──send──► InFlight ──response──► Answered ────┐
//!   ▲                                  └─────deadline────► Quarantined ─┤
//!   └──────────────────────────────────────────────────────────release──┘
//! ```

mod block;
mod device;
mod lease;

use std::sync::Arc;

pub use device::CudaRegion;
pub(crate) use lease::{BufferPool, LeaseHandle};
pub use lease::{Lease, LeaseState, MemoryUse, Place};

/// Memory of this process for tensors, for transports of other crates; free memory is reused.
#[derive(Debug, Default)]
pub struct HostMemory(Arc<BufferPool>);

impl HostMemory {
    /// Memory for a tensor of `len` bytes.
    pub fn lease(&self, len: usize) -> Lease {
        self.0.lease(len)
    }

    /// Bytes in each state.
    pub fn memory_use(&self) -> MemoryUse {
        self.0.memory_use()
    }
}
