//! A pool of aligned, recycled blocks of host memory, with the number of bytes in each state.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use super::lease::{Lease, LeaseState};
use crate::lock;

/// Size of a cache line and of the widest vector register, so that kernels need no unaligned loads.
pub(super) const ALIGN: usize = 64;

/// Maximum number of free blocks in a pool; more than a pipeline has requests in flight.
pub(super) const MAX_FREE: usize = 16;

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
    pub responded: usize,
    /// Bytes of requests whose deadline has passed and that the server may still read.
    pub quarantined: usize,
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

impl BufferPool {
    /// Memory for `len` bytes: the smallest sufficient free block of less than twice the size (of equal ones the most
    /// recently used, which is likely to be cached), or a new one. `None` if out of memory.
    pub(crate) fn try_lease(self: &Arc<Self>, len: usize) -> Option<Lease> {
        let recycled = {
            let mut state = lock(&self.state);
            let sufficient = state
                .free
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, block)| block.is_suitable(len));
            let best = sufficient
                .min_by_key(|(_, block)| block.layout.size())
                .map(|(index, _)| index);
            best.map(|index| state.free.remove(index))
        };
        let block = recycled.or_else(|| Block::new(len))?;
        *lock(&self.state).used.of(LeaseState::Filled) += len;
        Some(Lease::new(block, len, Arc::clone(self)))
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

    pub(super) fn changed(&self, len: usize, from: LeaseState, to: LeaseState) {
        let mut state = lock(&self.state);
        *state.used.of(from) -= len;
        *state.used.of(to) += len;
    }

    pub(super) fn released(&self, block: Block, len: usize, last: LeaseState) {
        let surplus = {
            let mut state = lock(&self.state);
            *state.used.of(last) -= len;
            state.free.push(block);
            (state.free.len() > MAX_FREE).then(|| state.free.remove(0))
        };
        drop(surplus); // outside the lock, since deallocation may take long
    }
}

impl MemoryUse {
    fn of(&mut self, state: LeaseState) -> &mut usize {
        match state {
            LeaseState::Filled => &mut self.filled,
            LeaseState::InFlight => &mut self.in_flight,
            LeaseState::Responded => &mut self.responded,
            LeaseState::Quarantined => &mut self.quarantined,
        }
    }
}

/// Owned, initialised, aligned memory.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the block owns the memory, which is not bound to a thread.
unsafe impl Send for Block {}
// SAFETY: a shared block is only read, through `&Lease`.
unsafe impl Sync for Block {}

impl Block {
    /// Zeroed memory for `len` bytes.
    fn new(len: usize) -> Option<Self> {
        let layout = Layout::from_size_align(len.max(1), ALIGN).ok()?.pad_to_align();
        // SAFETY: the layout's size is not 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { start, layout })
    }

    fn is_suitable(&self, len: usize) -> bool {
        let size = self.layout.size();
        size >= len && size / 2 <= len.max(ALIGN)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and freed only here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}
