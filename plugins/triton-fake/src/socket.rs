//! Sockets of the server's address, which stays its own while it does not listen.

use std::net::SocketAddr;
use std::time::Duration;
use std::{io, thread};

use tokio::net::{TcpListener, TcpSocket};

/// A socket bound to the address. Several may be bound to it as long as only one listens.
pub(crate) fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens at the address. A program that another test starts holds the former listener for a moment, between its fork and
/// its exec, so this tries again while the address is in use.
pub(crate) fn listening(address: SocketAddr, queue: u32) -> io::Result<TcpListener> {
    const TRIES: u32 = 500;
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 1..TRIES {
        match bound(address)?.listen(queue) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => thread::sleep(PAUSE),
            listener => return listener,
        }
    }
    bound(address)?.listen(queue)
}
