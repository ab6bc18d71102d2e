//! Times of requests and batches, for Triton's statistics.
#![allow(unsafe_code)]

use crate::ffi::{self, TritonInstance, api};

/// Start of a request's processing, and start and end of the model's run, in nanoseconds of `CLOCK_MONOTONIC`, the clock
/// of Triton's statistics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The backend started to process the request.
    pub start: u64,
    /// The inputs were ready.
    pub compute_start: u64,
    /// The outputs were ready.
    pub compute_end: u64,
}

impl Times {
    /// The current time thrice, for a request that fails before it is processed.
    pub fn now() -> Self {
        let now = now();
        Self {
            start: now,
            compute_start: now,
            compute_end: now,
        }
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec; every Linux has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// The batch statistics of a live instance.
#[derive(Debug)]
pub(crate) struct BatchStatistics(*mut TritonInstance);

impl BatchStatistics {
    /// # Safety
    /// `instance` is live at least as long as the result.
    pub unsafe fn new(instance: *mut TritonInstance) -> Self {
        Self(instance)
    }

    /// Counts one run of the model with a batch of `batch_size`, whose responses were sent by `end`.
    pub fn report(&self, batch_size: u64, times: Times, end: u64) {
        let Times {
            start,
            compute_start,
            compute_end,
        } = times;
        // SAFETY: the instance is live, as the caller of `new` promised.
        ffi::discard(unsafe {
            (api().ModelInstanceReportBatchStatistics)(self.0, batch_size, start, compute_start, compute_end, end)
        });
    }
}
