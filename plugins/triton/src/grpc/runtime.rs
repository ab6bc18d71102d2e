//! The thread that drives a client's connections.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::sigpipe;
use crate::Error;

/// Interval of turns without work: less than the time after which a request's server is probed.
const TICK: Duration = Duration::from_secs(1);

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
            runtime.block_on(tick_until(ended));
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

/// Waits until the sender is dropped, with a timer that is nearly always due before those of requests: tokio wakes itself, by two
/// system calls, for a new timer that is due before all others.
async fn tick_until(ended: oneshot::Receiver<()>) {
    let mut ended = pin!(ended);
    while timeout(TICK, &mut ended).await.is_err() {}
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it does not panic: panics of callbacks are caught
        }
    }
}
