//! Buffers of pools with a maximum: holding too many of them would leave the decoder or the camera without one.
#![allow(unsafe_code)]

use gst::glib::translate::from_glib_none;
use gst::prelude::*;

/// The maximum number of buffers in the pool that `buffer` belongs to; `None` if it has no pool, or one without a maximum.
pub fn size(buffer: &gst::BufferRef) -> Option<usize> {
    // SAFETY: the buffer lives, and owns a reference to its pool, if any; we take another one.
    let pool: Option<gst::BufferPool> = unsafe { from_glib_none((*buffer.as_ptr()).pool) };
    let (_, _, _, max) = pool?.config().params()?;
    (max > 0).then_some(max as usize)
}
