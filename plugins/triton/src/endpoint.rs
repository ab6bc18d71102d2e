//! The address of a Triton server: the parsed `server` property of the elements.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use crate::Error;

/// The address of a Triton server. Equal endpoints share one [`crate::Server`] in a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The server library, loaded into this process.
    InProcess(InProcess),
    /// Servers reached by gRPC.
    Grpc(Grpc),
    /// A scripted server of a test; not available through the `server` property.
    Scripted,
}

/// A Triton server inside this process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InProcess {
    /// The model repository: a directory with one directory per model.
    pub repository: PathBuf,
    /// Triton's install directory: it contains `lib/libtritonserver.so`, `backends/NAME/libtriton_NAME.so` and, for the
    /// onnxruntime backend of this project, `lib/libonnxruntime.so`.
    pub install_dir: PathBuf,
}

/// Servers with the same models. Requests are sent to the first one and, while it is unavailable, to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grpc {
    /// The servers in the order of preference; at least one.
    pub addresses: Vec<Address>,
}

/// Host and port of a Triton server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Host name or IP address (IPv6 without brackets).
    pub host: String,
    /// Triton's `--grpc-port`, usually 8001.
    pub port: u16,
}

/// The scheme of a gRPC server's URL.
const GRPC: &str = "grpc://";

impl Endpoint {
    /// Parses `inprocess:`, which uses the Triton in `install_dir` with the models in `repository`, or
    /// `grpc://HOST:PORT[,grpc://HOST:PORT…]`.
    ///
    /// Does not access files or servers; [`crate::Server::open`] does.
    ///
    /// # Errors
    /// [`Error::UnsupportedEndpoint`] or [`Error::InvalidEndpoint`].
    pub fn parse(server: &str, repository: &Path, install_dir: &Path) -> Result<Self, Error> {
        if server == "inprocess:" {
            return Ok(Self::InProcess(InProcess {
                repository: repository.into(),
                install_dir: install_dir.into(),
            }));
        }
        if !server.starts_with(GRPC) {
            return Err(Error::UnsupportedEndpoint { server: server.into() });
        }
        let addresses = server.split(',').map(|url| Address::parse(server, url.trim()));
        Ok(Self::Grpc(Grpc {
            addresses: addresses.collect::<Result<_, _>>()?,
        }))
    }
}

impl Address {
    /// Parses one `url` of `server`.
    fn parse(server: &str, url: &str) -> Result<Self, Error> {
        let wrong = |part: &str, expected| Error::InvalidEndpoint {
            server: server.to_owned(),
            part: part.to_owned(),
            expected,
        };
        let address = url
            .strip_prefix(GRPC)
            .ok_or_else(|| wrong(url, "grpc:// before each address"))?;
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => return Err(wrong(address, "HOST:PORT (Triton's gRPC port is usually 8001)")),
        };
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or_else(|| {
            wrong(
                address,
                "a port from 1 to 65535 after the last colon, and nothing after it",
            )
        })?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => inner.parse::<Ipv6Addr>().ok().map(|address| address.to_string()),
            None => is_name(host).then(|| host.to_ascii_lowercase()),
        };
        let host = host.ok_or_else(|| wrong(address, "a name, an IPv4 address or an [IPv6 address] as the host"))?;
        Ok(Self { host, port })
    }
}

/// Whether `host` has the characters of a host name or IPv4 address; whether it exists is checked when connecting.
fn is_name(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.bytes().all(is_allowed)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProcess(InProcess {
                repository,
                install_dir,
            }) => {
                write!(
                    f,
                    "inprocess: (models in {}, Triton in {})",
                    repository.display(),
                    install_dir.display()
                )
            }
            Self::Grpc(grpc) => grpc.fmt(f),
            Self::Scripted => f.write_str("scripted:"),
        }
    }
}

impl fmt::Display for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.addresses.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{GRPC}{address}")?;
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(server: &str) -> Result<Endpoint, Error> {
        Endpoint::parse(server, Path::new("models"), Path::new("triton"))
    }

    #[test]
    fn inprocess_has_the_repository_and_the_install_directory() {
        let endpoint = parse("inprocess:").unwrap();
        let expected = InProcess {
            repository: "models".into(),
            install_dir: "triton".into(),
        };
        assert_eq!(endpoint, Endpoint::InProcess(expected));
        assert_eq!(endpoint.to_string(), "inprocess: (models in models, Triton in triton)");
    }

    #[test]
    fn one_or_more_addresses_are_parsed() {
        let check = |server: &str, expected: &[(&str, u16)], shown: &str| {
            let endpoint = parse(server).unwrap();
            let address = |&(host, port): &(&str, u16)| Address {
                host: host.into(),
                port,
            };
            let addresses = expected.iter().map(address).collect();
            assert_eq!(endpoint, Endpoint::Grpc(Grpc { addresses }));
            assert_eq!(endpoint.to_string(), shown);
        };
        let one = "grpc://localhost:8001";
        check(one, &[("localhost", 8001)], one);
        check(
            "grpc://Triton_1.Local:1",
            &[("triton_1.local", 1)],
            "grpc://triton_1.local:1",
        );
        check("grpc://[0:0::1]:65535", &[("::1", 65535)], "grpc://[::1]:65535");
        let two = "grpc://10.0.0.7:8001,grpc://b:9";
        check(two, &[("10.0.0.7", 8001), ("b", 9)], two);
        check("grpc://10.0.0.7:8001, grpc://b:9", &[("10.0.0.7", 8001), ("b", 9)], two);
    }

    #[test]
    fn unsupported_schemes_are_reported_with_the_supported_ones() {
        for server in [
            "grpcs://a:8001",
            "inprocess",
            "",
            "http://a:8000",
            "a:8001",
            "GRPC://a:1",
        ] {
            let error = parse(server).unwrap_err();
            assert_eq!(error, Error::UnsupportedEndpoint { server: server.into() });
            assert!(error.is_fatal());
            assert!(error.to_string().contains("`grpc://HOST:PORT`"), "{error}");
        }
    }

    #[test]
    fn malformed_addresses_are_reported_with_the_malformed_part() {
        let check = |server: &str, wrong: &str, expected: &str| {
            let error = parse(server).unwrap_err();
            let Error::InvalidEndpoint {
                server: whole, part, ..
            } = &error
            else {
                panic!("{server}: {error:?}")
            };
            assert_eq!((whole.as_str(), part.as_str()), (server, wrong));
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.is_fatal());
        };
        check("grpc://", "", "HOST:PORT");
        check("grpc://a", "a", "8001");
        check("grpc://[::1]", "[::1]", "HOST:PORT");
        check("grpc://a:", "a:", "a port from 1 to 65535");
        check("grpc://a:0", "a:0", "a port from 1 to 65535");
        check("grpc://a:70000", "a:70000", "a port from 1 to 65535");
        check("grpc://a:8001/v2", "a:8001/v2", "nothing after it");
        check("grpc://:8001", ":8001", "a name");
        check("grpc://me@a:8001", "me@a:8001", "a name");
        check("grpc://a b:8001", "a b:8001", "a name");
        check("grpc://::1:8001", "::1:8001", "an [IPv6 address]");
        check("grpc://[a]:8001", "[a]:8001", "an [IPv6 address]");
        check("grpc://a:1,b:2", "b:2", "grpc:// before each");
        check("grpc://a:1,", "", "grpc:// before each");
        check("grpc://a:1,grpcs://b:2", "grpcs://b:2", "grpc:// before each");
    }
}
