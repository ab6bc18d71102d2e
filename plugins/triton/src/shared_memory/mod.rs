//! POSIX shared memory for tensors of requests to a server on the same host.
//!
//! Each server has a [`Ring`] of slots for inputs and one for outputs. A slot is memory that the server reads or writes in
//! place; the request only refers to it. `region` has the system calls, `slots` the bookkeeping, and `crate::grpc` tells the
//! servers.

mod region;
mod ring;
mod slots;
mod transfer;

pub(crate) use region::{Region, random};
pub(crate) use ring::{Ring, Slot, SlotBytes};
pub use transfer::{LiveTransport, Transfer};

use std::path::Path;

/// Removes what killed processes of this user have left in the system's shared memory.
pub(crate) fn clear_leftovers() {
    region::clear_leftovers(Path::new(region::DIRECTORY));
}
