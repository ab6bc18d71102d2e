//! Tensor memory: where it is, who holds it, and when it may be used again.
//!
//! A request's inputs are written into a [`Lease`], which the server's transport gives out. It is free again only when the
//! server has released the request, however early its response, or its deadline, has come:
//!
//! ```text
//! Free ──lease──► Filled ──send──► InFlight ──response──► Answered ─────┐
//!   ▲                                  └─────deadline────► Quarantined ─┤
//!   └──────────────────────────────────────────────────────────release──┘
//! ```

mod block;
mod lease;

pub(crate) use lease::{BufferPool, LeaseHandle};
pub use lease::{Lease, LeaseState, MemoryUse, Place};
