//! Cancellation of a request at any stage.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Mutex;

use super::ffi::{Api, TritonRequest};
use crate::lock;

/// Cancels one request, from any thread and at any time.
pub(super) struct CancelHandle {
    pub(super) api: &'static Api,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Not yet accepted by Triton, which would ignore a cancellation.
    Submitting { cancelled: bool },
    /// Owned by Triton.
    Running(NonNull<TritonRequest>),
    /// Released by Triton.
    Released,
}

// SAFETY: the request is used under the lock and only while it lives; Triton allows cancelling from any thread.
unsafe impl Send for CancelHandle {}
// SAFETY: as above.
unsafe impl Sync for CancelHandle {}

impl CancelHandle {
    pub(super) fn new(api: &'static Api) -> Self {
        Self {
            api,
            stage: Mutex::new(Stage::Submitting { cancelled: false }),
        }
    }

    /// Cancels the request in Triton. A request that is being executed is completed nevertheless.
    pub(super) fn cancel(&self) {
        match &mut *lock(&self.stage) {
            Stage::Submitting { cancelled } => *cancelled = true,
            Stage::Running(request) => self.cancel_now(*request),
            Stage::Released => {}
        }
    }

    /// Triton has accepted the request. An earlier cancellation takes effect now.
    pub(super) fn accepted(&self, request: NonNull<TritonRequest>) {
        let mut stage = lock(&self.stage);
        if let Stage::Submitting { cancelled } = *stage {
            *stage = Stage::Running(request);
            if cancelled {
                self.cancel_now(request);
            }
        }
    }

    /// Triton has released the request, which is deleted next.
    pub(super) fn released(&self) {
        *lock(&self.stage) = Stage::Released;
    }

    /// Must be called under the lock, which keeps the request from being deleted meanwhile.
    fn cancel_now(&self, request: NonNull<TritonRequest>) {
        // SAFETY: accepted and not yet released. On failure, the request is completed.
        let _ = unsafe { self.api.check((self.api.InferenceRequestCancel)(request.as_ptr())) };
    }
}
