//! Access to the servers of an endpoint: TLS and headers, read once for all its addresses, and what a refusal means.

use std::collections::HashMap;
use std::sync::Arc;

use tonic::Status;

use super::connector::{Connector, Peer};
use super::handshake::{explain, explain_plain};
use super::headers::{AddHeaders, Headers};
use super::status::{Failure, is_access_denied, reason};
use super::tls::ClientTls;
use crate::{Address, Error, Grpc};

/// What the channels of an endpoint share.
pub(super) struct Access {
    tls: Option<(Arc<ClientTls>, HashMap<Address, Peer>)>,
    headers: Arc<Headers>,
}

impl Access {
    /// Reads the files. Takes as long as their file system takes.
    ///
    /// # Errors
    /// [`Error::InvalidSecurity`] or [`Error::SecurityFile`].
    pub(super) fn read(endpoint: &Grpc) -> Result<Self, Error> {
        let tls = match &endpoint.security.tls {
            None => None,
            Some(options) => {
                let tls = Arc::new(ClientTls::read(options)?);
                let peer = |address: &Address| Ok((address.clone(), Peer::new(address, &tls)?));
                let peers = endpoint.addresses.iter().map(peer).collect::<Result<_, Error>>()?;
                Some((tls, peers))
            }
        };
        Ok(Self {
            tls,
            headers: Headers::read(&endpoint.security)?,
        })
    }

    /// What connects to `address`, if connections have TLS.
    pub(super) fn connector(&self, address: &Address) -> Option<Connector> {
        let (tls, peers) = self.tls.as_ref()?;
        Some(Connector::new(Arc::clone(tls), peers.get(address)?.clone()))
    }

    /// Adds the headers to each call.
    pub(super) fn interceptor(&self) -> AddHeaders {
        AddHeaders(Arc::clone(&self.headers))
    }

    /// What is wrong with certificates or credentials, and what to do, if that is why a call failed.
    fn refusal(&self, address: &Address, status: &Status) -> Option<String> {
        if is_access_denied(status) {
            let (code, message, remedy) = (status.code(), reason(status), self.headers.remedy());
            return Some(format!("the server refuses access ({code:?}: {message}); {remedy}"));
        }
        let (tls, peers) = self.tls.as_ref()?;
        let text = explain(status, peers.get(address)?.refusal(), tls.options())?;
        Some(match tls.problem() {
            Some(problem) => format!("{text} (the files of before are used: {problem})"),
            None => text,
        })
    }

    /// The failure of a call that a server has answered, without secrets in the server's message.
    pub(super) fn failure(&self, status: Status) -> Failure {
        match Failure::from(status) {
            Failure::Status { code, message } => Failure::Status {
                code,
                message: self.headers.redact(&message),
            },
            failure => failure,
        }
    }
}

/// Why the addresses of an endpoint cannot be used.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    texts: Vec<String>,
    /// Whether one of them may be usable later, without a change of certificates or credentials.
    is_temporary: bool,
}

impl Reasons {
    /// Adds the failure of a call of `address`.
    pub(super) fn push(&mut self, access: &Access, address: &Address, status: &Status) {
        let refusal = access.refusal(address, status);
        self.is_temporary |= refusal.is_none();
        self.add(access, address, &refusal.unwrap_or_else(|| reason(status)));
    }

    /// Adds the failure of the first call of `address`, which may expect TLS.
    pub(super) fn push_first(&mut self, access: &Access, address: &Address, status: &Status) {
        match explain_plain(status).filter(|_| access.tls.is_none()) {
            Some(reason) => {
                self.is_temporary = true;
                self.add(access, address, &reason);
            }
            None => self.push(access, address, status),
        }
    }

    fn add(&mut self, access: &Access, address: &Address, reason: &str) {
        let reason = access.headers.redact(reason);
        self.texts.push(format!("{address}: {reason}"));
    }

    /// All of them in one line.
    pub(super) fn text(&self) -> String {
        self.texts.join("; ")
    }

    /// The error of an endpoint that has never been connected to: its certificates or credentials may be wrong.
    pub(super) fn into_error(self, endpoint: &Grpc) -> Error {
        let (endpoint, reason) = (endpoint.to_string(), self.text());
        match self.is_temporary {
            true => Error::Unreachable { endpoint, reason },
            false => Error::Untrusted { endpoint, reason },
        }
    }
}
