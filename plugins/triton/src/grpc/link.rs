//! The present connection to one address, and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::access::Access;
use super::channel::{self, ServerClient};
use super::connector::Peer;
use super::status::Cause;
use crate::{Address, Error};

/// A connection to one server. Once its address has been away, calls get a new one: an old connection may be dead where a
/// new one works, for example behind a router that was restarted.
pub(super) struct Link {
    /// The address's position in the endpoint.
    pub(super) index: usize,
    pub(super) client: ServerClient,
    /// With TLS: who the server has to be, and how it has ended the connection.
    pub(super) peer: Option<Peer>,
    /// Why its calls have failed.
    lost: watch::Sender<Option<Cause>>,
    /// Whether a probe of this connection has not ended.
    probing: AtomicBool,
}

impl Link {
    /// A connection to the address at `index`, established by its first call. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// As [`channel::client`].
    pub(super) fn new(index: usize, address: &Address, access: &Access) -> Result<Arc<Self>, Error> {
        let peer = access.peer(address);
        Ok(Arc::new(Self {
            index,
            client: channel::client(address, access, peer.clone())?,
            peer,
            lost: watch::Sender::new(None),
            probing: AtomicBool::new(false),
        }))
    }

    /// Ends all its calls.
    pub(super) fn lose(&self, cause: &Cause) {
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            if first {
                *lost = Some(cause.clone());
            }
            first
        });
    }

    /// Waits until the connection is lost, and returns why.
    pub(super) async fn lost(&self) -> Cause {
        let mut lost = self.lost.subscribe();
        let cause = lost.wait_for(Option::is_some).await;
        // The sender is a field of `self`, so there is a cause.
        let cause = cause.ok().and_then(|cause| cause.clone());
        cause.unwrap_or_else(|| Cause::temporary(""))
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
