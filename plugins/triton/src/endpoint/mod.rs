//! The address of a Triton server: the parsed `server` property of the elements, and how connections are secured.

mod address;
mod redact;
mod security;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

pub use address::Address;
pub use redact::redact;
pub(crate) use security::{CA_FILE, CERTIFICATE_FILE, HEADERS, KEY_FILE, SERVER_NAME, TOKEN};
pub use security::{Identity, Secret, Security, SecurityOptions, Source, Tls, Variable};

use crate::{Error, Transfer};

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
///
/// Printed as it is written in `server`, without what its [`Security`] has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Grpc {
    /// The servers in the order of preference; at least one.
    pub addresses: Vec<Address>,
    /// How connections are encrypted and calls authenticated: the same for all servers.
    pub security: Security,
    /// How tensors are passed to the servers.
    pub transfer: Transfer,
}

/// The schemes of a gRPC server's URL: without and with TLS.
const GRPC: &str = "grpc://";
const GRPCS: &str = "grpcs://";

impl Endpoint {
    /// Parses `inprocess:`, which uses the Triton in `install_dir` with the models in `repository`,
    /// `grpc://HOST:PORT[,grpc://HOST:PORT…]`, or the same with `grpcs://` for connections with TLS, whose certificates
    /// are verified with the system's CAs.
    ///
    /// All addresses have one scheme: otherwise an attacker who makes an encrypted server unavailable would get its
    /// frames and tokens without encryption.
    ///
    /// Does not access files or servers; [`crate::Server::open`] does.
    ///
    /// # Errors
    /// [`Error::UnsupportedEndpoint`] or [`Error::InvalidEndpoint`], both without what may be a secret ([`redact`]).
    pub fn parse(server: &str, repository: &Path, install_dir: &Path) -> Result<Self, Error> {
        if server == "inprocess:" {
            return Ok(Self::InProcess(InProcess {
                repository: repository.into(),
                install_dir: install_dir.into(),
            }));
        }
        if !server.starts_with(GRPC) && !server.starts_with(GRPCS) {
            let server = redact(server).into_owned();
            return Err(Error::UnsupportedEndpoint { server });
        }
        Grpc::parse(server).map(Self::Grpc)
    }

    /// As [`Self::parse`], with the options of a user for TLS, headers and tokens. What no option sets is taken from the
    /// environment variables that [`SecurityOptions`] lists, which `environment` looks up
    /// (`|name| std::env::var_os(name)`).
    ///
    /// Does not access files: paths are checked, and files read, by [`crate::Server::open`].
    ///
    /// # Errors
    /// As [`Self::parse`], and [`Error::InvalidSecurity`] if an option needs another one or another scheme.
    pub fn with_security(
        server: &str,
        repository: &Path,
        install_dir: &Path,
        options: &SecurityOptions,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let mut endpoint = Self::parse(server, repository, install_dir)?;
        match &mut endpoint {
            Self::Grpc(grpc) => grpc.security = options.resolve(grpc, environment)?,
            _ => options.expect_none("a server in the process")?,
        }
        Ok(endpoint)
    }

    /// The endpoint with another way to pass tensors to remote servers.
    #[must_use]
    pub fn with_transfer(mut self, transfer: Transfer) -> Self {
        if let Self::Grpc(grpc) = &mut self {
            grpc.transfer = transfer;
        }
        self
    }
}

impl Grpc {
    fn parse(server: &str) -> Result<Self, Error> {
        let wrong = |part: &str, expected| Error::InvalidEndpoint {
            server: redact(server).into_owned(),
            part: redact(part).into_owned(),
            expected,
        };
        let (scheme, other) = if server.starts_with(GRPCS) {
            (GRPCS, GRPC)
        } else {
            (GRPC, GRPCS)
        };
        // A password may have a comma, so that no address can be told from the others.
        let urls: Vec<&str> = match server.contains('@') {
            true => vec![server],
            false => server.split(',').map(str::trim).collect(),
        };
        let address = |url: &str| {
            if url.starts_with(other) {
                return Err(wrong(
                    url,
                    "one scheme for all addresses: grpcs:// with TLS, or grpc:// without",
                ));
            }
            let address = url
                .strip_prefix(scheme)
                .ok_or_else(|| wrong(url, "grpc:// or grpcs:// before each address"))?;
            Address::parse(address).map_err(|expected| wrong(url, expected))
        };
        let tls = (scheme == GRPCS).then(Tls::default);
        Ok(Self {
            addresses: urls.into_iter().map(address).collect::<Result<_, _>>()?,
            security: Security {
                tls,
                ..Security::default()
            },
            transfer: Transfer::default(),
        })
    }

    /// `grpcs://` with TLS, else `grpc://`.
    fn scheme(&self) -> &'static str {
        if self.security.tls.is_some() { GRPCS } else { GRPC }
    }
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
            write!(f, "{comma}{}{address}", self.scheme())?;
        }
        Ok(())
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
        let check = |server: &str, expected: &[(&str, u16)], tls: bool, shown: &str| {
            let Endpoint::Grpc(endpoint) = parse(server).unwrap() else {
                panic!("{server}")
            };
            let addresses: Vec<_> = endpoint
                .addresses
                .iter()
                .map(|address| (&*address.host, address.port))
                .collect();
            assert_eq!(
                (&*addresses, endpoint.security.tls.is_some()),
                (expected, tls),
                "{server}"
            );
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(redact(server), server, "a valid address is shown");
        };
        let one = "grpc://localhost:8001";
        check(one, &[("localhost", 8001)], false, one);
        let name = [("triton_1.local", 1)];
        check("grpc://Triton_1.Local:1", &name, false, "grpc://triton_1.local:1");
        check("grpc://[0:0::1]:65535", &[("::1", 65535)], false, "grpc://[::1]:65535");
        let two = "grpc://10.0.0.7:8001,grpc://b:9";
        check(two, &[("10.0.0.7", 8001), ("b", 9)], false, two);
        check(
            "grpc://10.0.0.7:8001, grpc://b:9",
            &[("10.0.0.7", 8001), ("b", 9)],
            false,
            two,
        );
        let encrypted = "grpcs://10.0.0.7:8001,grpcs://b:9";
        check(encrypted, &[("10.0.0.7", 8001), ("b", 9)], true, encrypted);
    }

    #[test]
    fn unsupported_schemes_are_reported_with_the_supported_ones() {
        for server in ["inprocess", "", "http://a:8000", "a:8001", "GRPC://a:1", "grpcss://a:1"] {
            let error = parse(server).unwrap_err();
            assert_eq!(error, Error::UnsupportedEndpoint { server: server.into() });
            assert!(error.is_fatal());
            assert!(error.to_string().contains("`grpcs://HOST:PORT`"), "{error}");
        }
    }

    #[test]
    fn malformed_addresses_are_reported_with_the_malformed_one() {
        let check = |server: &str, wrong: &str, expected: &str| {
            let error = parse(server).unwrap_err();
            let Error::InvalidEndpoint { part, .. } = &error else {
                panic!("{server}: {error:?}")
            };
            assert_eq!(part.as_str(), wrong, "{server}");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.is_fatal());
        };
        let port = "a port from 1 to 65535";
        let scheme = "grpc:// or grpcs:// before each";
        check("grpc://", "grpc://", "HOST:PORT");
        check("grpc://a", "grpc://a", "8001");
        check("grpcs://[::1]", "grpcs://[::1]", "HOST:PORT");
        check("grpc://a:", "grpc://a:", port);
        check("grpc://a:0", "grpc://a:0", port);
        check("grpc://a:70000", "grpc://a:70000", port);
        check("grpc://a:port", "grpc://…", port);
        check("grpc://a:8001/v2", "grpc://a:8001/…", "nothing after it");
        check("grpc://a:8001?a=b", "grpc://a:8001?…", "nothing after its port");
        check("grpc://:8001", "grpc://:8001", "a name");
        check("grpc://me@a:8001", "grpc://…", "without user name");
        check("grpc://me:pass,word@a:8001", "grpc://…", "without user name");
        check("grpc://a b:8001", "grpc://…", "a name");
        check("grpc://::1:8001", "grpc://::1:8001", "an [IPv6 address]");
        check("grpc://[a]:8001", "grpc://[a]:8001", "an [IPv6 address]");
        check("grpc://a:1,b:2", "b:2", scheme);
        check("grpc://a:1,", "", scheme);
        check("grpc://a:1,grpcs://b:2", "grpcs://b:2", "one scheme for all");
        check("grpcs://a:1,grpc://b:2", "grpc://b:2", "one scheme for all");
    }

    /// Every form in which a secret has been seen in a `server`, and what a mistake makes of it.
    #[test]
    fn errors_never_have_secrets() {
        for server in [
            "grpc://alice:hunter2@host:1",
            "grpcs://alice:hunter2@host:1",
            "grpc://hunter2@host:1",
            "grpcs://:hunter2@host:1",
            "grpc:// alice:hunter2@",
            "grpc://alice:hunter2@",
            "grpc://alice:hunter2",
            "GRPC://ALICE:hunter2@HOST:1",
            "http://alice:hunter2@host:1",
            "alice:hunter2@host:1",
            "grpc:alice:hunter2@host:1",
            "grpc//alice:hunter2@host:1",
            "grpc://alice:x@hunter2@host:1",
            "grpc://alice:x/hunter2@host:1",
            "grpc://alice:x,hunter2@host:1",
            "grpc://alice:1,hunter2:2@host:1",
            "grpc://alice:x?hunter2@host:1",
            "grpc://alice:hunter2%40host:1",
            "grpc%3A%2F%2Falice%3Ahunter2%40host%3A1",
            "grpc://alice%3Ahunter2@host:1",
            "grpc://[alice:hunter2@::1]:1",
            "grpc://host:1?token=hunter2",
            "grpcs://host:1?x=y&token=hunter2",
            "grpc://host:1/?token=hunter2",
            "grpc://host?token=hunter2",
            "grpc://host:1#hunter2",
            "grpc://host:1/hunter2",
            "grpc://host:1;hunter2",
            "grpc://host:1 hunter2",
            "grpc://host:hunter2",
            "grpc://host:1,hunter2",
            "grpc://host:1,grpc://b:2?hunter2,grpc://c:3",
            "grpc://host:1,grpc://alice:hunter2@b:2",
            "grpcs://alice:hunter2@a:1,grpc://b:2",
            "inprocess:hunter2",
            "inprocess:?token=hunter2",
            "Authorization: Bearer hunter2",
            "authorization=hunter2",
            "Bearer hunter2",
            "Basic hunter2==",
            "hunter2",
            "grpc://Bearer hunter2",
            "\"hunter2\"",
            "grpc://host:1\nauthorization: hunter2",
        ] {
            let error = parse(server).unwrap_err();
            let shown = format!("{error} {error:?} {error:#?} {}", redact(server));
            assert!(!shown.to_ascii_lowercase().contains("hunter2"), "{server}: {shown}");
            assert!(!shown.contains("alice"), "{server}: {shown}");
        }
    }

    fn secured(server: &str, options: &SecurityOptions, variables: &[(&str, &str)]) -> Result<Security, Error> {
        let look_up = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        };
        match Endpoint::with_security(server, Path::new(""), Path::new(""), options, look_up)? {
            Endpoint::Grpc(grpc) => Ok(grpc.security),
            _ => Ok(Security::default()),
        }
    }

    const TLS_VARIABLES: [(&str, &str); 4] = [
        ("SHOPFLOOR_TLS_CA_FILE", "ca"),
        ("SHOPFLOOR_TLS_CERTIFICATE_FILE", "certificate"),
        ("SHOPFLOOR_TLS_KEY_FILE", "key"),
        ("SHOPFLOOR_TLS_SERVER_NAME", "name"),
    ];

    #[test]
    fn an_option_comes_before_its_environment_variable() {
        let identity = |certificate: &str, key: &str| Identity {
            certificate_file: certificate.into(),
            key_file: key.into(),
        };
        let none = SecurityOptions::default();
        let tls = secured("grpcs://a:1", &none, &TLS_VARIABLES).unwrap().tls.unwrap();
        assert_eq!(tls.ca_file, Some("ca".into()));
        assert_eq!(tls.identity, Some(identity("certificate", "key")));
        assert_eq!(tls.server_name.as_deref(), Some("name"));
        let options = SecurityOptions {
            tls_ca_file: Some("own-ca".into()),
            tls_certificate_file: Some("own".into()),
            tls_server_name: Some(String::new()),
            token_file: Some("own-token".into()),
            headers_file: Some(PathBuf::new()),
            ..SecurityOptions::default()
        };
        let variables = [
            &TLS_VARIABLES[..],
            &[("SHOPFLOOR_TOKEN", "t"), ("SHOPFLOOR_HEADERS_FILE", "h")],
        ]
        .concat();
        let security = secured("grpcs://a:1", &options, &variables).unwrap();
        let tls = security.tls.unwrap();
        assert_eq!(tls.ca_file, Some("own-ca".into()));
        assert_eq!(
            tls.identity,
            Some(identity("own", "own")),
            "not the key of another certificate"
        );
        assert_eq!(tls.server_name.as_deref(), Some("name"), "an empty option is not set");
        assert_eq!(security.token, Some(Source::File("own-token".into())));
        assert_eq!(security.headers, Some(Source::File("h".into())));
        assert_eq!(secured("grpcs://a:1", &none, &[]).unwrap().tls, Some(Tls::default()));
    }

    #[test]
    fn options_that_do_not_apply_are_refused_and_variables_ignored() {
        for server in ["grpc://a:1", "inprocess:"] {
            assert_eq!(
                secured(server, &SecurityOptions::default(), &TLS_VARIABLES),
                Ok(Security::default())
            );
            for (option, name) in [
                (
                    SecurityOptions {
                        tls_ca_file: Some("x".into()),
                        ..Default::default()
                    },
                    "tls-ca-file",
                ),
                (
                    SecurityOptions {
                        tls_key_file: Some("x".into()),
                        ..Default::default()
                    },
                    "tls-key-file",
                ),
                (
                    SecurityOptions {
                        tls_server_name: Some("x".into()),
                        ..Default::default()
                    },
                    "tls-server-name",
                ),
            ] {
                let error = secured(server, &option, &[]).unwrap_err();
                let text = error.to_string();
                assert!(
                    text.contains(name) && text.contains("grpcs://") && error.is_fatal(),
                    "{text}"
                );
            }
        }
        let token = SecurityOptions {
            token_file: Some("x".into()),
            ..Default::default()
        };
        assert!(secured("inprocess:", &token, &[]).is_err());
        let key = SecurityOptions {
            tls_key_file: Some("x".into()),
            ..Default::default()
        };
        let text = secured("grpcs://a:1", &key, &[]).unwrap_err().to_string();
        assert!(
            text.contains("tls-key-file") && text.contains("tls-certificate-file"),
            "{text}"
        );
        let name = SecurityOptions {
            tls_server_name: Some("https://x:1".into()),
            ..Default::default()
        };
        let text = secured("grpcs://a:1", &name, &[]).unwrap_err().to_string();
        assert!(
            text.contains("tls-server-name") && text.contains("without scheme"),
            "{text}"
        );
    }

    #[test]
    fn a_token_needs_tls_unless_it_stays_on_this_machine() {
        let none = SecurityOptions::default();
        let token = [("SHOPFLOOR_TOKEN", "hunter2")];
        for server in ["grpcs://a:1", "grpc://localhost:1", "grpc://127.0.0.9:1,grpc://[::1]:2"] {
            let security = secured(server, &none, &token).unwrap();
            let value = Secret::from("hunter2");
            let name = "SHOPFLOOR_TOKEN";
            assert_eq!(security.token, Some(Source::Variable(Variable { name, value })));
            assert!(!format!("{security:?}").contains("hunter2"));
        }
        let error = secured("grpc://localhost:1,grpc://10.0.0.7:1", &none, &token).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("grpc://10.0.0.7:1") && text.contains("grpcs://") && !text.contains("hunter2"),
            "{text}"
        );
        let headers = [("SHOPFLOOR_HEADERS", "a: b")];
        assert!(secured("grpc://10.0.0.7:1", &none, &headers).unwrap().headers.is_some());
        let two = [("SHOPFLOOR_TOKEN", "hunter2"), ("SHOPFLOOR_TOKEN_FILE", "f")];
        let text = secured("grpcs://a:1", &none, &two).unwrap_err().to_string();
        assert!(
            text.contains("SHOPFLOOR_TOKEN_FILE is set too") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn endpoints_with_other_credentials_are_different() {
        let none = SecurityOptions::default();
        let of = |variables: &[(&str, &str)]| secured("grpcs://a:1", &none, variables).unwrap();
        let all = [
            of(&[]),
            of(&[("SHOPFLOOR_TOKEN", "a")]),
            of(&[("SHOPFLOOR_TOKEN", "b")]),
            of(&[("SHOPFLOOR_HEADERS", "a: b")]),
            of(&[("SHOPFLOOR_TLS_CA_FILE", "a")]),
            of(&TLS_VARIABLES),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(of(&[("SHOPFLOOR_TOKEN", "a")]), all[1]);
    }
}
