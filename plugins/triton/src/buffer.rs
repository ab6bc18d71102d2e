//! Tensor memory: aligned, recycled, and at an address that stays the same while Triton reads or writes it.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use crate::lock;

/// A cache line, and the widest vector register: no kernel has to realign.
const ALIGN: usize = 64;

/// Free blocks that a pool keeps; more than a pipeline has requests in flight.
const MAX_FREE: usize = 16;

/// Memory for one tensor, from [`crate::Model::buffer`]; it returns to its pool when dropped.
///
/// The contents of a new buffer are unspecified (zeros, or an earlier tensor's).
pub struct Buffer {
    block: ManuallyDrop<Block>,
    len: usize,
    pool: Arc<Pool>,
}

impl Buffer {
    /// Where the tensor begins; the address does not change when the buffer moves.
    pub(crate) fn as_mut_ptr(&self) -> *mut u8 {
        self.block.start.as_ptr()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the block is initialised, at least `len` long, and nobody else's while this buffer has it.
        unsafe { std::slice::from_raw_parts(self.as_mut_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and `&mut self` makes it the only access.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the buffer is going away, nobody looks at its block again.
        self.pool.put(unsafe { ManuallyDrop::take(&mut self.block) });
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

/// Free blocks, oldest first. Buffers keep their pool alive, not the other way round.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    free: Mutex<Vec<Block>>,
}

impl Pool {
    /// Memory for `len` bytes: the smallest free block that fits without wasting half of it (of equals the one
    /// used last, which the caches remember), or a new one.
    /// `None` when there is no memory.
    pub(crate) fn try_take(self: &Arc<Self>, len: usize) -> Option<Buffer> {
        let recycled = {
            let mut free = lock(&self.free);
            let fitting = free.iter().enumerate().rev().filter(|(_, block)| block.fits(len));
            let best = fitting
                .min_by_key(|(_, block)| block.layout.size())
                .map(|(index, _)| index);
            best.map(|index| free.remove(index))
        };
        let block = recycled.or_else(|| Block::new(len))?;
        Some(Buffer {
            block: ManuallyDrop::new(block),
            len,
            pool: Arc::clone(self),
        })
    }

    /// As [`Self::try_take`], but without memory the process ends, as with any allocation in Rust.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> Buffer {
        self.try_take(len).unwrap_or_else(|| {
            handle_alloc_error(Layout::from_size_align(len, ALIGN).unwrap_or(Layout::new::<[u8; ALIGN]>()))
        })
    }

    fn put(&self, block: Block) {
        let surplus = {
            let mut free = lock(&self.free);
            free.push(block);
            (free.len() > MAX_FREE).then(|| free.remove(0))
        };
        drop(surplus); // outside the lock: returning memory to the system takes a while
    }
}

/// Owned, initialised, aligned memory.
#[derive(Debug)]
struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory is owned by the block alone and bound to no thread.
unsafe impl Send for Block {}
// SAFETY: a shared block is only read, through `&Buffer`.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn address(buffer: &Buffer) -> usize {
        buffer.as_ptr() as usize
    }

    #[test]
    fn buffers_are_aligned_writable_and_as_long_as_asked() {
        let pool = Arc::new(Pool::default());
        for len in [0, 1, 63, 64, 65, 4096, 3 * 64 * 64 * 4] {
            let mut buffer = pool.take(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(address(&buffer) % ALIGN, 0);
            buffer.fill(7);
            assert!(buffer.iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn a_dropped_buffer_is_used_again_and_one_in_use_is_not() {
        let pool = Arc::new(Pool::default());
        let first = pool.take(1000);
        let address_of_first = address(&first);
        assert_ne!(address(&pool.take(1000)), address_of_first);
        drop(first);
        let second = pool.take(900);
        assert_eq!((address(&second), second.len()), (address_of_first, 900));
    }

    #[test]
    fn a_much_too_large_block_is_left_for_others_and_the_smallest_fitting_taken() {
        let pool = Arc::new(Pool::default());
        let (large, medium, small) = (pool.take(1 << 20), pool.take(5000), pool.take(4000));
        let (at_large, at_medium, at_small) = (address(&large), address(&medium), address(&small));
        drop((large, medium, small));
        assert_eq!(address(&pool.take(3000)), at_small);
        let held = [pool.take(3000), pool.take(3000)];
        assert_eq!([address(&held[0]), address(&held[1])], [at_small, at_medium]);
        assert_ne!(address(&pool.take(3000)), at_large);
    }

    #[test]
    fn a_pool_keeps_a_bounded_number_of_blocks() {
        let pool = Arc::new(Pool::default());
        drop((0..3 * MAX_FREE).map(|_| pool.take(100)).collect::<Vec<_>>());
        assert_eq!(lock(&pool.free).len(), MAX_FREE);
    }

    #[test]
    fn an_impossible_size_is_refused() {
        assert!(Arc::new(Pool::default()).try_take(usize::MAX).is_none());
    }
}
