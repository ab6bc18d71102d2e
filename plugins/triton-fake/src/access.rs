//! Who may call: TLS, a required header, and the headers that calls had.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tonic::metadata::KeyAndValueRef;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use tonic::{Request, Status};

use crate::lock;

/// A server's certificate, in PEM.
#[derive(Clone)]
pub struct Tls {
    /// The certificate and those of intermediate CAs.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The CA of clients' certificates, which are required if it is set.
    pub client_ca: Option<String>,
}

impl Tls {
    pub(crate) fn config(&self) -> ServerTlsConfig {
        let config = ServerTlsConfig::new().identity(Identity::from_pem(&self.certificate, &self.key));
        match &self.client_ca {
            Some(ca) => config.client_ca_root(Certificate::from_pem(ca)),
            None => config,
        }
    }
}

/// The headers of one call; values that are sent several times are joined with `, `.
pub type Headers = BTreeMap<String, String>;

/// The header that calls need, and what they had.
#[derive(Default)]
pub(crate) struct Access {
    required: Mutex<Option<(String, String)>>,
    last: Mutex<Headers>,
}

impl Access {
    pub(crate) fn require(&self, name: &str, value: &str) {
        *lock(&self.required) = Some((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn last(&self) -> Headers {
        lock(&self.last).clone()
    }

    /// Records the call's headers, and rejects it without the required one. The status repeats the value, as careless
    /// proxies do.
    pub(crate) fn check(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let mut headers = Headers::new();
        for entry in request.metadata().iter() {
            if let KeyAndValueRef::Ascii(key, value) = entry {
                let value = value.to_str().unwrap_or_default();
                let joined = headers.entry(key.to_string()).or_default();
                *joined = if joined.is_empty() {
                    value.to_owned()
                } else {
                    format!("{joined}, {value}")
                };
            }
        }
        let found = lock(&self.required)
            .as_ref()
            .map(|(name, value)| (headers.get(name).cloned(), value.clone()));
        *lock(&self.last) = headers;
        match found {
            Some((found, value)) if found.as_ref() != Some(&value) => Err(Status::unauthenticated(format!(
                "got {}",
                found.unwrap_or("nothing".into())
            ))),
            _ => Ok(request),
        }
    }
}
