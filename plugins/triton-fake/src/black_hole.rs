//! An address that swallows connections, as that of a host that is switched off or behind a firewall.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::socket::listening;

/// A port of the loopback interface whose queue of connections is full, so that the kernel drops all attempts to connect.
pub struct BlackHole {
    address: SocketAddr,
    /// Never accepts.
    _listener: TcpListener,
    _filling: Vec<TcpStream>,
    _reactor: Runtime,
}

impl BlackHole {
    /// Time after which a connection to the loopback interface counts as dropped.
    const DROPPED: Duration = Duration::from_millis(200);

    /// Opens a port and fills its queue.
    ///
    /// # Errors
    /// If there is no free port.
    pub fn open() -> io::Result<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    pub(crate) fn at(address: SocketAddr) -> io::Result<Self> {
        let reactor = Builder::new_current_thread().enable_io().build()?;
        let listener = {
            let _entered = reactor.enter();
            listening(address, 1)?
        };
        let address = listener.local_addr()?;
        let connections = std::iter::from_fn(|| TcpStream::connect_timeout(&address, Self::DROPPED).ok());
        Ok(Self {
            address,
            _filling: connections.collect(),
            _listener: listener,
            _reactor: reactor,
        })
    }

    /// The address for the client, `grpc://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("grpc://{}", self.address)
    }
}
