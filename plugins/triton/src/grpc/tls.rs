//! TLS of an endpoint's connections: the files that it needs, read again for each connection.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::file;
use crate::endpoint::{CA_FILE, CERTIFICATE_FILE, KEY_FILE};
use crate::{Error, Identity, Tls, lock};

/// The protocol of gRPC, agreed on in the handshake.
pub(super) const HTTP2: &[u8] = b"h2";

/// What the connections of an endpoint share.
pub(super) struct ClientTls {
    options: Tls,
    state: Mutex<State>,
}

struct State {
    config: Arc<ClientConfig>,
    /// Why the files could not be read for the last connection, which used those of the one before.
    problem: Option<Error>,
}

impl ClientTls {
    /// Reads the files. Takes as long as their file system takes.
    ///
    /// # Errors
    /// [`Error::SecurityFile`], or [`Error::InvalidSecurity`] if there is no CA.
    pub(super) fn read(options: &Tls) -> Result<Self, Error> {
        Ok(Self {
            options: options.clone(),
            state: Mutex::new(State {
                config: config(options)?,
                problem: None,
            }),
        })
    }

    /// The user's options.
    pub(super) fn options(&self) -> &Tls {
        &self.options
    }

    /// Reads the files again, because certificates are renewed; keeps what was read before if they cannot be used.
    pub(super) fn renewed(&self) -> Arc<ClientConfig> {
        let read = config(&self.options);
        let mut state = lock(&self.state);
        match read {
            Ok(config) => (state.config, state.problem) = (config, None),
            Err(problem) => state.problem = Some(problem),
        }
        Arc::clone(&state.config)
    }

    /// Why the files could not be read for the last connection.
    pub(super) fn problem(&self) -> Option<Error> {
        lock(&self.state).problem.clone()
    }
}

fn config(options: &Tls) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider()); // not the process's, which is the application's
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| no_ca(error.to_string()))?;
    let verifier = verifier(options, provider)?;
    let builder = builder.with_webpki_verifier(verifier);
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certificates, key) = read_identity(identity)?;
            builder.with_client_auth_cert(certificates, key).map_err(|error| {
                let reason = format!("is not the certificate's key: {error}");
                let remedy = format!("name the key of the certificate in {CERTIFICATE_FILE}");
                file::wrong(KEY_FILE, &identity.key_file, reason, remedy)
            })?
        }
    };
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Arc::new(config))
}

/// Verifies servers with the CAs of the user's file, else with the system's.
fn verifier(options: &Tls, provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    match &options.ca_file {
        Some(path) => {
            for certificate in certificates(CA_FILE, path)? {
                roots
                    .add(certificate)
                    .map_err(|error| unusable(CA_FILE, path, &error))?;
            }
        }
        // Some of a system's certificates are always too old to be read.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map_err(|_| no_ca("this system has no CA certificates".into()))
}

fn no_ca(reason: String) -> Error {
    Error::InvalidSecurity {
        option: CA_FILE,
        reason,
        remedy: "install ca-certificates, or name the file of the server's CA".into(),
    }
}

/// The certificates in a file; at least one.
fn certificates(option: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = file::read(option, path)?;
    let remedy = "name a PEM file with `-----BEGIN CERTIFICATE-----`";
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    // The parser's error may quote the file.
    let found = found.map_err(|_| file::wrong(option, path, "is not valid PEM", remedy))?;
    match found.is_empty() {
        true => Err(file::wrong(option, path, "has no certificate", remedy)),
        false => Ok(found),
    }
}

fn unusable(option: &'static str, path: &Path, error: &rustls::Error) -> Error {
    let reason = format!("has a certificate that cannot be used: {error}");
    file::wrong(option, path, reason, "name a file with X.509 certificates")
}

type KeyPair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_identity(identity: &Identity) -> Result<KeyPair, Error> {
    let Identity {
        certificate_file,
        key_file,
    } = identity;
    let certificates = certificates(CERTIFICATE_FILE, certificate_file)?;
    let pem = file::read(KEY_FILE, key_file)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let is_encrypted = String::from_utf8_lossy(&pem).contains("ENCRYPTED");
        let (reason, remedy) = match is_encrypted {
            true => ("has an encrypted key", "decrypt it: openssl pkey -in FILE -out KEY"),
            false => (
                "has no private key",
                "name a PEM file with `-----BEGIN PRIVATE KEY-----`",
            ),
        };
        file::wrong(KEY_FILE, key_file, reason, remedy)
    })?;
    Ok((certificates, key))
}
