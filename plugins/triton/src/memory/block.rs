//! Blocks of host memory, aligned.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Size of a cache line and of the widest vector register, so that kernels need no unaligned loads.
pub(super) const ALIGN: usize = 64;

/// Owned, initialised, aligned memory.
#[derive(Debug)]
pub(super) struct Block {
    /// The address, which does not change.
    pub(super) start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the block owns the memory, which is not bound to a thread.
unsafe impl Send for Block {}
// SAFETY: a shared block is only read, through `&Lease`.
unsafe impl Sync for Block {}

impl Block {
    /// Zeroed memory for `len` bytes.
    pub(super) fn new(len: usize) -> Option<Self> {
        let layout = Layout::from_size_align(len.max(1), ALIGN).ok()?.pad_to_align();
        // SAFETY: the layout's size is not 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { start, layout })
    }

    /// Whether it holds `len` bytes without wasting half of itself.
    pub(super) fn fits(&self, len: usize) -> bool {
        let size = self.layout.size();
        size >= len && size / 2 <= len.max(ALIGN)
    }
}

impl Block {
    /// Its size in bytes.
    pub(super) fn size(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and freed only here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}
