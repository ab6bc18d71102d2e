//! How connections to a gRPC server are encrypted and authenticated. Files are named here and read when connecting.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Grpc;
use crate::Error;

/// How connections to servers are encrypted, and how calls are authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Security {
    /// TLS (`grpcs://`); `None` (`grpc://`): connections are not encrypted.
    pub tls: Option<Tls>,
    /// Headers of every call, one `NAME: VALUE` per line.
    pub headers: Option<Source>,
    /// The token that every call sends as `authorization: Bearer TOKEN`.
    pub token: Option<Source>,
}

/// TLS of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// The CAs that may have issued the server's certificate, in PEM; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate, for servers that require one (mutual TLS).
    pub identity: Option<Identity>,
    /// The name or IP address that the server's certificate has to have; `None`: the host of the address.
    pub server_name: Option<String>,
}

/// A certificate of the client and its private key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The certificate, followed by those of intermediate CAs, in PEM.
    pub certificate_file: PathBuf,
    /// The private key, not encrypted, in PEM. It may be the same file.
    pub key_file: PathBuf,
}

/// Where a secret is read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A file, which is read again when it may have changed.
    File(PathBuf),
    /// An environment variable.
    Variable(Variable),
}

/// An environment variable with a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variable {
    /// Its name, for error messages.
    pub name: &'static str,
    /// Its value.
    pub value: Secret,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// The text.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A user's options for the security of a connection. Empty values count as not set.
///
/// | option | environment variable |
/// |---|---|
/// | `tls-ca-file` | `SHOPFLOOR_TLS_CA_FILE` |
/// | `tls-certificate-file`, `tls-key-file` | `SHOPFLOOR_TLS_CERTIFICATE_FILE`, `SHOPFLOOR_TLS_KEY_FILE` |
/// | `tls-server-name` | `SHOPFLOOR_TLS_SERVER_NAME` |
/// | `headers-file` | `SHOPFLOOR_HEADERS_FILE`, or the headers themselves in `SHOPFLOOR_HEADERS` |
/// | `token-file` | `SHOPFLOOR_TOKEN_FILE`, or the token itself in `SHOPFLOOR_TOKEN` |
///
/// An option comes before its environment variable. The variables are defaults of all elements: those for TLS are ignored
/// for a server without it, while an option is refused there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityOptions {
    /// See [`Tls::ca_file`].
    pub tls_ca_file: Option<PathBuf>,
    /// See [`Identity::certificate_file`].
    pub tls_certificate_file: Option<PathBuf>,
    /// See [`Identity::key_file`]; `None`: the key is in the certificate's file.
    pub tls_key_file: Option<PathBuf>,
    /// See [`Tls::server_name`].
    pub tls_server_name: Option<String>,
    /// See [`Security::headers`].
    pub headers_file: Option<PathBuf>,
    /// See [`Security::token`].
    pub token_file: Option<PathBuf>,
}

/// The options' names in error messages, with their environment variables.
pub(crate) const CA_FILE: &str = "tls-ca-file (SHOPFLOOR_TLS_CA_FILE)";
pub(crate) const CERTIFICATE_FILE: &str = "tls-certificate-file (SHOPFLOOR_TLS_CERTIFICATE_FILE)";
pub(crate) const KEY_FILE: &str = "tls-key-file (SHOPFLOOR_TLS_KEY_FILE)";
pub(crate) const SERVER_NAME: &str = "tls-server-name (SHOPFLOOR_TLS_SERVER_NAME)";
pub(crate) const HEADERS: &str = "headers-file (SHOPFLOOR_HEADERS_FILE, SHOPFLOOR_HEADERS)";
pub(crate) const TOKEN: &str = "token-file (SHOPFLOOR_TOKEN_FILE, SHOPFLOOR_TOKEN)";

impl SecurityOptions {
    /// The security of a connection to `grpc`, which says whether there is TLS.
    pub(super) fn resolve(
        &self,
        grpc: &Grpc,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Security, Error> {
        let environment = Environment(environment);
        let tls = match &grpc.security.tls {
            Some(_) => Some(self.tls(&environment)?),
            None => {
                self.expect_no_tls("a server without TLS")?;
                None
            }
        };
        let token = source(
            self.token_file.as_deref(),
            &environment,
            "SHOPFLOOR_TOKEN_FILE",
            "SHOPFLOOR_TOKEN",
        )?;
        let exposed = grpc.addresses.iter().find(|address| !address.is_loopback());
        if let (Some(_), None, Some(address)) = (&token, &tls, exposed) {
            return Err(Error::InvalidSecurity {
                option: TOKEN,
                reason: format!("grpc://{address} has no TLS, and everybody on the way could read the token"),
                remedy: "write grpcs://; in a trusted network, send the token by headers-file".into(),
            });
        }
        let headers = source(
            self.headers_file.as_deref(),
            &environment,
            "SHOPFLOOR_HEADERS_FILE",
            "SHOPFLOOR_HEADERS",
        )?;
        Ok(Security { tls, headers, token })
    }

    fn tls<E: Fn(&str) -> Option<OsString>>(&self, environment: &Environment<E>) -> Result<Tls, Error> {
        let file = |option: &Option<PathBuf>, variable| set(option.as_deref()).or_else(|| environment.path(variable));
        // Certificate and key are a pair: an option for one does not go with a variable for the other.
        let pair = (
            set(self.tls_certificate_file.as_deref()),
            set(self.tls_key_file.as_deref()),
        );
        let pair = match pair {
            (None, None) => (
                environment.path("SHOPFLOOR_TLS_CERTIFICATE_FILE"),
                environment.path("SHOPFLOOR_TLS_KEY_FILE"),
            ),
            pair => pair,
        };
        let identity = match pair {
            (None, None) => None,
            (Some(certificate_file), key_file) => Some(Identity {
                key_file: key_file.unwrap_or_else(|| certificate_file.clone()),
                certificate_file,
            }),
            (None, Some(_)) => {
                return Err(Error::InvalidSecurity {
                    option: KEY_FILE,
                    reason: "there is no certificate for the key".into(),
                    remedy: format!("set {CERTIFICATE_FILE} too"),
                });
            }
        };
        let server_name = self.tls_server_name.clone().filter(|name| !name.is_empty());
        let server_name = match server_name {
            None => environment.text("SHOPFLOOR_TLS_SERVER_NAME")?,
            name => name,
        };
        if let Some(name) = &server_name
            && tokio_rustls::rustls::pki_types::ServerName::try_from(name.as_str()).is_err()
        {
            return Err(Error::InvalidSecurity {
                option: SERVER_NAME,
                reason: format!("'{name}' is neither a host name nor an IP address"),
                remedy: "give a name that the server's certificate has, without scheme and port".into(),
            });
        }
        Ok(Tls {
            ca_file: file(&self.tls_ca_file, "SHOPFLOOR_TLS_CA_FILE"),
            identity,
            server_name,
        })
    }

    /// An error if an option is set that `server` has no use for.
    pub(super) fn expect_none(&self, server: &str) -> Result<(), Error> {
        self.expect_no_tls(server)?;
        let files = [(&self.headers_file, HEADERS), (&self.token_file, TOKEN)];
        let used = files.iter().find(|(file, _)| set(file.as_deref()).is_some());
        used.map_or(Ok(()), |(_, option)| Err(needs_tls(option, server)))
    }

    fn expect_no_tls(&self, server: &str) -> Result<(), Error> {
        let name = self.tls_server_name.as_deref().map(Path::new);
        let options = [
            (self.tls_ca_file.as_deref(), CA_FILE),
            (self.tls_certificate_file.as_deref(), CERTIFICATE_FILE),
            (self.tls_key_file.as_deref(), KEY_FILE),
            (name, SERVER_NAME),
        ];
        let used = options.iter().find(|(option, _)| set(*option).is_some());
        used.map_or(Ok(()), |(_, option)| Err(needs_tls(option, server)))
    }
}

fn needs_tls(option: &'static str, server: &str) -> Error {
    Error::InvalidSecurity {
        option,
        reason: format!("it is not used for {server}"),
        remedy: "write server=grpcs://HOST:PORT, or do not set it".into(),
    }
}

/// The path, unless it is empty.
fn set(path: Option<&Path>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned)
}

/// The file of an option, else that of the variable `file`, else the value of the variable `value`.
fn source<E: Fn(&str) -> Option<OsString>>(
    option: Option<&Path>,
    environment: &Environment<E>,
    file: &'static str,
    value: &'static str,
) -> Result<Option<Source>, Error> {
    if let Some(path) = set(option) {
        return Ok(Some(Source::File(path)));
    }
    match (environment.path(file), environment.text(value)?) {
        (None, None) => Ok(None),
        (Some(path), None) => Ok(Some(Source::File(path))),
        (None, Some(text)) => Ok(Some(Source::Variable(Variable {
            name: value,
            value: text.as_str().into(),
        }))),
        (Some(_), Some(_)) => Err(Error::InvalidSecurity {
            option: value,
            reason: format!("{file} is set too"),
            remedy: "set one of them".into(),
        }),
    }
}

/// A look-up of environment variables.
struct Environment<E>(E);

impl<E: Fn(&str) -> Option<OsString>> Environment<E> {
    fn path(&self, variable: &str) -> Option<PathBuf> {
        (self.0)(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn text(&self, variable: &'static str) -> Result<Option<String>, Error> {
        let value = (self.0)(variable).filter(|value| !value.is_empty());
        let text = value.map(|value| {
            value.into_string().map_err(|_| Error::InvalidSecurity {
                option: variable,
                reason: "its value is not UTF-8".into(),
                remedy: "correct it".into(),
            })
        });
        text.transpose()
    }
}
