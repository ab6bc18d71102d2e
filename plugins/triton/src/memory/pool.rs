//! Blocks of host memory, aligned and recycled, and what they are in use for.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use super::lease::{Lease, LeaseState};
use crate::lock;

/// A cache line, and the widest vector register: no kernel has to realign.
pub(super) const ALIGN: usize = 64;

/// Free blocks that a pool keeps; more than a pipeline has requests in flight.
pub(super) const MAX_FREE: usize = 16;

/// How many bytes of tensor memory are in each state of a [`Lease`], and how many blocks are free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Free blocks that are kept for the next request.
    pub free_blocks: usize,
    /// Bytes being filled.
    pub filled: usize,
    /// Bytes of requests that the server has not responded to.
    pub in_flight: usize,
    /// Bytes of requests that have their response and that the server has not released yet.
    pub answered: usize,
    /// Bytes of requests that were given up at their deadline and that the server may still read.
    pub quarantined: usize,
}

/// Free blocks, oldest first, and the use of the others. Leases keep their pool alive, not the other way round.
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
    /// Memory for `len` bytes: the smallest free block that is large enough without wasting half of it (of equals the one
    /// used last, which the caches remember), or a new one. `None` when there is no memory.
    pub(crate) fn try_lease(self: &Arc<Self>, len: usize) -> Option<Lease> {
        let recycled = {
            let mut state = lock(&self.state);
            let fitting = state.free.iter().enumerate().rev().filter(|(_, block)| block.fits(len));
            let best = fitting
                .min_by_key(|(_, block)| block.layout.size())
                .map(|(index, _)| index);
            best.map(|index| state.free.remove(index))
        };
        let block = recycled.or_else(|| Block::new(len))?;
        *lock(&self.state).used.of(LeaseState::Filled) += len;
        Some(Lease::new(block, len, Arc::clone(self)))
    }

    /// As [`Self::try_lease`], but without memory the process ends, as with any allocation in Rust.
    pub(crate) fn lease(self: &Arc<Self>, len: usize) -> Lease {
        self.try_lease(len).unwrap_or_else(|| {
            handle_alloc_error(Layout::from_size_align(len, ALIGN).unwrap_or(Layout::new::<[u8; ALIGN]>()))
        })
    }

    /// What the memory is in use for.
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
        drop(surplus); // outside the lock: returning memory to the system takes a while
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

/// Owned, initialised, aligned memory.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory is owned by the block alone and bound to no thread.
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

    fn fits(&self, len: usize) -> bool {
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
