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

pub use device::CudaRegion;
pub(crate) use lease::{BufferPool, LeaseHandle};
pub use lease::{Lease, LeaseState, MemoryUse, Place};
