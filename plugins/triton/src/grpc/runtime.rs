//! The thread that drives a client's connections.

use std::future::Future;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::sigpipe;
use crate::Error;

/// A thread with an event loop. Dropping it ends the thread and drops all spawned tasks.
pub(super) struct Runtime {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtime {
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("triton-grpc".into()).spawn(move || {
            sigpipe::block();
            let _dropped_sender = runtime.block_on(ended);
            runtime.shutdown_background(); // does not wait for a hanging name look-up
        })?;
        Ok(Self {
            handle,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// Runs `work` on the thread. If the runtime ends first, `work` is dropped there.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }

    /// Runs `work` on the thread and waits for it. Unlike tokio's `block_on`, it may be called in another runtime's
    /// thread.
    pub(super) fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.spawn(async move {
            let _ = sender.send(work.await); // the receiver waits
        });
        receiver.recv().map_err(|_| Error::ServerStopped)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it does not panic: panics of callbacks are caught
        }
    }
}
