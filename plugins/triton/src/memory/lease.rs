//! Leases of tensor memory, whose addresses do not change while the server reads them, and the pool of free blocks.
#![allow(unsafe_code)]

use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use super::block::{ALIGN, Block};
use super::device::{CudaRegion, CudaTensor};
use crate::shared_memory::Slot;
use crate::{Error, lock};

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
    Answered,
    /// The request's deadline has passed; the server may still read the memory.
    Quarantined,
}

/// Memory for one tensor, from [`crate::Model::lease`]. Dropping it frees the memory; the transport drops the leases of
/// a request once the server has released the request.
///
/// The contents of a new lease are unspecified (zeros or an earlier tensor).
pub struct Lease {
    memory: ManuallyDrop<Memory>,
    len: usize,
    handle: LeaseHandle,
}

/// Where a lease's tensor is.
enum Memory {
    Host(Block),
    Shared(Slot),
    Cuda(CudaTensor),
}

impl Memory {
    /// The address and the number of the bytes of a tensor of `len` bytes that are on the host.
    fn on_host(&self, len: usize) -> (NonNull<u8>, usize) {
        match self {
            Self::Host(block) => (block.start, len),
            Self::Shared(slot) => (slot.start(), len),
            Self::Cuda(tensor) => tensor.on_host(len),
        }
    }
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
    fn new(memory: Memory, len: usize, pool: Arc<BufferPool>) -> Self {
        let state = Arc::new(Mutex::new(Some(LeaseState::Filled)));
        Self {
            memory: ManuallyDrop::new(memory),
            len,
            handle: LeaseHandle { len, pool, state },
        }
    }

    /// Location of the memory.
    pub fn place(&self) -> Place {
        match &*self.memory {
            Memory::Host(_) => Place::Host,
            Memory::Shared(_) => Place::SystemSharedMemory,
            Memory::Cuda(tensor) => Place::Cuda(tensor.region.memory().device()),
        }
    }

    /// Number of bytes of the tensor, wherever they are.
    pub fn byte_size(&self) -> usize {
        self.len
    }

    /// The slot of shared memory that it is in.
    pub(crate) fn slot(&self) -> Option<&Slot> {
        match &*self.memory {
            Memory::Shared(slot) => Some(slot),
            Memory::Host(_) | Memory::Cuda(_) => None,
        }
    }

    /// The region of CUDA memory that it is in.
    pub(crate) fn cuda_region(&self) -> Option<&Arc<CudaRegion>> {
        match &*self.memory {
            Memory::Cuda(tensor) => Some(&tensor.region),
            Memory::Host(_) | Memory::Shared(_) => None,
        }
    }

    /// Copies a tensor that was written on the host to the device that it is to be on; does nothing for others.
    ///
    /// # Errors
    /// [`Error::Cuda`] of the driver.
    pub(crate) fn upload(&self) -> Result<(), Error> {
        if let Some(region) = self.cuda_region()
            && !self.is_empty()
        {
            region.memory().write(self)?;
        }
        Ok(())
    }

    /// Present state.
    pub fn state(&self) -> LeaseState {
        lock(&self.handle.state).unwrap_or(LeaseState::Filled)
    }

    /// A handle that changes the lease's state while the server has it.
    pub(crate) fn handle(&self) -> LeaseHandle {
        self.handle.clone()
    }

    /// Address of the tensor on the host, which does not change when the lease is moved.
    pub(crate) fn as_mut_ptr(&self) -> *mut u8 {
        self.memory.on_host(self.len).0.as_ptr()
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
        let (start, len) = self.memory.on_host(self.len);
        // SAFETY: the memory is initialised, at least `len` long, and used by this lease only; a server that maps shared
        // memory only reads inputs.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut [u8] {
        let (start, len) = self.memory.on_host(self.len);
        // SAFETY: as for `deref`, and `&mut self` makes it the only access.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), len) }
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
        // SAFETY: the lease is being dropped, its memory is not used again.
        let memory = unsafe { ManuallyDrop::take(&mut self.memory) };
        self.handle
            .pool
            .released(memory, self.len, last.unwrap_or(LeaseState::Filled));
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({} bytes, {:?})", self.len, self.state())
    }
}

/// Maximum number of free blocks in a pool; more than a pipeline has requests in flight.
const MAX_FREE: usize = 16;

/// Bytes of tensor memory in each state of a [`Lease`], and number of free blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Number of free blocks kept for later requests.
    pub free_blocks: usize,
    /// Bytes being filled.
    pub filled: usize,
    /// Bytes of requests without a response yet.
    pub in_flight: usize,
    /// Bytes of requests with a response that the server has not released yet.
    pub answered: usize,
    /// Bytes of requests whose deadline has passed and that the server may still read.
    pub quarantined: usize,
    /// Bytes of shared memory that is reserved for inputs and outputs, whether it is in use or not. Leases in it count
    /// above, too.
    pub shared_memory: usize,
}

/// Free blocks, oldest first, and the use of the leased ones. Leases keep their pool alive.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<Block>,
    used: MemoryUse,
}

impl CudaRegion {
    /// A lease whose first `len` bytes are written on the host, and copied to the device when the request is sent. `None` if an
    /// earlier request has the region, or if it is too small.
    pub fn lease(self: &Arc<Self>, len: usize) -> Option<Lease> {
        let tensor = self.take_staged(len)?;
        Some(Arc::<BufferPool>::default().lease_cuda(tensor, len))
    }

    /// As [`Self::lease`], for a tensor that is on the device already. The lease has no bytes on the host.
    pub fn lease_written(self: &Arc<Self>, len: usize) -> Option<Lease> {
        let tensor = self.take(len)?;
        Some(Arc::<BufferPool>::default().lease_cuda(tensor, len))
    }
}

impl BufferPool {
    /// Memory for `len` bytes: the smallest sufficient free block of less than twice the size (of equal ones the most
    /// recently used, which is likely to be cached), or a new one. `None` if out of memory.
    pub(crate) fn try_lease(self: &Arc<Self>, len: usize) -> Option<Lease> {
        let recycled = {
            let mut state = lock(&self.state);
            let fitting = state.free.iter().enumerate().rev().filter(|(_, block)| block.fits(len));
            let best = fitting.min_by_key(|(_, block)| block.size()).map(|(index, _)| index);
            best.map(|index| state.free.remove(index))
        };
        let block = recycled.or_else(|| Block::new(len))?;
        Some(self.filled(Memory::Host(block), len))
    }

    /// A lease of `len` bytes in shared memory, counted with those of the pool. The slot is at least as long.
    pub(crate) fn lease_slot(self: &Arc<Self>, slot: Slot, len: usize) -> Lease {
        self.filled(Memory::Shared(slot), len)
    }

    /// A lease of `len` bytes in a region of CUDA memory.
    fn lease_cuda(self: &Arc<Self>, tensor: CudaTensor, len: usize) -> Lease {
        self.filled(Memory::Cuda(tensor), len)
    }

    fn filled(self: &Arc<Self>, memory: Memory, len: usize) -> Lease {
        *lock(&self.state).used.of(LeaseState::Filled) += len;
        Lease::new(memory, len, Arc::clone(self))
    }

    /// As [`Self::try_lease`], but aborts if out of memory, as any allocation in Rust.
    pub(crate) fn lease(self: &Arc<Self>, len: usize) -> Lease {
        self.try_lease(len).unwrap_or_else(|| {
            handle_alloc_error(Layout::from_size_align(len, ALIGN).unwrap_or(Layout::new::<[u8; ALIGN]>()))
        })
    }

    /// Bytes in each state and number of free blocks.
    pub(crate) fn memory_use(&self) -> MemoryUse {
        let state = lock(&self.state);
        MemoryUse {
            free_blocks: state.free.len(),
            ..state.used
        }
    }

    fn changed(&self, len: usize, from: LeaseState, to: LeaseState) {
        let mut state = lock(&self.state);
        *state.used.of(from) -= len;
        *state.used.of(to) += len;
    }

    fn released(&self, memory: Memory, len: usize, last: LeaseState) {
        let surplus = {
            let mut state = lock(&self.state);
            *state.used.of(last) -= len;
            match memory {
                Memory::Host(block) => {
                    state.free.push(block);
                    let surplus = (state.free.len() > MAX_FREE).then(|| state.free.remove(0));
                    surplus.map(Memory::Host)
                }
                other @ (Memory::Shared(_) | Memory::Cuda(_)) => Some(other), // its ring or region keeps it
            }
        };
        drop(surplus); // outside the lock, since deallocation may take long
    }
}

impl MemoryUse {
    fn of(&mut self, state: LeaseState) -> &mut usize {
        match state {
            LeaseState::Filled => &mut self.filled,
            LeaseState::InFlight => &mut self.in_flight,
            LeaseState::Answered => &mut self.answered,
            LeaseState::Quarantined => &mut self.quarantined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared_memory::Ring;

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
    fn leases_in_shared_memory_are_counted_and_return_to_their_ring() {
        let (pool, ring) = (Arc::new(BufferPool::default()), Ring::new(1 << 20));
        let lease = || pool.lease_slot(ring.lease(100).unwrap().unwrap(), 100);
        let mut first = lease();
        first.fill(7);
        assert_eq!((first.len(), first.place()), (100, Place::SystemSharedMemory));
        assert!(first.iter().all(|&byte| byte == 7) && address(&first).is_multiple_of(ALIGN));
        first.handle().advance(LeaseState::InFlight);
        assert_eq!((pool.memory_use().in_flight, pool.memory_use().filled), (100, 0));
        let address_of_first = address(&first);
        assert_ne!(address(&lease()), address_of_first);
        drop(first);
        assert_eq!(pool.memory_use(), MemoryUse::default());
        assert_eq!(address(&lease()), address_of_first);
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
        let free = MemoryUse {
            free_blocks: 1,
            ..Default::default()
        };
        assert_eq!(pool.memory_use(), free);
        handle.advance(LeaseState::Answered); // a response that arrives after the release
        assert_eq!(pool.memory_use(), free);
    }
}
