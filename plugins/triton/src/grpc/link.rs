//! The present connection to one address, and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::channel::ServerClient;

/// A connection to one server. Once its address has been away, calls get a new one: an old connection may be dead where a
/// new one works, for example behind a router that was restarted.
pub(super) struct Link {
    /// The address's position in the endpoint.
    pub(super) index: usize,
    pub(super) client: ServerClient,
    /// Why its calls have failed.
    lost: watch::Sender<Option<Arc<str>>>,
    /// Whether a probe of this connection has not ended.
    probing: AtomicBool,
}

impl Link {
    pub(super) fn new(index: usize, client: ServerClient) -> Arc<Self> {
        Arc::new(Self {
            index,
            client,
            lost: watch::Sender::new(None),
            probing: AtomicBool::new(false),
        })
    }

    /// Ends all its calls.
    pub(super) fn lose(&self, reason: &str) {
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            if first {
                *lost = Some(reason.into());
            }
            first
        });
    }

    /// Waits until the connection is lost, and returns why.
    pub(super) async fn lost(&self) -> Arc<str> {
        let mut lost = self.lost.subscribe();
        let reason = lost.wait_for(Option::is_some).await;
        // The sender is a field of `self`, so there is a reason.
        reason.ok().and_then(|reason| reason.clone()).unwrap_or_default()
    }

    /// Runs `probe`, unless one of this connection is running.
    pub(super) fn probe_once(self: &Arc<Self>, probe: impl Future<Output = ()> + Send + 'static) {
        if self.probing.swap(true, Ordering::AcqRel) {
            return;
        }
        let link = Arc::clone(self);
        tokio::spawn(async move {
            probe.await;
            link.probing.store(false, Ordering::Release);
        });
    }
}
