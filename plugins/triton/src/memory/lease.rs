//! A lease of tensor memory: its address does not change while the server reads it, and it is free only when dropped.
#![allow(unsafe_code)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use super::pool::{Block, BufferPool};
use crate::lock;

/// Location of a lease's memory, which determines how a request refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// Memory of this process: an in-process server reads it in place, for others it is copied into the message.
    Host,
    /// POSIX shared memory that a server on the same machine maps.
    SystemSharedMemory,
    /// Memory of the CUDA device with this number.
    Cuda(i32),
}

/// State of a lease; see the [module](crate::memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseState {
    /// Being filled, or filled and not sent.
    Filled,
    /// The server may read it; there is no response yet.
    InFlight,
    /// The response has arrived; the server has not released the request yet.
    Responded,
    /// The request's deadline has passed; the server may still read the memory.
    Quarantined,
}

/// Memory for one tensor, from [`crate::Model::lease`]. Dropping it frees the memory; the transport drops the leases of
/// a request once the server has released the request.
///
/// The contents of a new lease are unspecified (zeros or an earlier tensor).
pub struct Lease {
    block: ManuallyDrop<Block>,
    len: usize,
    handle: LeaseHandle,
}

/// Changes the state of a lease that has been handed to the server.
#[derive(Clone, Debug)]
pub(crate) struct LeaseHandle {
    len: usize,
    pool: Arc<BufferPool>,
    /// `None` once the memory is free.
    state: Arc<Mutex<Option<LeaseState>>>,
}

impl Lease {
    pub(super) fn new(block: Block, len: usize, pool: Arc<BufferPool>) -> Self {
        let state = Arc::new(Mutex::new(Some(LeaseState::Filled)));
        Self {
            block: ManuallyDrop::new(block),
            len,
            handle: LeaseHandle { len, pool, state },
        }
    }

    /// Location of the memory.
    pub fn place(&self) -> Place {
        Place::Host
    }

    /// Present state.
    pub fn state(&self) -> LeaseState {
        lock(&self.handle.state).unwrap_or(LeaseState::Filled)
    }

    /// A handle that changes the lease's state while the server has it.
    pub(crate) fn handle(&self) -> LeaseHandle {
        self.handle.clone()
    }

    /// Address of the tensor, which does not change when the lease is moved.
    pub(crate) fn as_mut_ptr(&self) -> *mut u8 {
        self.block.start.as_ptr()
    }
}

impl LeaseHandle {
    /// Moves the lease to another state; does nothing if the memory is free already.
    pub(crate) fn advance(&self, to: LeaseState) {
        let mut state = lock(&self.state);
        if let Some(from) = *state
            && from != to
        {
            self.pool.changed(self.len, from, to);
            *state = Some(to);
        }
    }
}

impl Deref for Lease {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the block is initialised, at least `len` long, and used by this lease only.
        unsafe { std::slice::from_raw_parts(self.as_mut_ptr(), self.len) }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and `&mut self` makes it the only access.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let last = lock(&self.handle.state).take();
        // SAFETY: the lease is being dropped, its block is not used again.
        let block = unsafe { ManuallyDrop::take(&mut self.block) };
        self.handle
            .pool
            .released(block, self.len, last.unwrap_or(LeaseState::Filled));
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({} bytes, {:?})", self.len, self.state())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pool::{ALIGN, MAX_FREE};
    use super::*;

    fn address(lease: &Lease) -> usize {
        lease.as_ptr() as usize
    }

    #[test]
    fn leases_are_aligned_writable_and_of_the_requested_length() {
        let pool = Arc::new(BufferPool::default());
        for len in [0, 1, 63, 64, 65, 4096, 3 * 64 * 64 * 4] {
            let mut lease = pool.lease(len);
            assert_eq!(lease.len(), len);
            assert_eq!(address(&lease) % ALIGN, 0);
            lease.fill(7);
            assert!(lease.iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn free_memory_is_reused_and_leased_memory_is_not() {
        let pool = Arc::new(BufferPool::default());
        let first = pool.lease(1000);
        let address_of_first = address(&first);
        assert_ne!(address(&pool.lease(1000)), address_of_first);
        drop(first);
        let second = pool.lease(900);
        assert_eq!((address(&second), second.len()), (address_of_first, 900));
    }

    #[test]
    fn the_smallest_sufficient_block_is_used_and_a_much_larger_one_is_not() {
        let pool = Arc::new(BufferPool::default());
        let (large, medium, small) = (pool.lease(1 << 20), pool.lease(5000), pool.lease(4000));
        let (at_large, at_medium, at_small) = (address(&large), address(&medium), address(&small));
        drop((large, medium, small));
        assert_eq!(address(&pool.lease(3000)), at_small);
        let held = [pool.lease(3000), pool.lease(3000)];
        assert_eq!([address(&held[0]), address(&held[1])], [at_small, at_medium]);
        assert_ne!(address(&pool.lease(3000)), at_large);
    }

    #[test]
    fn a_pool_keeps_a_bounded_number_of_blocks() {
        let pool = Arc::new(BufferPool::default());
        drop((0..3 * MAX_FREE).map(|_| pool.lease(100)).collect::<Vec<_>>());
        assert_eq!(pool.memory_use().free_blocks, MAX_FREE);
    }

    #[test]
    fn an_impossible_size_is_refused() {
        assert!(Arc::new(BufferPool::default()).try_lease(usize::MAX).is_none());
    }

    #[test]
    fn bytes_are_counted_by_state_until_the_memory_is_released() {
        let pool = Arc::new(BufferPool::default());
        let lease = pool.lease(100);
        let handle = lease.handle();
        assert_eq!(pool.memory_use().filled, 100);
        handle.advance(LeaseState::InFlight);
        assert_eq!((pool.memory_use().filled, pool.memory_use().in_flight), (0, 100));
        handle.advance(LeaseState::Quarantined);
        assert_eq!(lease.state(), LeaseState::Quarantined);
        assert_eq!((pool.memory_use().in_flight, pool.memory_use().quarantined), (0, 100));
        drop(lease);
        let free = super::super::MemoryUse {
            free_blocks: 1,
            ..Default::default()
        };
        assert_eq!(pool.memory_use(), free);
        handle.advance(LeaseState::Responded); // a response that arrives after the release
        assert_eq!(pool.memory_use(), free);
    }
}
