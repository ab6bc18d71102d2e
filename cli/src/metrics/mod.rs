//! `--metrics`: what tenants do, for Prometheus, and whether they are healthy and ready, for an orchestrator.
//!
//! The supervisor hands over the statuses that it shows anyway; a thread with a server of its own turns the last ones into text when it
//! is asked, so that no client, slow or in numbers, holds the supervisor.

mod health;
mod server;
mod text;

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::status::TenantStatus;

/// What the server answers from.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The tenants, as shown last.
    tenants: Arc<[TenantStatus]>,
    /// When that was; `None` before the first time.
    at: Option<Instant>,
}

/// The server, and the way to it.
pub struct Metrics {
    latest: Arc<Mutex<Snapshot>>,
    address: SocketAddr,
}

impl Metrics {
    /// Listens at `HOST:PORT`. The server ends with the process.
    ///
    /// # Errors
    /// An address that is none, or is in use.
    pub fn listen(address: &str) -> Result<Self> {
        let listener = bind(address)?;
        let address = listener.local_addr().context("the address of --metrics is not known")?;
        let latest = Arc::default();
        server::start(listener, Arc::clone(&latest)).context("the server of --metrics cannot start")?;
        Ok(Self { latest, address })
    }

    /// Where it listens: with the port that the system has chosen for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes over what the tenants do now.
    pub fn update(&self, tenants: &[TenantStatus]) {
        let snapshot = Snapshot {
            tenants: tenants.into(),
            at: Some(Instant::now()),
        };
        let before = std::mem::replace(&mut *lock(&self.latest), snapshot);
        drop(before); // after the lock is released
    }
}

/// A snapshot is replaced as a whole.
fn lock(latest: &Mutex<Snapshot>) -> MutexGuard<'_, Snapshot> {
    latest.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bind(address: &str) -> Result<TcpListener> {
    let Ok(addresses) = address.to_socket_addrs() else {
        bail!("--metrics {address}: expected HOST:PORT, such as 127.0.0.1:9464, with port 0 for any free one");
    };
    let addresses: Vec<_> = addresses.collect();
    TcpListener::bind(&*addresses).with_context(|| {
        format!("--metrics {address}: cannot listen there; choose another port, or 0 for any free one, and an address of this machine")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_used_is_an_error_that_says_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken.local_addr().unwrap().to_string();
        for (address, parts) in [
            ("9464", &["--metrics 9464", "HOST:PORT", "127.0.0.1:9464"][..]),
            ("127.0.0.1", &["HOST:PORT"]),
            ("127.0.0.1:65536", &["HOST:PORT"]),
            ("", &["HOST:PORT"]),
            (&taken, &["in use", "choose another port"]),
            // TEST-NET-1 belongs to no machine.
            ("192.0.2.1:9464", &["cannot listen", "address of this machine"]),
        ] {
            let error = format!("{:#}", Metrics::listen(address).err().unwrap());
            assert!(parts.iter().all(|part| error.contains(part)), "{address}: {error}");
        }
    }

    #[test]
    fn the_port_that_the_system_chooses_is_known() {
        let metrics = Metrics::listen("localhost:0").unwrap();
        assert_ne!(metrics.address().port(), 0);
    }
}
