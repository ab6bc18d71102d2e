//! Host and port of a gRPC server.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Host and port of a Triton server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Host name or IP address (IPv6 without brackets).
    pub host: String,
    /// Triton's `--grpc-port`, usually 8001.
    pub port: u16,
}

impl Address {
    /// Parses `HOST:PORT`.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn parse(address: &str) -> Result<Self, &'static str> {
        if address.contains('@') {
            return Err(
                "an address without user name and password (a token is given by token-file or SHOPFLOOR_TOKEN)",
            );
        }
        if address.contains(['?', '#']) {
            return Err("an address with nothing after its port (a token is given by token-file or SHOPFLOOR_TOKEN)");
        }
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => return Err("HOST:PORT (Triton's gRPC port is usually 8001)"),
        };
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or("a port from 1 to 65535 after the last colon, and nothing after it")?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => inner.parse::<Ipv6Addr>().ok().map(|address| address.to_string()),
            None => is_name(host).then(|| host.to_ascii_lowercase()),
        };
        let host = host.ok_or("a name, an IPv4 address or an [IPv6 address] as the host")?;
        Ok(Self { host, port })
    }

    /// Whether the address is one of this machine, so that what is sent to it does not leave the machine.
    pub(super) fn is_loopback(&self) -> bool {
        let is_loopback = |address: IpAddr| address.is_loopback();
        self.host == "localhost" || self.host.parse().is_ok_and(is_loopback)
    }
}

/// Whether `host` has the characters of a host name or IPv4 address; whether it exists is checked when connecting.
pub(super) fn is_name(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.bytes().all(is_allowed)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}
